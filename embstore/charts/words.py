"""The words of a chart: titles, and a description for who cannot see it."""

import json
import re
import textwrap
from collections.abc import Sequence
from typing import TypeAlias

import altair as alt

from embstore.charts.chart_data import ChartData, is_value
from embstore.charts.theme import (
    CHARACTER_WIDTH,
    PANEL_SIZES,
    SHARE_OF_QUANTITY,
    SMALL_SIZE,
    TITLE_CHARACTER_WIDTH,
    Theme,
)
from embstore.types import MetricInfo

Title: TypeAlias = str | list[str] | None

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
