"""The words of a chart: titles, captions, and a description for who cannot see it."""

import json
import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import altair as alt

from embstore.charts.chart_data import ChartData, is_value
from embstore.charts.scope_looks import FILL_WORDS, by_scope
from embstore.charts.theme import (
    CHARACTER_WIDTH,
    PANEL_SIZES,
    SHARE_OF_QUANTITY,
    SMALL_SIZE,
    TITLE_CHARACTER_WIDTH,
    Theme,
)
from embstore.choices import SCOPE_WORDS
from embstore.types import MetricInfo

if TYPE_CHECKING:
    import pyarrow as pa

Title: TypeAlias = str | list[str] | None

_OF_SINKS = "Filled: all tokens; hollow: without attention sinks, in the same layer."
_TURNS = "Rings: where a course begins, turns and ends. The errors of its moves are in the table."
NO_VALUE = "× marks a cell without a value."

_TITLES = {
    "change_in_errors": "Change in standard errors",
    "ci_high": "Interval, upper end",
    "ci_low": "Interval, lower end",
    "contrast": "Mean of the middle minus mean of the ends",
    "corpus": "Corpus",
    "correlation": "Rank correlation",
    "course_steps": "Training step",
    "depth": "Relative depth (layer / number of layers)",
    "dimension": "Intrinsic dimension",
    "angle": "Angle between layers, over π",
    "further": "Layers further on",
    "distance": "Distance between profiles (root mean square)",
    "effect": "Added by sinks at the peak",
    "kind": "Kind of model",
    "layer": "Layer",
    "linearity": "Share explained",
    "model_stack": "Model",
    "n_seeds": "Seeds",
    "neighbor": "Neighbour",
    "part": "Spent on",
    "peak_depth": "Relative depth of the peak",
    "peak_step": "Training step of the peak",
    "place": "Coordinate",
    "rank": "Neighbour rank",
    "ratio": "Largest |x| / median |x|",
    "times_published": "Value here / published value",
    "scope": "Tokens counted",
    "seconds_per_1000_tokens": "Seconds per 1,000 tokens",
    "seed_high": "Band over seeds, upper end",
    "seed_low": "Band over seeds, lower end",
    "series": "Model",
    "step": "Training step",
    "tokens_seen": "Training tokens seen",
}
# Which values of the metric a column holds, where its name does not say it well.
_WHICH = {
    "course_values": "",
    "at_peak": "at the peak",
    "at_peak_no_sinks": "there without attention sinks",
}
# Channels whose legend is left out where it would have one name.
_UNNAMED = {"dash", "fill", "shape", "detail"}
# Shorter, for panels side by side.
_SHORT_TITLES = {"depth": "Relative depth"}
_MARKS = {"rect": "Heat map"}


def title_of(column: str, metric: MetricInfo | None) -> str:
    """Name a column for a reader; a metric's value by the metric's title and unit."""
    if metric is not None and is_value(column):
        unit = "" if metric.unit in {"", "1"} else f" [{metric.unit}]"
        which = column.removesuffix("value").replace("_", " ").strip()
        which = _WHICH.get(column, which)
        return f"{metric.title}{unit}" + (f", {which}" if which else "")
    return _TITLES.get(column, capital(column.replace("_", " ")))


def axis_title(key: str, data: ChartData, note: str = "") -> Title:
    """Title an axis; in lines where it would be longer than the axis."""
    channel = data.channels[key]
    column = channel.column
    if key == "y" and data.of_quantities:
        length = PANEL_SIZES[data.abreast][1] * SHARE_OF_QUANTITY
        alone = data.below or data.metric is None
        (quantity, *_) = data.names(data.channels["apart"])
        named = quantity if alone else f"{title_of(column, data.metric)}, {quantity}"
        return textwrap.wrap(named, max(20, int(length / CHARACTER_WIDTH)))
    if key == "y" and data.below:
        # A low view has no room for more than the name of its part.
        return capital(data.part) if channel.type == "Q" else " "
    title = title_of(column, data.metric)
    abreast = data.abreast
    if abreast > 1:
        title = _SHORT_TITLES.get(column, title)
    length = PANEL_SIZES[abreast]["xy".index(key)]
    lines = textwrap.wrap(title + note, max(20, int(length / CHARACTER_WIDTH)))
    return lines if len(lines) > 1 else title + note


def broken(name: str, letters: int) -> list[str]:
    """Break a long name into lines, after the signs that join its parts.

    >>> broken("organisation/a-model · step0 to step1000", 16)
    ['organisation/a-', 'model · step0 to', 'step1000']
    >>> broken("日本語モデル", 4)
    ['日本語モ', 'デル']
    """
    lines = [""]
    for part in re.findall(rf"[^\s/_@-]{{1,{letters}}}[\s/_@-]*|[\s/_@-]+", name):
        if lines[-1] and len(lines[-1] + part.rstrip()) > letters:
            lines.append("")
        lines[-1] += part
    return [line.strip() for line in lines]


def in_lines(names: Sequence[str], letters: int) -> str | None:
    """Return a Vega expression that breaks labels longer than that; None if all are shorter."""
    long = [name for name in names if len(name) > letters and name.isprintable()]
    if not long:
        return None
    lines = {name: broken(name, letters) for name in long}
    # Vega-Lite puts an expression in the place of the label, hence the brackets.
    return f"({json.dumps(lines)})[datum.label] || (datum.label)"


def lines_of(names: Sequence[str], letters: int) -> int:
    """Return into how many lines the longest name is broken."""
    return max((len(broken(name, letters)) for name in names if len(name) > letters), default=1)


def capital(words: str) -> str:
    """Begin with a capital letter."""
    return words[:1].upper() + words[1:]


def headline(title: str, metric: MetricInfo | None) -> str:
    """Return the chart's title: the question's, and of which metric."""
    return title if metric is None else f"{metric.title}: {title[:1].lower()}{title[1:]}"


def describe(data: ChartData, title: str, caption: str | None) -> str:
    """Say for a screen reader what the chart shows."""
    channels, metric = data.channels, data.metric
    shown = {key: title_of(channels[key].column, metric) for key in channels}
    mark = _MARKS.get(data.mark, f"{data.mark.capitalize()} chart")
    if data.mark == "rect":
        what = f"{mark} of {shown.get('color', 'cells')} by {shown['x']} and {shown['y']}"
    else:
        what = f"{mark} of {shown['y']} against {shown['x']}"
    keys = [key for key in ("color", "dash", "shape", "facet") if key in channels]
    told_apart = {channels[key].column for key in keys if channels[key].type == "N"}
    names = sorted({str(row[column]) for column in sorted(told_apart) for row in data.rows})
    what += f", {len(data.rows)} values"
    what += f", for {', '.join(names)}." if names else "."
    parts = [title if title.endswith("?") else f"{title}.", what, _extent(data, shown)]
    return " ".join([part for part in [*parts, caption] if part])


def _extent(data: ChartData, shown: dict[str, str]) -> str:
    """Tell the least and the largest number of what the chart is about."""
    key = "color" if data.mark == "rect" else "y"
    if key in data.channels and data.channels[key].type != "Q":
        key = "x"
    if key not in data.channels or data.channels[key].type != "Q":
        return ""
    numbers = data.numbers(data.channels[key])
    if not numbers:
        return ""
    return f"{shown[key]} runs from {min(numbers):.4g} to {max(numbers):.4g}."


def titled(title: str, found: str | None, width: int, theme: Theme) -> str | list[str] | alt.Title:
    """Return a chart's title: what was found, above the question; else the question.

    What is wider than the chart is broken into lines.
    """
    if found is None:
        return _lines(title, width, TITLE_CHARACTER_WIDTH)
    return alt.Title(
        _lines(found, width, TITLE_CHARACTER_WIDTH),
        subtitle=_lines(title, width, CHARACTER_WIDTH),
        subtitleColor=theme.faint,
        subtitleFontSize=SMALL_SIZE,
        subtitlePadding=5,
        subtitleLineHeight=16,
    )


def _lines(words: str, width: int, character: float) -> str | list[str]:
    lines = textwrap.wrap(words, max(20, int(width / character)))
    return words if len(lines) < 2 else lines


def filling(names: Sequence[str]) -> dict[str, str]:
    """Say of each name how its markers are filled, as they are drawn."""
    return dict(zip(names, by_scope(names, FILL_WORDS), strict=True))


def _filled(names: list[str]) -> str:
    told = "; ".join(f"{look}: {name}" for name, look in filling(names).items())
    return f"{told[:1].upper()}{told[1:]}."


def _dumbbell(data: ChartData) -> str:
    """Say what the two ends of a dumbbell are."""
    columns = [data.channels[key].column for key in ("x", "x2")]
    if columns == ["at_peak", "at_peak_no_sinks"]:
        return _OF_SINKS
    filled, hollow = (title_of(column, data.metric) for column in columns)
    return f"Filled: {filled}; hollow: {hollow}."


def counted_tokens(data: ChartData, answer: "pa.Table", asked: object = None) -> str | None:
    """Say which tokens count, where all rows have one scope that nothing in the chart names.

    Of one scope there is no legend, and a reader takes it for all tokens. Where the answer has
    no such column, it is the scope that was asked for.
    """
    named = {channel.column for key, channel in data.channels.items() if key not in _UNNAMED}
    if "scope" in named:
        return None
    found = answer["scope"].to_pylist() if "scope" in answer.column_names else [asked]
    (scope, *others) = {str(scope) for scope in found}
    if others or scope == "all" or scope not in SCOPE_WORDS:
        return None
    return f"{_TITLES['scope']}: {SCOPE_WORDS[scope]}."


def footer(data: ChartData, caption: str | None) -> str | None:
    """Say below a chart what its marks mean, and what else there is to know."""
    color, parts = data.channels.get("color"), []
    spread, edge = ("Bars", "caps") if data.mark == "point" else ("Bands", "edges")
    if data.interval and data.seed_band:
        which = "of seeds" if "detail" in data.channels else f"with {edge}"
        parts.append(f"{spread} {which} are over seeds, the others are 95 % intervals.")
    elif data.seed_band:
        parts.append(f"{spread} are over seeds, not 95 % intervals.")
    elif data.interval:
        parts.append(f"{spread} are 95 % intervals.")
    numbers = color if data.mark == "rect" and color is not None and color.type == "Q" else None
    if numbers is not None and any(row[numbers.column] is None for row in data.rows):
        parts.append(NO_VALUE)
    if data.mark == "dumbbell":
        parts.append(_dumbbell(data))
    if "fill" in data.channels and len(names := data.names(data.channels["fill"])) > 1:
        parts.append(_filled(names))
    label = data.channels.get("label")
    if label is not None and label.column == "course_turns":
        parts.append(_TURNS)
    if "rule" in data.channels and not data.reaches_rule:
        rule = data.channels["rule"]
        far = max(data.numbers(rule), default=0)
        parts.append(f"The {rule.column.replace('_', ' ')} of {far:g} lies beyond the axis.")
    return " ".join([*parts, caption or ""]).strip() or None


def far_pairs(data: ChartData, answer: "pa.Table") -> str | None:
    """Say why some pairs of a chart of all pairs have no colour; None if all have one."""
    if not data.is_pairs():
        return None
    pairs = {(row[data.channels["x"].column], row[data.channels["y"].column]) for row in data.rows}
    n = len(data.names(data.channels["y"]))
    if len(pairs) >= n * (n - 1) or "rank" not in answer.column_names:
        return None
    nearest = max(filter(None, answer["rank"].to_pylist()), default=0)
    return (
        f"Grey: not among the {nearest} nearest of the row's model (nearest={n - 1} draws all), "
        "or not measured alike."
    )


def caption_below(caption: str, width: int, theme: Theme) -> alt.Title:
    """Return a caption: Vega-Lite has none, so it is a title below the chart."""
    return alt.Title(
        textwrap.wrap(caption, int(width / CHARACTER_WIDTH)),
        orient="bottom",
        fontSize=SMALL_SIZE,
        fontWeight="normal",
        color=theme.faint,
        lineHeight=16,
        offset=12,
    )
