"""Colours, shapes and dashes, and the legends that explain them."""

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import altair as alt

from embstore.asking.question import Channel
from embstore.charts.axes import field_of
from embstore.charts.chart_data import ChartData
from embstore.charts.theme import CHARACTER_WIDTH, DASHES, PANELS_ABREAST, SHAPES, WIDTH
from embstore.charts.words import title_of

# Numbers around a middle of 0, with the size beyond which all have the same colour.
_DIVERGING = {"change_in_errors": 10.0}
# Distances: their colours begin at 0, whatever the data.
_FROM_ZERO = {"distance"}
# More series than this are hard to tell apart, whatever their looks.
_MANY = 8

_Apart = TypeVar("_Apart", alt.Color, alt.Shape, alt.StrokeDash)


def color_of(data: ChartData, **looks: Any) -> alt.Color:
    """Colour categories apart, and numbers from dark to light."""
    channel = data.channels["color"]
    if channel.type != "Q":
        return _apart(alt.Color, channel, data, data.theme.colors, **looks)
    scale, title = _gradient(channel, data)
    legend = alt.Legend(direction="horizontal", gradientLength=200, **looks)
    return alt.Color(**field_of(channel), title=title, scale=scale, legend=legend)


def crowding(data: ChartData) -> str | None:
    """Say that some series look alike, and how to ask for fewer; None if all differ."""
    channel = data.channels.get("color")
    if channel is None or channel.type == "Q":
        return None
    shaped = data.mark in {"line", "point"} and "shape" not in data.channels
    n_looks = math.lcm(len(data.theme.colors), len(SHAPES) if shaped else 1)
    n_series = len(data.names(channel))
    named = {data.channels[key].column for key in ("facet", "row", "y") if key in data.channels}
    if n_series <= n_looks or channel.column in named:
        return None
    how = f"with -p {data.fewer} (in Python {data.fewer})" if data.fewer else "in the SQL"
    return f"{n_series} series share {n_looks} looks, so that some look alike: ask for fewer, {how}"


def edge_of(data: ChartData) -> alt.Stroke | None:
    """Colour the edges of cells like the cells; None where that would lose the legend.

    Where the domain of the colours is given, Vega-Lite merges the legends of edges and
    cells, and shows neither.
    """
    channel = data.channels["color"]
    scale, title = _gradient(channel, data)
    if scale["domain"] is not alt.Undefined:
        return None
    return alt.Stroke(**field_of(channel), title=title, scale=scale, legend=None)


def shapes_of(data: ChartData) -> list[alt.Shape]:
    """Give every category a shape, beside its colour; a shape per number would mean nothing."""
    channel = data.channels.get("shape", data.channels.get("color"))
    if channel is None or channel.type == "Q":
        return []
    return [_apart(alt.Shape, channel, data, SHAPES)]


def dashes_of(data: ChartData) -> list[alt.StrokeDash]:
    """Dash lines by the question's ``dash`` channel.

    Without one, dashes tell apart the series that have to share a colour.
    """
    if "dash" in data.channels:
        # In one column: a row beside the legend of colours would be wider than the chart. The
        # symbol is long enough to show a dash, and no higher than a line of text.
        looks = {"columns": 1, "symbolSize": 160}
        return [_apart(alt.StrokeDash, data.channels["dash"], data, DASHES, **looks)]
    colors = len(data.theme.colors)
    channel = data.channels.get("color")
    if channel is None or channel.type == "Q" or len(data.names(channel)) <= colors:
        return []
    each = [DASHES[i // colors % len(DASHES)] for i in range(len(data.names(channel)))]
    return [_apart(alt.StrokeDash, channel, data, each)]


def _apart(
    kind: type[_Apart], channel: Channel, data: ChartData, values: Sequence[Any], **looks: Any
) -> _Apart:
    """Give every category its own colour, shape or dash, named in full."""
    names = data.names(channel)
    longest = max(map(len, names), default=0)
    room = WIDTH if data.panels == 1 else WIDTH * min(data.panels, PANELS_ABREAST) * 0.6
    columns = max(1, int(room / (longest * CHARACTER_WIDTH + 40)))
    legend = alt.Legend(**{"columns": columns, **looks})
    title = title_of(channel.column, None)
    if len(names) > _MANY and data.fewer:
        title = f"{title} ({len(names)}; for fewer: {data.fewer})"
    return kind(
        **field_of(channel),
        title=title,
        scale=alt.Scale(domain=names, range=[values[i % len(values)] for i in range(len(names))]),
        legend=None if len(names) < 2 and _told_elsewhere(channel, data) else legend,
    )


def _told_elsewhere(channel: Channel, data: ChartData) -> bool:
    """Tell whether a single category needs no legend: something else already names it."""
    named = {data.channels[key].column for key in ("facet", "y") if key in data.channels}
    color = data.channels.get("color")
    return color is None or channel.column != color.column or channel.column in named


def _gradient(channel: Channel, data: ChartData) -> tuple[alt.Scale, str]:
    """Return the colours of numbers, and the title of their legend."""
    title = title_of(channel.column, data.metric)
    if channel.column in _DIVERGING:
        most = max((abs(number) for number in data.numbers(channel)), default=1.0)
        end = min(most, _DIVERGING[channel.column]) or 1.0
        if most > end:
            title = f"{title} (±{end:g} and beyond look alike)"
        return alt.Scale(scheme="blueorange", domain=[-end, end], domainMid=0, clamp=True), title
    scale = alt.Scale(scheme="viridis")
    if data.mark != "rect":
        scale.scheme = alt.SchemeParams(name="viridis", extent=list(data.theme.gradient))
    elif channel.column in _FROM_ZERO:
        scale.domainMin = 0
    if channel.column == "depth":
        scale.domain = [0, 1]
    return scale, title
