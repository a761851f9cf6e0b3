"""How the views of a chart are sized and arranged: panels beside and below each other."""

from typing import Any, Literal

import altair as alt

from embstore.asking.question import Channel
from embstore.charts.axes import field_of
from embstore.charts.cells import cells
from embstore.charts.chart_data import ChartData
from embstore.charts.line_labels import room_for
from embstore.charts.marks import bars, dumbbells, lines, points, rows_of_scopes
from embstore.charts.notebook import (
    AnyChart,
    InlineChart,
    InlineFacetChart,
    InlineLayerChart,
    InlineVConcatChart,
)
from embstore.charts.theme import (
    CHARACTER_WIDTH,
    HEIGHT,
    MANY_ROWS,
    MOST_COLUMNS,
    NAME_LETTERS,
    PANEL_SIZES,
    SHARE_OF_QUANTITY,
    WIDTH,
)
from embstore.charts.words import in_lines, lines_of

# Heights in pixels: of a row of names, and of one with a row for each scope; of a cell of a heat
# map; of the views below the first, which are of little; and between views.
_ROW_HEIGHT, _SMALL_ROW, _LEAST_ROW, _SCOPE_ROW = 24, 18, 5, 20
_LEAST_CELL, _LARGEST_CELL = 9, 28
_LOW_VIEW, _VIEW_GAP = 70, 10
# Of a line of a name, and the gap to the next name.
_LINE_HEIGHT, _LINE_GAP = 15, 8
# Pixels beside each panel, for the labels of its axis or the gap to the next panel.
_MARGIN = 40
# How wide a panel and the names at the ends of its lines may be together, and the panel at least.
_WITH_NAMES, _LEAST_WIDTH = 470, 300

_MAKE = {
    "line": lines,
    "curve": lines,
    "point": points,
    "dumbbell": dumbbells,
    "bar": bars,
    "rect": cells,
}


def view_of(data: ChartData) -> AnyChart:
    """Return one view, one for each facet, or a row of those for each category of ``apart``."""
    parts = data.parts
    if len(parts) == 1:
        return _view(data)
    views = [_view(part).properties(data=alt.InlineData(values=part.rows)) for part in parts]
    colors: Literal["independent", "shared"] = "independent" if data.mark == "rect" else "shared"
    chart = InlineVConcatChart(vconcat=views, spacing=_VIEW_GAP)
    arranged: InlineVConcatChart = chart.resolve_scale(color=colors)
    return arranged


def width_of(data: ChartData) -> int:
    """Return about how wide the whole chart is, in pixels."""
    own, y = _panel_size(data)[0] + _MARGIN, data.channels["y"]
    if y.type != "Q" and not data.numbers(y):
        longest = max(map(len, data.names(y)), default=0)
        own += int(min(longest, NAME_LETTERS) * CHARACTER_WIDTH)
    return data.abreast * own + room_for(data.line_labels)


def _view(data: ChartData) -> InlineChart | InlineLayerChart | InlineFacetChart:
    width, height = _size(data)
    return _paneled(_MAKE[data.mark](data).properties(width=width, height=height), data)


def _panel_size(data: ChartData) -> tuple[int, int]:
    if data.is_pairs() and (columns := len(data.names(data.channels["x"]))) > MANY_ROWS:
        # A column is as wide as its name is high.
        return max(WIDTH, _LINE_HEIGHT * min(columns, MOST_COLUMNS)), HEIGHT
    if data.line_labels:
        width = min(WIDTH, _WITH_NAMES - room_for(data.line_labels))
        return max(_LEAST_WIDTH, width), HEIGHT
    return PANEL_SIZES[data.abreast]


def _size(data: ChartData) -> tuple[int, int | alt.Step]:
    """Return width and height of one panel."""
    width, height = _panel_size(data)
    y = data.channels["y"]
    if y.type == "Q" and data.of_quantities:
        return width, int(height * SHARE_OF_QUANTITY)
    if y.type == "Q":
        return width, _LOW_VIEW if data.below else height
    if data.mark == "rect" and data.numbers(y):
        cell = HEIGHT / max(1, len(set(data.numbers(y))))
        return width, alt.Step(round(min(max(cell, _LEAST_CELL), _LARGEST_CELL), 1))
    rows = len(data.names(y))
    step = _ROW_HEIGHT if rows <= MANY_ROWS else _SMALL_ROW
    if rows_of_scopes(data):
        step = max(step, _SCOPE_ROW * len(data.names(data.channels["fill"])))
    if y.type == "O":
        # Not all of many ordered names need to be read, so that their rows may be low.
        step = round(min(_ROW_HEIGHT, max(_LEAST_ROW, _ROW_HEIGHT * MANY_ROWS / rows)))
    else:
        step = max(step, _LINE_HEIGHT * lines_of(data.names(y), NAME_LETTERS) + _LINE_GAP)
    # The step is that of a name, not that of each of its scopes.
    each = {"for": "position"} if rows_of_scopes(data) else {}
    return width, alt.Step(step, **each)


def _paneled(
    view: InlineChart | InlineLayerChart, data: ChartData
) -> InlineChart | InlineLayerChart | InlineFacetChart:
    """Repeat a view for every category of ``facet`` and ``row``."""
    channels = data.channels
    header = _header(data)
    panels: dict[str, alt.FacetFieldDef] = {}
    for side, key in (("column", "facet"), ("row", "row")):
        if key in channels:
            order = _order(data, channels[key])
            panels[side] = alt.FacetFieldDef(**field_of(channels[key]), title=None, sort=order)
            if header:
                panels[side].header = header
    if not panels:
        return view
    if data.panels > data.abreast and "row" not in panels:
        chart = InlineFacetChart(spec=view, facet=panels["column"], columns=data.abreast)
    else:
        chart = InlineFacetChart(spec=view, facet=alt.FacetMapping(**panels))
    # Each panel has its own axis of distances, which depend on how long a model's vectors are,
    # and its own layers and steps.
    own: dict[str, Literal["independent"]] = {
        key: "independent"
        for key in "xy"
        if channels[key].column == "mean_distance" or channels[key].type != "Q"
    }
    if channels["y"].type == "N" and _rows_are_alike(data):
        # One list of names leaves the room of the others to the panels.
        own.pop("y")
    return chart.resolve_scale(**own) if own else chart


def _order(data: ChartData, channel: Channel) -> list[Any] | None:
    """Return the panels in the order of the rows; Vega would sort them as text."""
    found = [row[channel.column] for row in data.rows if row[channel.column] is not None]
    values = list(dict.fromkeys(found))
    return values if all(str(value).isprintable() for value in values) else None


def _header(data: ChartData) -> alt.Header | None:
    """Name the panels; in lines where a name is longer than its panel is wide."""
    if data.below and data.panels == data.abreast:
        # The view above has named them.
        return alt.Header(labels=False)
    if "facet" not in data.channels:
        return None
    letters = int(_panel_size(data)[0] / CHARACTER_WIDTH)
    lines = in_lines(data.names(data.channels["facet"]), letters)
    return alt.Header(labelExpr=lines) if lines else None


def _rows_are_alike(data: ChartData) -> bool:
    """Tell whether all panels have the same rows."""
    if "facet" not in data.channels:
        return False
    panel, y = data.channels["facet"].column, data.channels["y"].column
    names: dict[object, set[object]] = {}
    for row in data.rows:
        names.setdefault(row[panel], set()).add(row[y])
    return len({frozenset(each) for each in names.values()}) == 1
