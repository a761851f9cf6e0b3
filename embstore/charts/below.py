"""What stands below a chart: what its marks mean, what they leave out, and which tokens count."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import altair as alt

from embstore.charts.chart_data import ChartData
from embstore.charts.scope_looks import FILL_WORDS, by_scope
from embstore.charts.theme import CHARACTER_WIDTH, SMALL_SIZE, Theme
from embstore.charts.words import title_of
from embstore.choices import SCOPE_WORDS

if TYPE_CHECKING:
    import pyarrow as pa

_OF_SINKS = "Filled: all tokens; hollow: without attention sinks, in the same layer."
_TURNS = (
    "Rings: where a course or its only move begins, turns and ends. The errors of its moves are in "
    "the table."
)
_NO_VALUE = "× marks a cell without a value."
# Channels whose legend is left out where it would have one name.
_UNNAMED = {"dash", "fill", "shape", "detail"}


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
    return f"{title_of('scope', None)}: {SCOPE_WORDS[scope]}."


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
        parts.append(_NO_VALUE)
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
