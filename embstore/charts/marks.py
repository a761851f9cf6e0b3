"""Writes views in the grammar of Vega-Lite: marks, layers, panels."""

import json
from collections.abc import Mapping

from embstore.asking.question import Channel
from embstore.charts.axes import write_axis, write_color, write_dash, write_field, write_shape
from embstore.charts.drawing import INTERVAL, Drawing
from embstore.charts.theme import CHARACTER_WIDTH, HEIGHT, PANEL_SIZES, PANELS_ABREAST, Spec
from embstore.charts.words import title_of

# Of one row of names, and of a heat map's cell: no lower than a label, no higher than looks
# like a cell.
_ROW_HEIGHT, _SMALL_ROW, _LEAST_ROW = 24, 18, 5
_MANY_ROWS = 25
_LEAST_CELL, _LARGEST_CELL = 9, 28
# How much of a band's colour is seen; of a band per layer, less, for they lie on each other.
_LIGHT, _FAINT = 0.15, 0.05
# Of a panel, for the labels of its axis or the space to the next.
_MARGIN = 40


def write_view(drawing: Drawing) -> Spec:
    """Write one view, or one view per facet.

    Rows that hold the columns of INTERVAL get a band behind their lines, or a bar
    through their points.
    """
    write = {"line": _lines, "point": _points, "bar": _bars, "rect": _cells}[drawing.mark]
    return _paneled({**write(drawing), **_size(drawing)}, drawing)


def width_of(drawing: Drawing) -> int:
    """Return about how wide the whole chart is, in pixels."""
    abreast = min(drawing.panels, PANELS_ABREAST)
    own, y = PANEL_SIZES[abreast][0] + _MARGIN, drawing.channels["y"]
    if y.type != "Q" and not drawing.numbers(y):
        own += int(max(map(len, drawing.names(y)), default=0) * CHARACTER_WIDTH)
    return abreast * own


def _lines(drawing: Drawing) -> Spec:
    shared = _shared(drawing)
    dash = write_dash(drawing)
    lines: Spec = {"mark": {"type": "line", "strokeWidth": 1.8}, "encoding": {**shared, **dash}}
    points: Spec = {
        "mark": {"type": "point", "filled": True, "size": 34, "opacity": 1},
        "encoding": {**shared, **_shape(drawing)},
    }
    bands = [_band(drawing, shared)] if drawing.interval else []
    return {"layer": [*bands, lines, points]}


def _points(drawing: Drawing) -> Spec:
    shared = _shared(drawing)
    points: Spec = {
        # Hollow, so that of two points in one place both are seen.
        "mark": {"type": "point", "filled": False, "size": 90, "strokeWidth": 2, "opacity": 1},
        "encoding": {**shared, **_shape(drawing)},
    }
    behind = []
    if "rule" in drawing.channels:
        # One line for all rows, with the axis's own title, or the axis would have two.
        at: Spec = {**write_field(drawing.channels["rule"]), "aggregate": "max"}
        at["title"] = _axis(shared, "x").get("title")
        mark: Spec = {"type": "rule", "strokeDash": [5, 4], "color": drawing.theme.faint}
        behind.append({"mark": mark, "encoding": {"x": at}})
    if drawing.interval:
        low, high = INTERVAL
        bar: Spec = {**shared, "x": {**_axis(shared, "x"), "field": low}, "x2": {"field": high}}
        behind.append({"mark": {"type": "rule", "strokeWidth": 2, "aria": False}, "encoding": bar})
    return {"layer": [*behind, points]} if behind else points


def _bars(drawing: Drawing) -> Spec:
    # Parts of a bar touch: a seam tells them apart without their colours.
    mark: Spec = {"type": "bar", "stroke": drawing.theme.background, "strokeWidth": 1.5}
    return {"mark": mark, "encoding": _shared(drawing)}


def _cells(drawing: Drawing) -> Spec:
    """Write a heat map; a cell without a number is grey, and crossed out."""
    shared = _shared(drawing)
    axes: Spec = {key: shared[key] for key in "xy"}
    color = drawing.channels["color"]
    layers: list[Spec] = [{"mark": {"type": "rect"}, "encoding": shared}]
    if color.type == "Q":
        layers = [*_edges(drawing, axes), *layers]
        name = json.dumps(color.column)
        layers.append(
            {
                "transform": [{"filter": f"!isValid(datum[{name}])"}],
                "mark": {"type": "text", "text": "×", "color": drawing.theme.faint},
                "encoding": axes,
            }
        )
    elif "shape" in drawing.channels:
        mark: Spec = {"type": "point", "filled": True, "opacity": 1}
        mark["size"] = 22 if len(drawing.names(drawing.channels["y"])) <= _MANY_ROWS else 5
        mark["color"] = drawing.theme.background
        layers.append({"mark": mark, "encoding": {**axes, **_shape(drawing)}})
    return {"layer": layers, "view": {"fill": drawing.theme.empty}}


def _edges(drawing: Drawing, axes: Spec) -> list[Spec]:
    """Edge cells thinly in their own colours: the ground shows between cells without edges.

    Not where the colours' domain is given: Vega-Lite then merges the legends of edges and
    cells, and shows neither.
    """
    stroke = {**write_color(drawing), "legend": None}
    scale = stroke["scale"]
    if isinstance(scale, dict) and "domain" in scale:
        return []
    edge: Spec = {"type": "rect", "filled": False, "strokeWidth": 0.8, "aria": False}
    return [{"mark": edge, "encoding": {**axes, "stroke": stroke}}]


def _shared(drawing: Drawing) -> Spec:
    """Write the channels that every layer of a view has."""
    channels = drawing.channels
    shared: Spec = {key: write_axis(key, drawing) for key in "xy"}
    if "color" in channels:
        # A legend takes the band's lightness otherwise.
        looks = {"symbolOpacity": 1} if drawing.interval else {}
        shared["color"] = write_color(drawing, **looks)
    if "detail" in channels:
        shared["detail"] = write_field(channels["detail"])
    bounds = [Channel(name, "Q") for name in drawing.interval]
    shown = {channel.column: channel for channel in (*channels.values(), *bounds)}
    shared["tooltip"] = [
        {**write_field(channel), "title": title_of(channel.column, drawing.metric)}
        for channel in shown.values()
    ]
    return shared


def _shape(drawing: Drawing) -> Spec:
    channel = drawing.channels.get("shape", drawing.channels.get("color"))
    if channel is None or channel.type == "Q":
        # A shape per number would mean nothing.
        return {}
    return {"shape": write_shape(channel, drawing)}


def _band(drawing: Drawing, shared: Mapping[str, object]) -> Spec:
    """Write the intervals: an area per line, in its colour, too light to hide a line."""
    low, high = INTERVAL
    y = _axis(shared, "y")
    encoding: Spec = {"x": shared["x"], "y": {**y, "field": low}, "y2": {"field": high}}
    if "color" in shared:
        encoding["color"] = shared["color"]
    channels = drawing.channels
    encoding["detail"] = [
        write_field(channels[key]) for key in ("detail", "dash") if key in channels
    ]
    # Clipped, for a bound may lie outside a fixed axis. A screen reader finds the bounds
    # at the points.
    opacity = _FAINT if "detail" in channels else _LIGHT
    mark: Spec = {"type": "area", "opacity": opacity, "clip": True, "aria": False}
    return {"mark": mark, "encoding": encoding}


def _axis(shared: Mapping[str, object], key: str) -> Spec:
    axis = shared[key]
    return axis if isinstance(axis, dict) else {}


def _size(drawing: Drawing) -> Spec:
    """Return width and height of one panel."""
    width, height = PANEL_SIZES[min(drawing.panels, PANELS_ABREAST)]
    y = drawing.channels["y"]
    if y.type == "Q":
        return {"width": width, "height": height}
    if drawing.mark == "rect" and drawing.numbers(y):
        cell = HEIGHT / max(1, len(set(drawing.numbers(y))))
        return {"width": width, "height": {"step": round(_within_cell(cell), 1)}}
    rows = len(drawing.names(y))
    step = _ROW_HEIGHT if rows <= _MANY_ROWS else _SMALL_ROW
    if y.type == "O":
        # Of names that need not all be read, many take little room.
        step = round(min(_ROW_HEIGHT, max(_LEAST_ROW, _ROW_HEIGHT * _MANY_ROWS / rows)))
    return {"width": width, "height": {"step": step}}


def _within_cell(size: float) -> float:
    return min(max(size, _LEAST_CELL), _LARGEST_CELL)


def _paneled(view: Spec, drawing: Drawing) -> Spec:
    """Repeat a view for every category of ``facet`` and ``row``."""
    channels = drawing.channels
    headers = {
        side: {**write_field(channels[key]), "title": None, "sort": drawing.order(channels[key])}
        for side, key in (("column", "facet"), ("row", "row"))
        if key in channels
    }
    if not headers:
        return view
    facets: Spec = {"facet": headers}
    if drawing.panels > PANELS_ABREAST and "row" not in headers:
        facets = {"facet": headers["column"], "columns": PANELS_ABREAST}
    # Models differ in the length of their vectors, and so in every distance; and each has
    # layers and steps of its own.
    own = {
        key: "independent"
        for key in "xy"
        if channels[key].column == "mean_distance" or channels[key].type != "Q"
    }
    if own:
        facets["resolve"] = {"scale": own}
    return {**facets, "spec": view}
