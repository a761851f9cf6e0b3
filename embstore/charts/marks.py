"""What is drawn: marks, layers, panels."""

from typing import Literal

import altair as alt

from embstore.asking.question import Channel
from embstore.charts.axes import axis_of, field_of
from embstore.charts.chart_data import INTERVAL, ChartData
from embstore.charts.legends import color_of, dashes_of, edge_of, shapes_of
from embstore.charts.notebook import InlineChart, InlineFacetChart, InlineLayerChart
from embstore.charts.theme import CHARACTER_WIDTH, HEIGHT, PANEL_SIZES, PANELS_ABREAST
from embstore.charts.words import title_of

# Heights in pixels, of a row of names and of a cell of a heat map.
_ROW_HEIGHT, _SMALL_ROW, _LEAST_ROW = 24, 18, 5
_MANY_ROWS = 25
_LEAST_CELL, _LARGEST_CELL = 9, 28
# The opacity of a band; fainter where there is one per layer, because those overlap.
_LIGHT, _FAINT = 0.15, 0.05
# Pixels beside each panel, for the labels of its axis or the gap to the next panel.
_MARGIN = 40


def view_of(data: ChartData) -> InlineChart | InlineLayerChart | InlineFacetChart:
    """Return one view, or one view per facet.

    Where an interval is drawn, it is a band behind the lines, or a bar through the points.
    """
    make = {"line": _lines, "point": _points, "bar": _bars, "rect": _cells}[data.mark]
    width, height = _size(data)
    return _paneled(make(data).properties(width=width, height=height), data)


def width_of(data: ChartData) -> int:
    """Return about how wide the whole chart is, in pixels."""
    abreast = min(data.panels, PANELS_ABREAST)
    own, y = PANEL_SIZES[abreast][0] + _MARGIN, data.channels["y"]
    if y.type != "Q" and not data.numbers(y):
        own += int(max(map(len, data.names(y)), default=0) * CHARACTER_WIDTH)
    return abreast * own


def _lines(data: ChartData) -> InlineLayerChart:
    shared = _shared(data)
    lines = shared.mark_line(strokeWidth=1.8).encode(*dashes_of(data))
    points = shared.mark_point(filled=True, size=34, opacity=1).encode(*shapes_of(data))
    bands = [_band(data)] if data.interval else []
    return InlineLayerChart(layer=[*bands, lines, points])


def _points(data: ChartData) -> InlineChart | InlineLayerChart:
    shared = _shared(data)
    # Hollow, so that of two points in one place both are seen.
    points = shared.mark_point(filled=False, size=90, strokeWidth=2, opacity=1)
    points = points.encode(*shapes_of(data))
    behind = []
    if "rule" in data.channels:
        # One line for all rows. It repeats the title of the axis, which else would have two.
        title = axis_of("x", data)["title"]
        at = alt.X(**field_of(data.channels["rule"]), aggregate="max", title=title)
        rule = InlineChart().mark_rule(strokeDash=[5, 4], color=data.theme.faint)
        behind.append(rule.encode(at))
    if data.interval:
        low, high = INTERVAL
        bar = shared.mark_rule(strokeWidth=2, aria=False)
        behind.append(bar.encode(axis_of("x", data, low), alt.X2(field=high)))
    return InlineLayerChart(layer=[*behind, points]) if behind else points


def _bars(data: ChartData) -> InlineChart:
    # A seam between the parts of a bar tells them apart without their colours.
    bars: InlineChart = _shared(data).mark_bar(stroke=data.theme.background, strokeWidth=1.5)
    return bars


def _cells(data: ChartData) -> InlineLayerChart:
    """Draw a heat map; a cell without a number is grey, and crossed out."""
    axes = InlineChart().encode(axis_of("x", data), axis_of("y", data))
    color = data.channels["color"]
    layers = [_shared(data).mark_rect()]
    if color.type == "Q":
        if edge := edge_of(data):
            # Without edges in the cells' own colours the ground shows between them.
            edges = axes.mark_rect(filled=False, strokeWidth=0.8, aria=False)
            layers.insert(0, edges.encode(edge))
        crosses = axes.mark_text(text="×", color=data.theme.faint)
        layers.append(crosses.transform_filter(~alt.expr.isValid(alt.datum[color.column])))
    elif "shape" in data.channels:
        size = 22 if len(data.names(data.channels["y"])) <= _MANY_ROWS else 5
        points = axes.mark_point(filled=True, opacity=1, size=size, color=data.theme.background)
        layers.append(points.encode(*shapes_of(data)))
    return InlineLayerChart(layer=layers, view=alt.ViewBackground(fill=data.theme.empty))


def _shared(data: ChartData) -> InlineChart:
    """Return a chart without a mark yet, with the channels that every layer of a view has."""
    channels = data.channels
    chart = InlineChart().encode(axis_of("x", data), axis_of("y", data))
    if "color" in channels:
        # Otherwise the legend would be as faint as the band.
        looks = {"symbolOpacity": 1} if data.interval else {}
        chart = chart.encode(color_of(data, **looks))
    if "detail" in channels:
        chart = chart.encode(alt.Detail(**field_of(channels["detail"])))
    bounds = [Channel(name, "Q") for name in data.interval]
    shown = {channel.column: channel for channel in (*channels.values(), *bounds)}
    return chart.encode(
        [
            alt.Tooltip(**field_of(channel), title=title_of(channel.column, data.metric))
            for channel in shown.values()
        ]
    )


def _band(data: ChartData) -> InlineChart:
    """Draw the intervals: an area per line, in its colour, too light to hide a line."""
    low, high = INTERVAL
    channels = data.channels
    # Clipped: a bound may lie outside a fixed axis. Silent for a screen reader, which reads
    # the bounds at the points.
    opacity = _FAINT if "detail" in channels else _LIGHT
    band: InlineChart = InlineChart().mark_area(opacity=opacity, clip=True, aria=False)
    band = band.encode(axis_of("x", data), axis_of("y", data, low), alt.Y2(field=high))
    if "color" in channels:
        band = band.encode(color_of(data, symbolOpacity=1))
    per_line = [channels[key] for key in ("detail", "dash") if key in channels]
    return band.encode(detail=[alt.Detail(**field_of(channel)) for channel in per_line])


def _size(data: ChartData) -> tuple[int, int | alt.Step]:
    """Return width and height of one panel."""
    width, height = PANEL_SIZES[min(data.panels, PANELS_ABREAST)]
    y = data.channels["y"]
    if y.type == "Q":
        return width, height
    if data.mark == "rect" and data.numbers(y):
        cell = HEIGHT / max(1, len(set(data.numbers(y))))
        return width, alt.Step(round(min(max(cell, _LEAST_CELL), _LARGEST_CELL), 1))
    rows = len(data.names(y))
    step = _ROW_HEIGHT if rows <= _MANY_ROWS else _SMALL_ROW
    if y.type == "O":
        # Not all of many ordered names need to be read, so that their rows may be low.
        step = round(min(_ROW_HEIGHT, max(_LEAST_ROW, _ROW_HEIGHT * _MANY_ROWS / rows)))
    return width, alt.Step(step)


def _paneled(
    view: InlineChart | InlineLayerChart, data: ChartData
) -> InlineChart | InlineLayerChart | InlineFacetChart:
    """Repeat a view for every category of ``facet`` and ``row``."""
    channels = data.channels
    panels: dict[str, alt.FacetFieldDef] = {
        side: alt.FacetFieldDef(
            **field_of(channels[key]), title=None, sort=data.order(channels[key])
        )
        for side, key in (("column", "facet"), ("row", "row"))
        if key in channels
    }
    if not panels:
        return view
    if data.panels > PANELS_ABREAST and "row" not in panels:
        chart = InlineFacetChart(spec=view, facet=panels["column"], columns=PANELS_ABREAST)
    else:
        chart = InlineFacetChart(spec=view, facet=alt.FacetMapping(**panels))
    # Each panel has its own axis of distances, which depend on how long a model's vectors are,
    # and its own layers and steps.
    own: dict[str, Literal["independent"]] = {
        key: "independent"
        for key in "xy"
        if channels[key].column == "mean_distance" or channels[key].type != "Q"
    }
    return chart.resolve_scale(**own) if own else chart
