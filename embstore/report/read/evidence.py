"""Gathers what the findings are drawn from: small tables, whatever the size of the store."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embstore.asking.caveats import hidden_runs
from embstore.asking.out_of_sight import Lost, most_lost
from embstore.choices import SCOPES
from embstore.report.read.counts import Counts, read_counts
from embstore.report.read.massive import Massive, find_massive, largest_table, read_largest
from embstore.report.read.profiles import AnisotropyProfile, read_profiles
from embstore.report.read.questions import ask
from embstore.report.read.readable import readable
from embstore.report.read.training import Course, read_courses
from embstore.report.records import Contents, Row
from embstore.store.empty_layers import EmptyLayers, empty_layers

if TYPE_CHECKING:
    from embstore.store.database import Database

# The seed study saw no mean dimension above it.
CEILING = 60
# Which estimate of dimension the findings speak of, the first that was measured.
_DIMENSIONS = ("twonn", "mle", "twonn_ml", "lid_p50")


@dataclass(frozen=True)
class Highest:
    """The highest dimension of any block, run and scope.

    ``possible`` is the highest that any interval reaches; ``surely`` counts the intervals
    that lie above the ceiling as a whole.
    """

    run: int
    layer: int
    scope: str
    metric: str
    value: float
    ci_low: float | None
    ci_high: float | None
    possible: float
    surely: int


@dataclass(frozen=True)
class Evidence:
    """What the findings are drawn from.

    Attributes:
        profiles: of anisotropy, for the last checkpoints.
        anisotropy: the course of the highest block through training.
        dimension: the course of the mean intrinsic dimension.
        estimate: which estimate of it that is; None if none was measured.
        highest: its highest value.
        counts: what is stored of every run and metric.
        massive: coordinates that are massive in the last checkpoints.
        largest: the largest coordinates of each layer there, for the page's table.
        same_weights: checkpoints whose weights another of the same model has too.
        larger: tokens of an earlier run that read more than the latest one, by the place
            of that latest one.
        lost: what latest runs lack of an earlier one.
        empty: runs some of whose layers have no numbers.
    """

    profiles: tuple[AnisotropyProfile, ...]
    anisotropy: tuple[Course, ...]
    dimension: tuple[Course, ...]
    estimate: str | None
    highest: Highest | None
    counts: Counts
    massive: tuple[Massive, ...]
    largest: tuple[Row, ...]
    same_weights: tuple[Row, ...]
    larger: dict[int, int]
    lost: tuple[Lost, ...]
    empty: tuple[EmptyLayers, ...]


def read_evidence(database: "Database", contents: Contents) -> Evidence:
    """Ask the store for what the findings need."""
    place_of = contents.place_of
    # A question refuses a metric that the store does not have.
    measured = {metric["name"] for metric in contents.metrics}
    anisotropy = "anisotropy" in measured
    estimate = next((name for name in _DIMENSIONS if name in measured), None)
    largest = read_largest(database, contents)
    return Evidence(
        profiles=read_profiles(database, contents) if anisotropy else (),
        anisotropy=read_courses(database, contents, "anisotropy", "highest") if anisotropy else (),
        dimension=read_courses(database, contents, estimate, "mean") if estimate else (),
        estimate=estimate,
        highest=_read_highest(database, contents, estimate) if estimate else None,
        counts=read_counts(database, contents),
        massive=find_massive(contents, largest),
        largest=tuple(readable(largest_table(largest))),
        same_weights=tuple(
            readable(ask(database, "duplicate_checkpoints", models=contents.models_asked))
        ),
        larger={
            place_of[run.run_id]: run.hidden_tokens
            for run in hidden_runs(database)
            if run.run_id in place_of
        },
        lost=tuple(one for run, one in most_lost(database).items() if run in place_of),
        empty=tuple(empty_layers(database, contents.run_ids)),
    )


def _read_highest(database: "Database", contents: Contents, estimate: str) -> Highest | None:
    rows = ask(
        database,
        "dimension_ceiling",
        metric=estimate,
        ceiling=CEILING,
        models=contents.models_asked,
        scopes=SCOPES,
        # Token vectors differ in kind from what blocks make of them: theirs is often the highest.
        embedding=False,
    )
    known = [row for row in rows if row["value"] is not None]
    if not known:
        return None
    top = min(known, key=_earliest_of_the_highest)
    return Highest(
        run=contents.place_of[top["run_id"]],
        layer=top["layer"],
        scope=top["scope"],
        metric=estimate,
        value=top["value"],
        ci_low=top["ci_low"],
        ci_high=top["ci_high"],
        possible=max(row["highest_possible"] for row in known),
        surely=sum(row["n_surely_above"] for row in known),
    )


def _earliest_of_the_highest(row: dict[str, Any]) -> tuple[object, ...]:
    step = row["step"]
    return (
        *(-row["value"], step is None, step or 0, row["revision"]),
        *(row["layer"], row["scope"], row["run_id"], row["stack"]),
    )
