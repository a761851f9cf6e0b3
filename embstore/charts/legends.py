"""Colours, shapes and dashes, and the legends that explain them."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

import altair as alt

from embstore.asking.question import Channel
from embstore.charts.axes import field_of
from embstore.charts.below import filling
from embstore.charts.chart_data import ChartData
from embstore.charts.scope_looks import FILLS, by_scope
from embstore.charts.theme import CHARACTER_WIDTH, DASHES, SHAPES, WIDTH
from embstore.charts.words import in_lines, title_of

# Numbers around a middle of 0, with the size beyond which all have the same colour.
_DIVERGING = {"change_in_errors": 10.0}
# Distances: their colours begin at 0, whatever the data.
_FROM_ZERO = {"angle", "distance"}
# More series than this are hard to tell apart, whatever their looks.
_MANY = 8
# Of more categories that are in order, a legend shows so many.
_SHOWN_OF_ORDERED = 5

_FILLED_AREA, _HOLLOW_AREA = 80, 220
# Letters in a line of a legend.
_LETTERS = 52
# Categories whose legend names those that are there; a single one is named by the title.
_TOLD = {"status", "place"}

_Apart = TypeVar("_Apart", alt.Color, alt.Fill, alt.Shape, alt.StrokeDash)
_Colored = TypeVar("_Colored", alt.Color, alt.Fill)


def color_of(data: ChartData, **looks: Any) -> alt.Color:
    """Colour categories apart, and numbers from dark to light."""
    return _colored(alt.Color, data, **looks)


def fill_of(data: ChartData) -> alt.Fill:
    """Fill markers with their colour; how much of it shows, ``fills_of`` says."""
    return _colored(alt.Fill, data)


def _colored(kind: type[_Colored], data: ChartData, **looks: Any) -> _Colored:
    channel = data.channels["color"]
    if channel.type != "Q":
        colors = [data.palette.colors[name] for name in data.names(channel)]
        return _apart(kind, channel, data, colors, **looks)
    scale, title = _gradient(channel, data)
    legend = alt.Legend(direction="horizontal", gradientLength=200, **looks)
    if data.above and data.mark == "rect":
        # Each view has its own colours: a legend between the two would be taken for either's.
        legend.orient = "top"
    if data.mark == "rect" and len(set(data.numbers(channel))) == 1:
        # A gradient would show colours that no cell has.
        legend = alt.Legend(type="symbol", values=data.numbers(channel)[:1], orient=legend.orient)
        legend.symbolType = "square"
    return kind(**field_of(channel), title=title, scale=scale, legend=legend)


def crowding(data: ChartData) -> str | None:
    """Say that some series look alike, and how to ask for fewer; None if all differ."""
    channel = data.channels.get("color")
    if channel is None or channel.type == "Q":
        return None
    shaped = (data.mark == "point" or data.has_markers) and "shape" not in data.channels
    names = data.names(channel)
    colors, shapes = data.palette.colors, data.palette.shapes
    n_looks = len({(colors[name], shapes[name] if shaped else "") for name in names})
    n_series = len(names)
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
    if "shape" in data.channels:
        return [_apart(alt.Shape, data.channels["shape"], data, SHAPES)]
    channel = data.channels.get("color")
    if channel is None or channel.type == "Q":
        return []
    shapes = [data.palette.shapes[name] for name in data.names(channel)]
    return [_apart(alt.Shape, channel, data, shapes)]


def fills_of(data: ChartData) -> list[alt.FillOpacity]:
    """Fill the markers of the first category of ``fill``, or of ``dash``; leave others hollow."""
    channel = data.channels.get("fill", data.channels.get("dash"))
    if channel is None or channel.type == "Q":
        return []
    # Vega has no legend of fills. That of dashes, or the footer, has the words.
    values = by_scope(data.names(channel), FILLS)
    return [alt.FillOpacity(**field_of(channel), scale=_scale(channel, data, values), legend=None)]


def sizes_of(data: ChartData) -> list[alt.Size]:
    """Make the hollow markers larger: rings around a filled one in the same place."""
    channel = data.channels.get("fill")
    if channel is None:
        return []
    names = data.names(channel)
    areas = [_FILLED_AREA if fill else _HOLLOW_AREA for fill in by_scope(names, FILLS)]
    return [alt.Size(**field_of(channel), scale=_scale(channel, data, areas), legend=None)]


def dashes_of(data: ChartData) -> list[alt.StrokeDash]:
    """Dash lines by the question's ``dash`` channel.

    Without one, dashes tell apart the series that have to share a colour.
    """
    if "dash" in data.channels:
        # The symbol is long enough to show a dash, and no higher than a line of text.
        looks: dict[str, Any] = {"symbolSize": 160}
        if not data.line_labels:
            # A row beside the legend of colours would be wider than the chart.
            looks["columns"] = 1
        dashed = data.channels["dash"]
        if data.has_markers and len(names := data.names(dashed)) > 1:
            # Vega has no legend of fills.
            fills = {name: f"{name} ({look})" for name, look in filling(names).items()}
            looks["labelExpr"] = f"({json.dumps(fills)})[datum.label]"
        return [_apart(alt.StrokeDash, dashed, data, by_scope(data.names(dashed), DASHES), **looks)]
    channel = data.channels.get("color")
    if channel is None or channel.type == "Q":
        return []
    colors = [data.palette.colors[name] for name in data.names(channel)]
    before = [colors[:i].count(color) for i, color in enumerate(colors)]
    if not any(before):
        return []
    return [_apart(alt.StrokeDash, channel, data, [DASHES[n % len(DASHES)] for n in before])]


def _apart(
    kind: type[_Apart], channel: Channel, data: ChartData, values: Sequence[Any], **looks: Any
) -> _Apart:
    """Give every category its own colour, shape or dash, named in full."""
    names = data.names(channel)
    shown = _shown(channel, data)
    longest = min(max(map(len, shown), default=0), _LETTERS)
    room = WIDTH if data.abreast == 1 else WIDTH * data.abreast * 0.6
    columns = _columns(len(shown), int(room / (longest * CHARACTER_WIDTH + 40)))
    legend = alt.Legend(**{"columns": columns, **looks})
    if lines := in_lines(shown, _LETTERS):
        legend.labelExpr = lines
    if len(shown) < len(names):
        legend.values = shown
    title = title_of(channel.column, None)
    if len(names) > _MANY and data.fewer and len(shown) == len(names):
        title = f"{title} ({len(names)}; for fewer: {data.fewer})"
    return kind(
        **field_of(channel),
        title=title,
        scale=_scale(channel, data, values),
        legend=None if _needs_no_legend(channel, data) else legend,
    )


def _columns(n: int, most: int) -> int:
    """Return how many columns a legend has, at most so many.

    Vega fills columns from the top, but puts what a row lacks into the next: its order holds only
    where no more than one row is shorter.

    >>> _columns(40, 3), _columns(12, 5), _columns(5, 3), _columns(3, 0)
    (2, 4, 3, 1)
    """
    return next((each for each in range(min(n, most), 1, -1) if -n % each <= 1), 1)


def _scale(channel: Channel, data: ChartData, values: Sequence[Any]) -> alt.Scale:
    names = data.names(channel)
    return alt.Scale(domain=names, range=[values[i % len(values)] for i in range(len(names))])


def _shown(channel: Channel, data: ChartData) -> list[str]:
    """Return the names a legend shows: of many in their order a few, from the first to the last."""
    names, color = data.names(channel), data.channels.get("color")
    if channel.column in _TOLD:
        there = {str(row[channel.column]) for row in data.rows}
        names = [name for name in names if name in there]
    if color is None or channel.column != color.column or len(names) <= _MANY:
        return names
    shown: list[str] = []
    n_shown = max(2, _SHOWN_OF_ORDERED // (len(data.palette.ordered) or 1))
    for line in data.palette.ordered:
        places = [round(i * (len(line) - 1) / (n_shown - 1)) for i in range(n_shown)]
        shown += [line[place] for place in dict.fromkeys(places)]
    rest = set(names).difference(*data.palette.ordered)
    return [name for name in names if name in rest or name in shown]


def _needs_no_legend(channel: Channel, data: ChartData) -> bool:
    """Tell whether something else already names the categories of a channel."""
    named = {data.channels[key].column for key in ("facet", "row", "y") if key in data.channels}
    color = data.channels.get("color")
    if color is not None and channel.column == color.column:
        told = channel.column in _TOLD and len(_shown(channel, data)) < 2
        return told or channel.column in named or bool(data.line_labels)
    return len(data.names(channel)) < 2


def _gradient(channel: Channel, data: ChartData) -> tuple[alt.Scale, str]:
    """Return the colours of numbers, and the title of their legend."""
    title = title_of(channel.column, data.metric)
    if channel.column in _DIVERGING:
        most = max((abs(number) for number in data.numbers(channel)), default=1.0)
        end = min(most, _DIVERGING[channel.column]) or 1.0
        if most > end:
            title = f"{title} (±{end:g} and beyond look alike)"
        return alt.Scale(scheme="blueorange", domain=[-end, end], domainMid=0, clamp=True), title
    title = f"{title}, {data.part}" if data.part and data.mark == "rect" else title
    scale = alt.Scale(scheme="viridis")
    if data.mark != "rect":
        scale.scheme = alt.SchemeParams(name="viridis", extent=list(data.theme.gradient))
    elif channel.column in _FROM_ZERO:
        scale.domainMin = 0
    if channel.column == "depth":
        scale.domain = [0, 1]
    return scale, title
