"""What is drawn: lines, points, dumbbells and bars."""

from typing import Literal

import altair as alt

from embstore.asking.question import Channel
from embstore.charts.axes import axis_of, field_of
from embstore.charts.chart_data import ChartData
from embstore.charts.legends import color_of, dashes_of, fill_of, fills_of, shapes_of, sizes_of
from embstore.charts.notebook import InlineChart, InlineLayerChart
from embstore.charts.palette import blended
from embstore.charts.theme import MANY_ROWS, SMALL_SIZE
from embstore.charts.turns import RING, turns
from embstore.charts.words import title_of

# The opacity of a band; fainter where there is one per layer, because those overlap.
_LIGHT, _FAINT = 0.15, 0.05
_SEEN_THROUGH = 0.6
# A band over seeds is what such a chart is about, also where there is one per layer.
_SEEDS = 0.1
# The lines along both ends of a band over seeds, by which it is told from an interval.
_EDGE_WIDTH, _EDGE_OPACITY = 0.8, 0.7
# How long the ends of a bar over seeds are.
_CAP = 12
_LAYERS = {"layer", "peak_layer"}
# The areas of markers along lines and of those by themselves.
_SMALL, _LARGE = 34, 80


def lines(data: ChartData) -> InlineLayerChart:
    """Draw lines with a marker at each value; behind them bands: intervals, spreads of seeds."""
    base = shared(data)
    drawn = [base.mark_line(strokeWidth=1.8).encode(*dashes_of(data))]
    if data.has_markers:
        shapes, fills = shapes_of(data), fills_of(data)
        if fills:
            # A hollow marker hides the line that passes behind it.
            ground = base.mark_point(fill=data.theme.background, size=_SMALL, opacity=1, aria=False)
            drawn.append(ground.encode(*shapes))
        points = base.mark_point(filled=not fills, size=_SMALL, opacity=1, strokeWidth=1.3)
        points = points.encode(*shapes, *fills)
        if fills and "color" in data.channels:
            points = points.encode(fill_of(data))
        drawn.append(points)
    if "label" in data.channels:
        drawn += turns(base, data)
    bands = [_band(data, *data.interval)] if data.interval else []
    if data.seed_band:
        bands += [_band(data, *data.seed_band, faint=_SEEDS), *_edges(data)]
    return InlineLayerChart(layer=[*bands, *drawn, *_names_of_lines(data)])


def points(data: ChartData) -> InlineChart | InlineLayerChart:
    """Draw points, filled or hollow as ``fill`` says, with bars: intervals, spreads of seeds."""
    base, fills = shared(data), fills_of(data)
    behind = _behind(data)
    if data.interval:
        behind.append(_bar(base, data, *data.interval))
    if data.seed_band:
        behind += [_bar(base, data, *data.seed_band), *_caps(base, data)]
    # Without ``fill`` none is hollow, which would stand for the tokens counted; of two points in
    # one place both are seen through each other.
    drawn = base.mark_point(filled=True, size=_LARGE, strokeWidth=2, opacity=_SEEN_THROUGH)
    drawn = drawn.encode(*shapes_of(data))
    if fills:
        drawn = drawn.mark_point(filled=False, size=_LARGE, strokeWidth=2, opacity=1)
        drawn = drawn.encode(*fills, *sizes_of(data))
        if "color" in data.channels:
            drawn = drawn.encode(fill_of(data))
    layers = [*behind, drawn, *_labels(data)]
    return InlineLayerChart(layer=layers) if len(layers) > 1 else drawn


def dumbbells(data: ChartData) -> InlineLayerChart:
    """Draw each row as a bar from ``x2``, a hollow marker, to ``x``, a filled one."""
    base = shared(data)
    end = data.channels["x2"]
    bar = base.mark_rule(strokeWidth=3, opacity=0.5, aria=False).encode(alt.X2(field=end.column))
    hollow = base.mark_point(fill=data.theme.background, size=RING, strokeWidth=2, opacity=1)
    hollow = hollow.encode(axis_of("x", data, end.column))
    filled = base.mark_point(filled=True, size=_LARGE, opacity=1)
    return InlineLayerChart(layer=[bar, hollow, filled, *_labels(data)])


def bars(data: ChartData) -> InlineChart:
    """Draw bars, their parts beside each other."""
    # A seam between the parts of a bar tells them apart without their colours.
    drawn: InlineChart = shared(data).mark_bar(stroke=data.theme.background, strokeWidth=1.5)
    return drawn


def shared(data: ChartData) -> InlineChart:
    """Return a chart without a mark yet, with the channels that every layer of a view has."""
    channels = data.channels
    chart = InlineChart().encode(axis_of("x", data), axis_of("y", data))
    if "color" in channels:
        # Otherwise the legend would be as faint as the band.
        looks = {"symbolOpacity": 1} if data.interval or data.seed_band else {}
        chart = chart.encode(color_of(data, **looks))
    if "detail" in channels:
        chart = chart.encode(alt.Detail(**field_of(channels["detail"])))
    if rows_of_scopes(data):
        offset = field_of(channels["fill"])
        chart = chart.encode(alt.YOffset(**offset, sort=data.names(channels["fill"])))
    counts = [name for name in ("n_seeds",) if name in data.rows[0]]
    bounds = [Channel(name, "Q") for name in (*data.interval, *data.seed_band, *counts)]
    shown = {channel.column: channel for channel in (*channels.values(), *bounds)}
    return chart.encode(
        [
            alt.Tooltip(**field_of(channel), title=title_of(channel.column, data.metric))
            for channel in shown.values()
        ]
    )


def rows_of_scopes(data: ChartData) -> bool:
    """Tell whether each category of ``fill`` has a row of its own, with room for its label."""
    channels = data.channels
    return (
        data.mark == "point"
        and {"fill", "label"} <= channels.keys()
        and len(data.names(channels["y"])) <= MANY_ROWS
    )


def _behind(data: ChartData) -> list[InlineChart]:
    """Draw what lies behind points: a faint bar from 0, and a line for all rows."""
    channels, behind = data.channels, []
    # They repeat the title of the axis, which else would have two.
    title = axis_of("x", data)["title"]
    if "span" in channels:
        bar = InlineChart().mark_rule(strokeWidth=7, color=data.theme.grid, aria=False)
        x = alt.X(**field_of(channels["span"]), title=title)
        behind.append(bar.encode(x, alt.X2Datum(0), axis_of("y", data)))
    if data.reaches_rule:
        rule = InlineChart().mark_rule(strokeDash=[5, 4], color=data.theme.faint)
        at = alt.X(**field_of(channels["rule"]), aggregate="max", title=title)
        behind.append(rule.encode(at))
    return behind


def _labels(data: ChartData) -> list[InlineChart]:
    """Write beside each mark what the column of ``label`` has there, where rows have room."""
    channel = data.channels.get("label")
    if channel is None or len(data.names(data.channels["y"])) > MANY_ROWS:
        return []
    text = shared(data).mark_text(align="left", dx=12, fontSize=SMALL_SIZE, aria=False)
    if data.interval:
        # Beside the axis: beside its point it would lie on the bar.
        text = text.encode(x=alt.value("width"))
    if channel.column in _LAYERS:
        # A number beside a mark would be taken for its value.
        text = text.transform_calculate(layer_named=f"'layer ' + datum['{channel.column}']")
        return [text.encode(alt.Text("layer_named:N"), color=alt.value(data.theme.ink))]
    return [text.encode(_text(channel), color=alt.value(data.theme.ink))]


def _text(channel: Channel) -> alt.Text:
    """Write a column beside marks: names as they are, numbers in three digits."""
    return alt.Text(**field_of(channel), format=".3~g" if channel.type == "Q" else alt.Undefined)


def _names_of_lines(data: ChartData) -> list[InlineChart]:
    """Write the names of lines at their ends, in a darker shade of their colours."""
    drawn = []
    for label in data.line_labels:
        color = blended(data.palette.colors[label.name], data.theme.ink, 0.3)
        # Data of its own: of the chart's rows, each would write the name once.
        text = InlineChart(alt.InlineData([{}])).mark_text(
            text=label.name,
            align="left",
            baseline="middle",
            color=color,
            dx=9,
            dy=label.shift,
            fontSize=SMALL_SIZE,
            aria=False,
        )
        at = alt.YDatum(label.value)
        drawn.append(text.encode(x=alt.value("width"), y=at))
    return drawn


def _band(data: ChartData, low: str, high: str, *, faint: float = _FAINT) -> InlineChart:
    """Draw what lies between two columns: areas in the lines' colours, too light to hide one."""
    channels = data.channels
    # Clipped: a bound may lie outside a fixed axis. Silent for a screen reader, which reads
    # the bounds at the points.
    opacity = faint if "detail" in channels else _LIGHT
    band: InlineChart = InlineChart().mark_area(opacity=opacity, clip=True, aria=False)
    band = band.encode(axis_of("x", data), axis_of("y", data, low), alt.Y2(field=high))
    if "color" in channels:
        band = band.encode(color_of(data, symbolOpacity=1))
    return band.encode(detail=_per_line(data))


def _bar(base: InlineChart, data: ChartData, low: str, high: str) -> InlineChart:
    """Draw a bar through each point from one column to another, along the axis of estimates."""
    bar: InlineChart = base.mark_rule(strokeWidth=2, aria=False)
    if data.channels["y"].type == "Q":
        return bar.encode(axis_of("y", data, low), alt.Y2(field=high))
    return bar.encode(axis_of("x", data, low), alt.X2(field=high))


def _caps(base: InlineChart, data: ChartData) -> list[InlineChart]:
    """Draw the ends of bars over seeds, by which they are told from intervals."""
    key: Literal["x", "y"] = "y" if data.channels["y"].type == "Q" else "x"
    orient: Literal["horizontal", "vertical"] = "horizontal" if key == "y" else "vertical"
    cap = base.mark_tick(orient=orient, size=_CAP, thickness=2, aria=False)
    return [cap.encode(axis_of(key, data, end)) for end in data.seed_band]


def _edges(data: ChartData) -> list[InlineChart]:
    """Draw the ends of bands over seeds; none where there is a band for each layer."""
    if "detail" in data.channels:
        return []
    edge = InlineChart().mark_line(
        strokeWidth=_EDGE_WIDTH, opacity=_EDGE_OPACITY, clip=True, aria=False
    )
    edge = edge.encode(axis_of("x", data), detail=_per_line(data))
    if "color" in data.channels:
        edge = edge.encode(color_of(data, symbolOpacity=1))
    return [edge.encode(axis_of("y", data, end)) for end in data.seed_band]


def _per_line(data: ChartData) -> list[alt.Detail]:
    """Tell lines of one colour apart, without a look."""
    apart = [data.channels[key] for key in ("detail", "dash") if key in data.channels]
    return [alt.Detail(**field_of(channel)) for channel in apart]
