"""Heat maps."""

import altair as alt

from embstore.charts.axes import axis_of
from embstore.charts.chart_data import ChartData
from embstore.charts.legends import edge_of, shapes_of
from embstore.charts.marks import shared
from embstore.charts.notebook import InlineChart, InlineLayerChart
from embstore.charts.theme import MANY_ROWS


def cells(data: ChartData) -> InlineLayerChart:
    """Draw a heat map; a cell without a number is grey, and crossed out."""
    axes = InlineChart().encode(axis_of("x", data), axis_of("y", data))
    color = data.channels["color"]
    layers = [shared(data).mark_rect()]
    if color.type == "Q":
        if edge := edge_of(data):
            # Without edges in the cells' own colours the ground shows between them.
            edges = axes.mark_rect(filled=False, strokeWidth=0.8, aria=False)
            layers.insert(0, edges.encode(edge))
        crosses = axes.mark_text(text="×", color=data.theme.faint)
        layers.append(crosses.transform_filter(~alt.expr.isValid(alt.datum[color.column])))
    elif "shape" in data.channels:
        size = 22 if len(data.names(data.channels["y"])) <= MANY_ROWS else 5
        points = axes.mark_point(filled=True, opacity=1, size=size, color=data.theme.background)
        layers.append(points.encode(*shapes_of(data)))
    return InlineLayerChart(layer=layers, view=alt.ViewBackground(fill=data.theme.empty))
