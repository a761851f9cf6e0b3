"""Writes charts in the grammar of Vega-Lite: axes, legends, panels, captions."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from embstore.question import CHANNEL_TYPES, Channel, Question
from embstore.types import MetricInfo

Row: TypeAlias = dict[str, object]
Spec: TypeAlias = dict[str, object]

# Okabe and Ito's colours without the yellow, which white paper swallows, ordered
# so that the first few differ most. Seven colours and six shapes come together
# again only after 42 series.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
DASHES = ([1, 0], [4, 3], [1.5, 2], [8, 2, 2, 2])

_WIDTH, _HEIGHT = 600, 320
_PANEL_WIDTH, _PANEL_HEIGHT = 300, 280
_CHARACTER_WIDTH = 5.6
# A bounded metric whose values all lie below this would draw as a flat line on
# the full axis.
_SMALL = 0.05
_TITLES = {
    "corpus": "Corpus",
    "depth": "Relative depth (layer / number of layers)",
    "kind": "Kind of model",
    "layer": "Layer",
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
_CONFIG: Spec = {
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


def write_spec(
    question: Question,
    channels: Mapping[str, Channel],
    rows: list[Row],
    metric: MetricInfo | None,
    caption: str | None,
) -> Spec:
    """Write a whole chart: view, title, caption, description, looks and data."""
    assert question.encoding is not None  # noqa: S101 the caller has looked
    mark = question.encoding.mark
    title = _headline(question, metric)
    view = _view(mark, channels, rows, metric)
    words = _description(title, mark, channels, rows, metric, caption)
    width = _panels(channels, rows) * _PANEL_WIDTH if "facet" in channels else _WIDTH
    chart = _assembled(view, rows, title, _below(caption, max(width, _WIDTH)))
    return {**chart, "description": words, "config": _CONFIG}


def _view(
    mark: str, channels: Mapping[str, Channel], rows: list[Row], metric: MetricInfo | None
) -> Spec:
    """Write one view, or one view per facet."""
    panels = _panels(channels, rows)
    size: Spec = {
        "width": _PANEL_WIDTH if panels > 1 else _WIDTH,
        "height": _PANEL_HEIGHT if panels > 1 else _HEIGHT,
    }
    if channels["y"].type == "N":
        size["height"] = {"step": 26}
    axes = {key: _axis(key, channels[key], rows, metric) for key in "xy"}
    shared: Spec = dict(axes)
    if "color" in channels:
        shared["color"] = _legend(channels["color"], rows, COLORS)
    if "detail" in channels:
        shared["detail"] = _field(channels["detail"])
    shared["tooltip"] = [
        {**_field(channel), "title": _title(channel.column, metric)}
        for channel in {channel.column: channel for channel in channels.values()}.values()
    ]
    shape_of = channels.get("shape", channels.get("color"))
    shape: Spec = {} if shape_of is None else {"shape": _legend(shape_of, rows, SHAPES)}
    dash: Spec = {}
    if "dash" in channels:
        dash = {"strokeDash": _legend(channels["dash"], rows, DASHES, symbolSize=250)}
    points: Spec = {
        "mark": {"type": "point", "filled": True, "size": 34, "opacity": 1},
        "encoding": {**shared, **shape},
    }
    if mark == "line":
        lines: Spec = {"mark": {"type": "line", "strokeWidth": 1.8}, "encoding": {**shared, **dash}}
        view: Spec = {"layer": [lines, points]}
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
    if headers:
        return {"facet": headers, "spec": {**view, **size}}
    return {**view, **size}


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
    if channel.type == "Q":
        numbers = [v for row in rows if isinstance(v := row[channel.column], int | float)]
        axis = {"grid": key == "y" or channel.column != "layer", "tickCount": 10}
        if channel.column == "depth":
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
    title = None if channel.type == "N" else _title(channel.column, metric)
    return {**_field(channel), "title": title, "axis": axis, "scale": scale}


def _legend(channel: Channel, rows: list[Row], values: Sequence[object], **looks: object) -> Spec:
    """Give every category its own colour, shape or dash, named in full."""
    names = sorted({str(row[channel.column]) for row in rows})
    longest = max(map(len, names), default=0)
    columns = max(1, int(_WIDTH / (longest * _CHARACTER_WIDTH + 40)))
    legend: Spec | None = {"columns": columns, **looks} if len(names) > 1 else None
    return {
        **_field(channel),
        "title": _title(channel.column, None),
        "scale": {"domain": names, "range": [values[i % len(values)] for i in range(len(names))]},
        "legend": legend,
    }


def _is_value(column: str) -> bool:
    return column == "value" or column.endswith("_value")


def _is_share(metric: MetricInfo) -> bool:
    return metric.upper == "1" and metric.lower in {"0", "1/d"}


def _title(column: str, metric: MetricInfo | None) -> str:
    if metric is not None and _is_value(column):
        unit = "" if metric.unit in {"", "1"} else f" [{metric.unit}]"
        which = column.removesuffix("value").replace("_", " ").strip()
        return f"{metric.title}{unit}" + (f", {which}" if which else "")
    spoken = column.replace("_", " ")
    return _TITLES.get(column, spoken[:1].upper() + spoken[1:])


def _headline(question: Question, metric: MetricInfo | None) -> str:
    if metric is None:
        return question.title
    title = question.title
    return f"{metric.title}: {title[:1].lower()}{title[1:]}"


def _description(
    title: str,
    mark: str,
    channels: Mapping[str, Channel],
    rows: list[Row],
    metric: MetricInfo | None,
    caption: str | None,
) -> str:
    """Say for a screen reader what the chart shows."""
    x, y = (_title(channels[key].column, metric) for key in "xy")
    told_apart = {channels[key].column for key in ("color", "dash", "shape") if key in channels}
    names = sorted({str(row[column]) for column in sorted(told_apart) for row in rows})
    parts = [f"{title}.", f"{mark.capitalize()} chart of {y} against {x}, {len(rows)} values"]
    parts[-1] += f", for {', '.join(names)}." if names else "."
    return " ".join([*parts, caption] if caption else parts)


def _below(caption: str | None, width: int) -> Spec | None:
    """Lay out a caption; Vega-Lite has none, but a title may stand below."""
    if not caption:
        return None
    return {
        "text": textwrap.wrap(caption, int(width / _CHARACTER_WIDTH)),
        "orient": "bottom",
        "fontSize": 11,
        "fontWeight": "normal",
        "color": "#444444",
        "lineHeight": 15,
        "offset": 12,
    }


def _assembled(view: Spec, rows: list[Row], title: str, below: Spec | None) -> Spec:
    data: Spec = {"values": rows}
    if below is None:
        return {"data": data, "title": title, **view}
    # A view has one title: the caption is that of a concatenation around it.
    return {"data": data, "title": below, "vconcat": [{"title": title, **view}]}
