"""Reads the course of a number through each training: its moves, and where it turns."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from embstore.report.read.questions import ask
from embstore.report.read.readable import readable
from embstore.report.records import Contents

if TYPE_CHECKING:
    from embstore.store.database import Database

# Fewer steps show no course.
LEAST_STEPS = 5


@dataclass(frozen=True)
class Course:
    """How a number goes through one training, over one text and stack.

    Attributes:
        series: the model; its training, text and stack where there are several.
        verdict: as the question ``phases`` gives it.
        moves: one sign for each move that exceeds its errors.
        stops: steps and values where it begins, turns and ends.
        n_steps: how many steps it has.
        n_left_out: how many are left out, for another step has their weights too.
        unequal: settings in which the steps differ.
        runs: places of the runs behind it.
    """

    series: str
    verdict: str
    moves: str
    stops: tuple[tuple[int, float], ...]
    n_steps: int
    n_left_out: int
    unequal: tuple[str, ...]
    runs: tuple[int, ...]


def read_courses(
    database: "Database", contents: Contents, metric: str, by: Literal["mean", "highest"]
) -> tuple[Course, ...]:
    """Read the courses of a metric's mean over the blocks, or of the highest block."""
    if not any(run["step"] is not None and not run["untrained"] for run in contents.runs):
        return ()
    rows = ask(
        database,
        "phases",
        metric=metric,
        models=contents.models_asked,
        by=by,
        least_steps=LEAST_STEPS,
    )
    place_of = contents.place_of
    return tuple(
        Course(
            series=row["series"],
            verdict=row["verdict"],
            moves=row["moves"] or "",
            stops=tuple(zip(row["turn_steps"] or (), row["turn_values"] or (), strict=True)),
            n_steps=row["n_steps"],
            n_left_out=row["n_left_out"],
            unequal=tuple(row["unequal"].split(", ")) if row["unequal"] else (),
            runs=tuple(place_of[run_id] for run_id in row["run_ids"] or ()),
        )
        for row in readable(rows)
    )
