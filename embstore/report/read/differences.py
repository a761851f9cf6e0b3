"""Reads the differences between a model's first and last checkpoint whose errors are paired.

How much each window moves a number would make a page many times as large, so its script takes
the errors of two checkpoints as independent. Of what a reader of a training asks first the
paired ones come with the page, as the command ``compare`` has them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embstore.choices import SCOPES
from embstore.comparison.stored import compare_stored
from embstore.report.records import Contents, ModelFacts, Row

if TYPE_CHECKING:
    from embstore.store.database import Database

# Each reads two runs with all their effects of windows.
_MODELS = 4
_NAMES = ("metric", "scope", "stack", "part", "layer")
_ENDS = ("ci_low", "ci_high")


@dataclass(frozen=True)
class Paired:
    """Differences between two runs that have paired errors.

    Attributes:
        a: place of the run compared with.
        b: of the run compared.
        rows: for each metric, scope, stack and layer or summary, the ends of the interval.
    """

    a: int
    b: int
    rows: tuple[Row, ...]


def read_paired(
    database: "Database", contents: Contents, metrics: Sequence[str]
) -> tuple[Paired, ...]:
    """Read the paired differences of the models with most checkpoints.

    Args:
        database: the store.
        contents: what the page is about.
        metrics: those it has numbers of.
    """
    found: list[Paired] = []
    trained = sorted(contents.models, key=lambda model: -len(model.runs))
    pairs = [pair for model in trained if (pair := first_and_last(contents, model))]
    for a, b in pairs[:_MODELS]:
        runs = contents.runs[a], contents.runs[b]
        if runs[0]["token_ids_sha256"] != runs[1]["token_ids_sha256"]:
            continue
        measured = [json.loads(str(run["metric_versions"])) for run in runs]
        both = [metric for metric in metrics if all(metric in names for names in measured)]
        if not both:
            continue
        table = compare_stored(
            database, *(contents.run_ids[place] for place in (a, b)), metrics=both, scopes=SCOPES
        ).table
        rows: list[Row] = [
            {key: row[key] for key in _NAMES} | {key: float(f"{row[key]:.5g}") for key in _ENDS}
            for row in table.to_pylist()
            if row["errors"] == "paired"
        ]
        if rows:
            found.append(Paired(a, b, tuple(rows)))
    return tuple(found)


def first_and_last(contents: Contents, model: ModelFacts) -> tuple[int, int] | None:
    """Return the first and last checkpoint that a model was trained to, over its commonest text.

    Of a model with one checkpoint, or with untrained controls besides, there are none.
    """
    of_text: dict[object, list[int]] = {}
    for place in model.runs:
        if not contents.runs[place]["untrained"]:
            of_text.setdefault(contents.runs[place]["corpus_id"], []).append(place)
    places = max(of_text.values(), key=len, default=[])
    last = next((place for place in places if place in contents.newest), None)
    if last is None or places[0] == last:
        return None
    return places[0], last
