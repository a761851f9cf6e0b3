"""Writes views in the grammar of Vega-Lite: marks, axes, legends, panels."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from embstore.question import CHANNEL_TYPES, Channel
from embstore.types import MetricInfo

Row: TypeAlias = dict[str, object]
Spec: TypeAlias = dict[str, object]

# Okabe and Ito's colours without the yellow, which white paper swallows, ordered
# so that the first few differ most. Seven colours and six shapes come together
# again only after 42 series.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
DASHES = ([1, 0], [4, 3], [1.5, 2], [8, 2, 2, 2])
# Numbers in colour: viridis, again without the yellow.
_GRADIENT: Spec = {"name": "viridis", "extent": [0, 0.85]}

# The columns of an answer that bound its estimate, and the columns that hold one.
INTERVAL = ("ci_low", "ci_high")
ESTIMATES = ("value", "dimension")
# Scales that run over orders of magnitude, with the base of their axis.
_LOGARITHMIC = {"mean_distance": 10, "rank": 2}

_WIDTH, _HEIGHT = 600, 320
_PANEL_WIDTH, _PANEL_HEIGHT, _PANELS_ABREAST = 300, 280, 3
CHARACTER_WIDTH = 5.6
# A bounded metric whose values all lie below this would draw as a flat line on
# the full axis.
_SMALL = 0.05
_TITLES = {
    "ci_high": "Interval, upper end",
    "ci_low": "Interval, lower end",
    "corpus": "Corpus",
    "depth": "Relative depth (layer / number of layers)",
    "dimension": "Intrinsic dimension",
    "kind": "Kind of model",
    "layer": "Layer",
    "rank": "Neighbour rank",
    "scope": "Tokens counted",
    "series": "Model",
    "step": "Training step",
    "tokens_seen": "Training tokens seen",
}
SCOPE_NAMES = {
    "all": "all",
    "no_first": "without first token",
    "no_sinks": "without attention sinks",
}
CONFIG: Spec = {
    "font": "Helvetica, Arial, sans-serif",
    "background": "white",
    "view": {"stroke": None},
    "axis": {
        "labelLimit": 0,
        "titleLimit": 0,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "gridColor": "#e4e4e4",
        "domainColor": "#777777",
        "labelFlush": False,
        "tickColor": "#777777",
    },
    "legend": {
        "orient": "bottom",
        "direction": "vertical",
        "labelLimit": 0,
        "titleLimit": 0,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "symbolSize": 70,
    },
    "header": {
        "titleFontSize": 12,
        "labelFontSize": 12,
        "labelFontWeight": "bold",
        "labelLimit": 0,
    },
    "title": {"fontSize": 15, "anchor": "start", "limit": 0, "offset": 14},
}


def write_view(
    mark: str, channels: Mapping[str, Channel], rows: list[Row], metric: MetricInfo | None
) -> Spec:
    """Write one view, or one view per facet.

    Rows that hold the columns of INTERVAL get a band behind the lines.
    """
    panels = _panels(channels, rows)
    size: Spec = {
        "width": _PANEL_WIDTH if panels > 1 else _WIDTH,
        "height": _PANEL_HEIGHT if panels > 1 else _HEIGHT,
    }
    if channels["y"].type == "N":
        size["height"] = {"step": 26}
    axes = {key: _axis(key, channels[key], rows, metric) for key in "xy"}
    bounds = [Channel(name, "Q") for name in INTERVAL if mark == "line" and name in rows[0]]
    shared: Spec = dict(axes)
    if "color" in channels:
        # A legend takes the band's lightness otherwise.
        looks = {"symbolOpacity": 1} if bounds else {}
        shared["color"] = _color(channels["color"], rows, **looks)
    if "detail" in channels:
        shared["detail"] = _field(channels["detail"])
    shared["tooltip"] = [
        {**_field(channel), "title": title_of(channel.column, metric)}
        for channel in {c.column: c for c in (*channels.values(), *bounds)}.values()
    ]
    shape_of = channels.get("shape", channels.get("color"))
    shape: Spec = {}
    if shape_of is not None and shape_of.type != "Q":
        shape = {"shape": _legend(shape_of, rows, SHAPES)}
    dash: Spec = {}
    if "dash" in channels:
        dash = {"strokeDash": _legend(channels["dash"], rows, DASHES, symbolSize=250)}
    points: Spec = {
        "mark": {"type": "point", "filled": True, "size": 34, "opacity": 1},
        "encoding": {**shared, **shape},
    }
    if mark == "line":
        lines: Spec = {"mark": {"type": "line", "strokeWidth": 1.8}, "encoding": {**shared, **dash}}
        bands = [_band(axes, shared, channels)] if bounds else []
        view: Spec = {"layer": [*bands, lines, points]}
    elif mark == "point":
        # Hollow, so that of two points in one place both are seen.
        points["mark"] = {
            "type": "point",
            "filled": False,
            "size": 90,
            "strokeWidth": 2,
            "opacity": 1,
        }
        view = points
    else:
        view = {"mark": {"type": "bar"}, "encoding": shared}
    headers = {
        side: {**_field(channels[key]), "title": None}
        for side, key in (("column", "facet"), ("row", "row"))
        if key in channels
    }
    if not headers:
        return {**view, **size}
    facets: Spec = {"facet": headers}
    if panels > _PANELS_ABREAST and "row" not in headers:
        facets = {"facet": headers["column"], "columns": _PANELS_ABREAST}
    if channels["x"].column == "mean_distance":
        # Models differ in the length of their vectors, and so in every distance.
        facets["resolve"] = {"scale": {"x": "independent"}}
    return {**facets, "spec": {**view, **size}}


def _band(axes: Mapping[str, Spec], shared: Spec, channels: Mapping[str, Channel]) -> Spec:
    """Write the intervals: an area per line, in its colour, too light to hide a line."""
    low, high = INTERVAL
    encoding: Spec = {**axes, "y": {**axes["y"], "field": low}, "y2": {"field": high}}
    if "color" in shared:
        encoding["color"] = shared["color"]
    encoding["detail"] = [_field(channels[key]) for key in ("detail", "dash") if key in channels]
    # Clipped, for a bound may lie outside a fixed axis. A screen reader finds the bounds
    # at the points.
    mark: Spec = {"type": "area", "opacity": 0.15, "clip": True, "aria": False}
    return {"mark": mark, "encoding": encoding}


def width_of(channels: Mapping[str, Channel], rows: list[Row]) -> int:
    """Return how wide the whole chart is, in pixels."""
    return max(_WIDTH, min(_panels(channels, rows), _PANELS_ABREAST) * _PANEL_WIDTH)


def _panels(channels: Mapping[str, Channel], rows: list[Row]) -> int:
    if "facet" not in channels:
        return 1
    return len({str(row[channels["facet"].column]) for row in rows})


def _field(channel: Channel) -> Spec:
    # Vega reads . and [ ] in a field's name as a path into an object.
    name = channel.column
    for special in "\\.[]":
        name = name.replace(special, f"\\{special}")
    return {"field": name, "type": CHANNEL_TYPES[channel.type]}


def _axis(key: str, channel: Channel, rows: list[Row], metric: MetricInfo | None) -> Spec:
    axis: Spec = {}
    scale: Spec = {}
    logarithmic = False
    if channel.type == "Q":
        numbers = [v for row in rows if isinstance(v := row[channel.column], int | float)]
        axis = {"grid": key == "y" or channel.column != "layer", "tickCount": 10}
        if channel.column in _LOGARITHMIC and numbers and min(numbers) > 0:
            logarithmic = True
            axis.update(grid=key == "y", tickCount=5, format="~g")
            scale = {"type": "log", "base": _LOGARITHMIC[channel.column], "nice": False}
        elif channel.column == "depth":
            axis.update(tickCount=5, format=".1f")
            scale = {"domain": [0, 1], "nice": False}
        elif all(isinstance(number, int) for number in numbers):
            axis.update(tickMinStep=1, format="~s" if max(numbers, default=0) >= 10_000 else "d")
            scale = {"nice": False} if key == "x" else {}
        elif (
            metric
            and _is_value(channel.column)
            and _is_share(metric)
            and max(numbers, default=0) > _SMALL
        ):
            scale = {"domain": [0, 1]}
    elif key == "y":
        axis["grid"] = True
    title = None if channel.type == "N" else title_of(channel.column, metric)
    if logarithmic:
        title = f"{title} (log scale)"
    return {**_field(channel), "title": title, "axis": axis, "scale": scale}


def _color(channel: Channel, rows: list[Row], **looks: object) -> Spec:
    """Colour categories apart, and numbers from dark to light."""
    if channel.type != "Q":
        return _legend(channel, rows, COLORS, **looks)
    scale: Spec = {"scheme": _GRADIENT}
    if channel.column == "depth":
        scale["domain"] = [0, 1]
    legend: Spec = {"direction": "horizontal", **looks}
    title = title_of(channel.column, None)
    return {**_field(channel), "title": title, "scale": scale, "legend": legend}


def _legend(channel: Channel, rows: list[Row], values: Sequence[object], **looks: object) -> Spec:
    """Give every category its own colour, shape or dash, named in full."""
    names = sorted({str(row[channel.column]) for row in rows})
    longest = max(map(len, names), default=0)
    columns = max(1, int(_WIDTH / (longest * CHARACTER_WIDTH + 40)))
    legend: Spec | None = {"columns": columns, **looks} if len(names) > 1 else None
    return {
        **_field(channel),
        "title": title_of(channel.column, None),
        "scale": {"domain": names, "range": [values[i % len(values)] for i in range(len(names))]},
        "legend": legend,
    }


def _is_value(column: str) -> bool:
    return column == "value" or column.endswith("_value")


def _is_share(metric: MetricInfo) -> bool:
    return metric.upper == "1" and metric.lower in {"0", "1/d"}


def title_of(column: str, metric: MetricInfo | None) -> str:
    """Name a column for a reader; a metric's value by the metric's title and unit."""
    if metric is not None and _is_value(column):
        unit = "" if metric.unit in {"", "1"} else f" [{metric.unit}]"
        which = column.removesuffix("value").replace("_", " ").strip()
        return f"{metric.title}{unit}" + (f", {which}" if which else "")
    spoken = column.replace("_", " ")
    return _TITLES.get(column, spoken[:1].upper() + spoken[1:])
