"""Finds the headline of a question's rows."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from embstore.asking.parameters import ParameterValue
from embstore.asking.question import Question
from embstore.charts.headlines import adjacent, ledger, profiles, scores, shapes, training
from embstore.charts.headlines.wording import ERRORS, Row
from embstore.types import MetricInfo

if TYPE_CHECKING:
    import pyarrow as pa

_SEEDS = re.compile(r" · (\d+ seeds)")

# By the name of the built-in question. One that is not here is titled by the question itself.
_OF_A_METRIC: Mapping[str, Callable[[Sequence[Row], MetricInfo | None], str | None]] = {
    "anisotropy_by_step": training.maxima,
    "bell_shape": shapes.shapes,
    "depth_grid": profiles.profile,
    "dimension_by_step": training.blocks,
    "dimension_heatmap": training.blocks,
    "dimension_profile": profiles.profile,
    "encoder_vs_decoder": profiles.kinds,
    "layer_profile": profiles.profile,
    "peak_layer": shapes.peaks,
    "phases": training.verdicts,
    "score_by_step": scores.courses,
    "score_correlation": scores.correlations,
    "sink_effect": profiles.sinks,
}
# What these say is of the mean over the blocks.
_OF_ALL_BLOCKS = frozenset({"dimension_by_step", "dimension_heatmap"})
_OTHERS: Mapping[str, Callable[[Sequence[Row]], str | None]] = {
    "adjacent_similarity": adjacent.similarity,
    "angular_distance": adjacent.angles,
    "checkpoint_changes": training.changes,
    "cost": ledger.cost,
    "coverage": ledger.coverage,
    "dimension_ceiling": training.ceiling,
    "linearity_profile": adjacent.linearity,
    "massive_activations": ledger.massive,
    "nearest_models": ledger.nearest,
}


def finding(
    question: Question,
    table: "pa.Table",
    metric: MetricInfo | None,
    params: Mapping[str, ParameterValue],
) -> str | None:
    """Say what the rows of a built-in question show, or None where that is not clear.

    Every sentence is about the rows alone: it is as true of a store in which what the seed study
    saw does not hold. What was asked with, ``params``, says of what the rows are not all there is.
    """
    if not question.built_in:
        return None
    if question.name in _OF_ALL_BLOCKS and params.get("layers") is not None:
        return None
    # What a model shows is told of text as it is; a control stands beside it.
    rows = [row for row in table.to_pylist() if row.get("shuffle") in {None, "none"}]
    if _is_uneven(rows):
        return None
    rows = [_of_seeds(row) for row in rows]
    if find := _OF_A_METRIC.get(question.name):
        # Of a number of a coordinate there is no higher and lower.
        return None if metric is not None and metric.unit == "index" else find(rows, metric)
    if say := _OTHERS.get(question.name):
        return say(rows)
    return None


def _is_uneven(rows: Sequence[Row]) -> bool:
    """Tell whether a line is the median of more seeds here than there: that alone moves it."""
    counts: dict[object, set[int]] = {}
    for row in rows:
        if row.get("n_seeds"):
            counts.setdefault(row["series"], set()).add(row["n_seeds"])
    return any(len(of_line) > 1 for of_line in counts.values())


def _of_seeds(row: Row) -> Row:
    """Give a row of seeds a spoken name, and an error: within half a band nothing differs."""
    low, high = row.get("seed_low"), row.get("seed_high")
    if low is None or high is None:
        return row
    name = _SEEDS.sub(r" (\1)", str(row["series"]))
    return {**row, "series": name, "std_error": (high - low) / 2 / ERRORS}
