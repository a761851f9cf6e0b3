"""Axes, colours and legends: how numbers and names turn into places and looks."""

import math
from collections.abc import Sequence
from typing import Any, TypedDict, TypeVar

import altair as alt

from embstore.asking.question import CHANNEL_TYPES, Channel
from embstore.charts.drawing import Drawing
from embstore.charts.theme import CHARACTER_WIDTH, DASHES, PANELS_ABREAST, SHAPES, WIDTH
from embstore.charts.words import axis_title, is_value, title_of
from embstore.types import MetricInfo

# Columns that span orders of magnitude, with the base of their logarithmic axis.
_LOGARITHMIC = {"mean_distance": 10, "rank": 2, "ratio": 10}
# Numbers around a middle of 0, with the size from which on they look the same.
_DIVERGING = {"change_in_errors": 10.0}

# A bounded metric whose values all lie below this would draw as a flat line on
# the full axis.
_SMALL = 0.05
# 1000 as 1k, each label by itself: a format would give all of them one prefix, and 1 as 0k.
_SHORT = "format(datum.value, '~s')"
# Zero is the end of a distance, and lies on its axis whatever the data.
_FROM_ZERO = {"distance"}
# More series than this are hard to tell apart, whatever their looks.
_MANY = 8

_Apart = TypeVar("_Apart", alt.Color, alt.Shape, alt.StrokeDash)


class Field(TypedDict):
    """A column and how to read it, as keywords of every Altair channel."""

    field: str
    # Each channel of Altair's lists the types that it takes.
    type: Any


def field_of(channel: Channel, column: str = "") -> Field:
    """Name a channel's column and type, or another column of that type.

    Not in Altair's shorthand, which reads a column named ``max(a)`` as an aggregate.
    """
    # Vega reads . and [ ] in a field's name as a path into an object.
    name = column or channel.column
    for special in "\\.[]":
        name = name.replace(special, f"\\{special}")
    return Field(field=name, type=CHANNEL_TYPES[channel.type])


def axis_of(key: str, drawing: Drawing, column: str = "") -> alt.X | alt.Y:
    """Return ``x`` or ``y`` with its axis, or another column on the same axis."""
    channel = drawing.channels[key]
    position: type[alt.X] | type[alt.Y] = alt.X if key == "x" else alt.Y
    field = field_of(channel, column)
    if channel.type != "Q":
        return position(**field, **_categories(key, drawing))
    numbers = drawing.numbers(channel)
    grid = key == "y" or channel.column != "layer"
    note = " (log scale)"
    if channel.scale == "symlog" and max(numbers, default=0) > 0 <= min(numbers):
        scale = alt.Scale(type="symlog", constant=_least(numbers), nice=False)
        axis = alt.Axis(
            grid=grid, values=_decades(numbers), labelExpr=_SHORT, labelOverlap="greedy"
        )
    elif (base := _base(channel)) and numbers and min(numbers) > 0:
        scale = alt.Scale(type="log", base=base, nice=False)
        axis = alt.Axis(grid=key == "y", tickCount=5, format="~g")
    else:
        scale, axis = _linear(key, channel, drawing, numbers)
        axis.grid = grid
        note = ""
    return position(**field, title=axis_title(key, drawing, note), axis=axis, scale=scale)


def color_of(drawing: Drawing, **looks: Any) -> alt.Color:
    """Colour categories apart, and numbers from dark to light."""
    channel = drawing.channels["color"]
    if channel.type != "Q":
        return _apart(alt.Color, channel, drawing, drawing.theme.colors, **looks)
    scale, title = _gradient(channel, drawing)
    legend = alt.Legend(direction="horizontal", gradientLength=200, **looks)
    return alt.Color(**field_of(channel), title=title, scale=scale, legend=legend)


def edge_of(drawing: Drawing) -> alt.Stroke | None:
    """Colour the edges of cells as the cells; None where Vega-Lite would lose the legend.

    Where the colours' domain is given, it merges the legends of edges and cells, and shows
    neither.
    """
    channel = drawing.channels["color"]
    scale, title = _gradient(channel, drawing)
    if scale["domain"] is not alt.Undefined:
        return None
    return alt.Stroke(**field_of(channel), title=title, scale=scale, legend=None)


def shapes_of(drawing: Drawing) -> list[alt.Shape]:
    """Give every category a shape, beside its colour; a shape per number would mean nothing."""
    channel = drawing.channels.get("shape", drawing.channels.get("color"))
    if channel is None or channel.type == "Q":
        return []
    return [_apart(alt.Shape, channel, drawing, SHAPES)]


def dashes_of(drawing: Drawing) -> list[alt.StrokeDash]:
    """Tell lines apart by their dashes, where another channel than colour asks for it.

    Where none does, series beyond the number of colours are dashed, for their colours
    come round again.
    """
    if "dash" in drawing.channels:
        # In one column: beside the legend of colours a row would be wider than the chart. The
        # symbol is as long as a dash needs, and no higher than a line of text.
        looks = {"columns": 1, "symbolSize": 160}
        return [_apart(alt.StrokeDash, drawing.channels["dash"], drawing, DASHES, **looks)]
    colors = len(drawing.theme.colors)
    channel = drawing.channels.get("color")
    if channel is None or channel.type == "Q" or len(drawing.names(channel)) <= colors:
        return []
    each = [DASHES[i // colors % len(DASHES)] for i in range(len(drawing.names(channel)))]
    return [_apart(alt.StrokeDash, channel, drawing, each)]


def _apart(
    kind: type[_Apart], channel: Channel, drawing: Drawing, values: Sequence[Any], **looks: Any
) -> _Apart:
    """Give every category its own colour, shape or dash, named in full."""
    names = drawing.names(channel)
    longest = max(map(len, names), default=0)
    room = WIDTH if drawing.panels == 1 else WIDTH * min(drawing.panels, PANELS_ABREAST) * 0.6
    columns = max(1, int(room / (longest * CHARACTER_WIDTH + 40)))
    legend = alt.Legend(**{"columns": columns, **looks})
    title = title_of(channel.column, None)
    if len(names) > _MANY and drawing.fewer:
        title = f"{title} ({len(names)}; for fewer: {drawing.fewer})"
    return kind(
        **field_of(channel),
        title=title,
        scale=alt.Scale(domain=names, range=[values[i % len(values)] for i in range(len(names))]),
        legend=None if len(names) < 2 and _told_elsewhere(channel, drawing) else legend,
    )


def _told_elsewhere(channel: Channel, drawing: Drawing) -> bool:
    """Tell whether a single category needs no legend: a panel or a row names it, or all do."""
    named = {drawing.channels[key].column for key in ("facet", "y") if key in drawing.channels}
    color = drawing.channels.get("color")
    return color is None or channel.column != color.column or channel.column in named


def _gradient(channel: Channel, drawing: Drawing) -> tuple[alt.Scale, str]:
    """Return the colours of numbers, and the title of their legend."""
    title = title_of(channel.column, drawing.metric)
    if channel.column in _DIVERGING:
        most = max((abs(number) for number in drawing.numbers(channel)), default=1.0)
        end = min(most, _DIVERGING[channel.column]) or 1.0
        if most > end:
            title = f"{title} (±{end:g} and beyond look alike)"
        return alt.Scale(scheme="blueorange", domain=[-end, end], domainMid=0, clamp=True), title
    scale = alt.Scale(scheme="viridis")
    if drawing.mark != "rect":
        scale.scheme = alt.SchemeParams(name="viridis", extent=list(drawing.theme.gradient))
    elif channel.column in _FROM_ZERO:
        scale.domainMin = 0
    if channel.column == "depth":
        scale.domain = [0, 1]
    return scale, title


class _Named(TypedDict, total=False):
    title: str | list[str] | None
    axis: alt.Axis
    scale: alt.Scale
    sort: Any


def _categories(key: str, drawing: Drawing) -> _Named:
    """Describe an axis of names, or of numbers that each take one place."""
    channel = drawing.channels[key]
    heat = drawing.mark == "rect"
    axis = alt.Axis(grid=key == "y" and not heat)
    if heat:
        # Many cells would have their ticks side by side, as a black bar.
        axis.ticks, axis.labelPadding = False, 5
    found = _Named(title=axis_title(key, drawing), axis=axis, scale=alt.Scale())
    if drawing.numbers(channel):
        axis.labelOverlap, axis.labelSeparation = "greedy", 3
        axis.labelAngle, axis.labelExpr = 0, _SHORT
        if key == "y" and channel.column == "layer":
            found["sort"] = "descending"
        return found
    # As the answer orders them: step10 after step9.
    found["sort"] = drawing.order(channel)
    if channel.type == "O":
        # Of many, some go without a label.
        axis.labelOverlap = "greedy"
    if key == "x":
        axis.labelAngle = -40
    else:
        # Names speak for themselves, and a title may be longer than their rows are high.
        found["title"] = None
    return found


def _linear(
    key: str, channel: Channel, drawing: Drawing, numbers: list[float]
) -> tuple[alt.Scale, alt.Axis]:
    """Return scale and axis of evenly spaced numbers."""
    metric = drawing.metric
    if channel.column in {"depth", "peak_depth"}:
        return alt.Scale(domain=[0, 1], nice=False), alt.Axis(tickCount=5, format=".1f")
    if numbers and all(isinstance(number, int) for number in numbers):
        axis = alt.Axis(tickCount=8, tickMinStep=1)
        if max(numbers) >= 10_000:
            axis.labelExpr = _SHORT
        else:
            axis.format = "d"
        return (alt.Scale(nice=False) if key == "x" else alt.Scale()), axis
    axis = alt.Axis(tickCount=6)
    if (
        metric
        and is_value(channel.column)
        and _is_share(metric)
        and max(numbers, default=0) > _SMALL
    ):
        return alt.Scale(domain=[0, 1]), axis
    # A dot among names shows a value, not an amount: its axis need not begin at 0.
    anywhere = drawing.mark == "point" and not drawing.channels.get("rule")
    return (alt.Scale(zero=False, padding=12) if anywhere else alt.Scale()), axis


def _is_share(metric: MetricInfo) -> bool:
    return metric.upper == "1" and metric.lower in {"0", "1/d"}


def _base(channel: Channel) -> int:
    """Return the base of a logarithmic axis; 0 where the axis is linear."""
    if channel.scale == "log":
        return _LOGARITHMIC.get(channel.column, 10)
    return 0 if channel.scale else _LOGARITHMIC.get(channel.column, 0)


def _least(numbers: list[float]) -> float:
    """Return the smallest number above 0: below it a symlog scale is linear."""
    return min((number for number in numbers if number > 0), default=1)


def _decades(numbers: list[float]) -> list[float]:
    """Place the ticks of a symlog axis, which else would crowd at its end."""
    least, most = _least(numbers), max(numbers)
    low, high = math.floor(math.log10(least)), math.ceil(math.log10(most))
    leads = (1,) if high - low > 3 else (1, 2, 5)
    ticks = [lead * 10.0**power for power in range(low, high + 1) for lead in leads]
    zero = [0.0] if min(numbers) <= 0 else []
    return zero + [tick for tick in ticks if least <= tick <= most]
