"""Writes axes, colours and legends: how numbers and names turn into places and looks."""

import math
from collections.abc import Sequence

from embstore.asking.question import CHANNEL_TYPES, Channel
from embstore.charts.drawing import Drawing
from embstore.charts.theme import CHARACTER_WIDTH, DASHES, PANELS_ABREAST, SHAPES, WIDTH, Spec
from embstore.charts.words import Title, axis_title, is_value, title_of
from embstore.types import MetricInfo

# Scales that run over orders of magnitude, with the base of their axis.
_LOGARITHMIC = {"mean_distance": 10, "rank": 2, "ratio": 10}
# Numbers around a middle of 0, with the size from which on they look the same.
_DIVERGING = {"change_in_errors": 10.0}

# A bounded metric whose values all lie below this would draw as a flat line on
# the full axis.
_SMALL = 0.05
# 1000 as 1k, each label by itself: a format would give all of them one prefix, and 1 as 0k.
_SHORT = "format(datum.value, '~s')"
# Zero is the end of a distance, and lies on its scale whatever the data.
_FROM_ZERO = {"distance"}
# More series than this are hard to tell apart, whatever their looks.
_MANY = 8


def write_field(channel: Channel) -> Spec:
    """Name a channel's column and type."""
    # Vega reads . and [ ] in a field's name as a path into an object.
    name = channel.column
    for special in "\\.[]":
        name = name.replace(special, f"\\{special}")
    return {"field": name, "type": CHANNEL_TYPES[channel.type]}


def write_axis(key: str, drawing: Drawing) -> Spec:
    """Write the axis and the scale of ``x`` or ``y``."""
    channel = drawing.channels[key]
    field = write_field(channel)
    if channel.type != "Q":
        return _categories(key, drawing, field)
    numbers = drawing.numbers(channel)
    axis: Spec = {"grid": key == "y" or channel.column != "layer"}
    scale: Spec
    note = " (log scale)"
    if channel.scale == "symlog" and max(numbers, default=0) > 0 <= min(numbers):
        scale = {"type": "symlog", "constant": _least(numbers), "nice": False}
        axis.update(values=_decades(numbers), labelExpr=_SHORT, labelOverlap="greedy")
    elif (base := _base(channel)) and numbers and min(numbers) > 0:
        scale = {"type": "log", "base": base, "nice": False}
        axis.update(grid=key == "y", tickCount=5, format="~g")
    else:
        scale, looks = _linear(key, channel, drawing, numbers)
        axis.update(looks)
        note = ""
    return {**field, "title": axis_title(key, drawing, note), "axis": axis, "scale": scale}


def write_color(drawing: Drawing, **looks: object) -> Spec:
    """Colour categories apart, and numbers from dark to light."""
    channel = drawing.channels["color"]
    if channel.type != "Q":
        return write_legend(channel, drawing, drawing.theme.colors, **looks)
    title = title_of(channel.column, drawing.metric)
    scale: Spec
    if channel.column in _DIVERGING:
        most = max((abs(number) for number in drawing.numbers(channel)), default=1.0)
        end = min(most, _DIVERGING[channel.column]) or 1.0
        scale = {"scheme": "blueorange", "domain": [-end, end], "domainMid": 0, "clamp": True}
        if most > end:
            title = f"{title} (±{end:g} and beyond look alike)"
    elif drawing.mark == "rect":
        scale = {"scheme": "viridis"}
        if channel.column in _FROM_ZERO:
            scale["domainMin"] = 0
    else:
        scale = {"scheme": {"name": "viridis", "extent": list(drawing.theme.gradient)}}
    if channel.column == "depth":
        scale["domain"] = [0, 1]
    legend: Spec = {"direction": "horizontal", "gradientLength": 200, **looks}
    return {**write_field(channel), "title": title, "scale": scale, "legend": legend}


def write_shape(channel: Channel, drawing: Drawing) -> Spec:
    """Give every category a shape, beside its colour."""
    return write_legend(channel, drawing, SHAPES)


def write_dash(drawing: Drawing) -> Spec:
    """Tell lines apart by their dashes, where another channel than colour asks for it.

    Where none does, series beyond the number of colours are dashed, for their colours
    come round again.
    """
    if "dash" in drawing.channels:
        # In one column: beside the legend of colours a row would be wider than the chart. The
        # symbol is as long as a dash needs, and no higher than a line of text.
        looks = {"columns": 1, "symbolSize": 160}
        return {"strokeDash": write_legend(drawing.channels["dash"], drawing, DASHES, **looks)}
    colors = len(drawing.theme.colors)
    channel = drawing.channels.get("color")
    if channel is None or channel.type == "Q" or len(drawing.names(channel)) <= colors:
        return {}
    each = [DASHES[i // colors % len(DASHES)] for i in range(len(drawing.names(channel)))]
    return {"strokeDash": write_legend(channel, drawing, each)}


def write_legend(
    channel: Channel, drawing: Drawing, values: Sequence[object], **looks: object
) -> Spec:
    """Give every category its own colour, shape or dash, named in full."""
    names = drawing.names(channel)
    longest = max(map(len, names), default=0)
    room = WIDTH if drawing.panels == 1 else WIDTH * min(drawing.panels, PANELS_ABREAST) * 0.6
    columns = max(1, int(room / (longest * CHARACTER_WIDTH + 40)))
    legend: Spec | None = {"columns": columns, **looks}
    if len(names) < 2 and _told_elsewhere(channel, drawing):
        legend = None
    title = title_of(channel.column, None)
    if len(names) > _MANY and drawing.fewer:
        title = f"{title} ({len(names)}; for fewer: {drawing.fewer})"
    return {
        **write_field(channel),
        "title": title,
        "scale": {"domain": names, "range": [values[i % len(values)] for i in range(len(names))]},
        "legend": legend,
    }


def _told_elsewhere(channel: Channel, drawing: Drawing) -> bool:
    """Tell whether a single category needs no legend: a panel or a row names it, or all do."""
    named = {drawing.channels[key].column for key in ("facet", "y") if key in drawing.channels}
    color = drawing.channels.get("color")
    return color is None or channel.column != color.column or channel.column in named


def _categories(key: str, drawing: Drawing, field: Spec) -> Spec:
    """Write an axis of names, or of numbers that each take one place."""
    channel = drawing.channels[key]
    heat = drawing.mark == "rect"
    axis: Spec = {"grid": key == "y" and not heat}
    if heat:
        # Many cells would have their ticks side by side, as a black bar.
        axis.update(ticks=False, labelPadding=5)
    numeric = bool(drawing.numbers(channel))
    title: Title = axis_title(key, drawing)
    if numeric:
        axis.update(labelOverlap="greedy", labelSeparation=3, labelAngle=0, labelExpr=_SHORT)
    elif key == "x":
        axis["labelAngle"] = -40
    if key == "y" and not numeric:
        # Names speak for themselves, and a title may be longer than their rows are high.
        title = None
    order: Spec = {}
    if not numeric:
        # As the answer orders them: step10 after step9.
        order = {"sort": drawing.order(channel)}
        if channel.type == "O":
            # Of many, some go without a label.
            axis["labelOverlap"] = "greedy"
    elif key == "y" and channel.column == "layer":
        order = {"sort": "descending"}
    return {**field, "title": title, "axis": axis, "scale": {}, **order}


def _linear(
    key: str, channel: Channel, drawing: Drawing, numbers: list[float]
) -> tuple[Spec, Spec]:
    """Return scale and looks of an axis of evenly spaced numbers."""
    metric = drawing.metric
    if channel.column in {"depth", "peak_depth"}:
        return {"domain": [0, 1], "nice": False}, {"tickCount": 5, "format": ".1f"}
    if numbers and all(isinstance(number, int) for number in numbers):
        large = max(numbers, default=0) >= 10_000
        looks: Spec = {"tickCount": 8, "tickMinStep": 1}
        looks.update({"labelExpr": _SHORT} if large else {"format": "d"})
        return ({"nice": False} if key == "x" else {}), looks
    if (
        metric
        and is_value(channel.column)
        and _is_share(metric)
        and max(numbers, default=0) > _SMALL
    ):
        return {"domain": [0, 1]}, {"tickCount": 6}
    # A dot among names shows a value, not an amount: its axis need not begin at 0.
    anywhere = drawing.mark == "point" and not drawing.channels.get("rule")
    return ({"zero": False, "padding": 12} if anywhere else {}), {"tickCount": 6}


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
