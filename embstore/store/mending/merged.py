"""What became of the runs and scores of a store that was merged, from what the two have."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from embstore.common.messages import counted

# With what stands before the names of tables as ``source``.
_RUNS = """
SELECT run.run_id, run.created_at, run.checkpoint_id, model.model_id, model.name AS model
FROM {source}run AS run
LEFT JOIN {source}checkpoint AS checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
LEFT JOIN {source}model AS model ON model.model_id = checkpoint.model_id
"""
# What scores say, whenever they were imported; likewise.
_SCORES = (
    "SELECT DISTINCT model, revision, step, name, value, std_error, scored_at FROM {source}score"
)
_Rows = Set[tuple[Any, ...]]


@dataclass(frozen=True)
class StoredRun:
    """A run that is stored: when it was measured, and of what."""

    created_at: datetime
    checkpoint_id: str
    model_id: str | None
    model: str | None


# By their ids.
Runs = Mapping[str, StoredRun]


@dataclass(frozen=True)
class Contents:
    """What of a store is counted when it is merged: its runs, and what its scores say."""

    runs: Runs
    scores: _Rows

    def __or__(self, other: "Contents") -> "Contents":
        """Return what both have; runs as they are here."""
        return Contents({**other.runs, **self.runs}, self.scores | other.scores)


@dataclass(frozen=True)
class Merged:
    """What became of the runs of one other store.

    Attributes:
        other: where it is: its file, folder or address.
        new: runs that were taken in.
        known: runs that were there already.
        measured_twice: of those, how many the other store has measured by itself; the numbers
            that were there first are kept.
        namesakes: names that now stand for several models, and did not before.
        scores: scores of evaluations elsewhere that say what none did before.
    """

    other: str
    new: int
    known: int
    measured_twice: int
    namesakes: tuple[str, ...] = ()
    scores: int = 0

    @property
    def sentence(self) -> str:
        """What to say of it: ``3 runs new, 2 already there; 4 scores new``."""
        said = f"{self.new:,} run{'' if self.new == 1 else 's'} new, {self.known:,} already there"
        if self.measured_twice:
            said += (
                f" ({self.measured_twice:,} of them measured in both stores: the numbers that were "
                "there first are kept)"
            )
        return f"{said}; {counted(self.scores, 'score')} new" if self.scores else said


def contents_of(ask: Callable[[str], Iterable[Sequence[Any]]], source: str = "") -> Contents:
    """Return what of a store is counted, of the rows that it answers SQL with."""
    runs = {row[0]: StoredRun(*row[1:]) for row in ask(_RUNS.format(source=source))}
    return Contents(runs, {tuple(row) for row in ask(_SCORES.format(source=source))})


def told(place: str, here: Contents, there: Contents) -> Merged:
    """Return what becomes of the runs and scores of a store, given what is here before."""
    known = here.runs.keys() & there.runs.keys()
    return Merged(
        other=place,
        new=len(there.runs) - len(known),
        known=len(known),
        measured_twice=sum(
            here.runs[run_id].created_at != there.runs[run_id].created_at for run_id in known
        ),
        namesakes=_namesakes(here.runs, there.runs),
        scores=len(there.scores - here.scores),
    )


def _namesakes(here: Runs, there: Runs) -> tuple[str, ...]:
    """Return the names that will stand for more models than they do."""
    checkpoints = {run.checkpoint_id for run in here.values()}
    # A model that was renamed keeps its id, and the name that it has here.
    models = {run.model_id: run.model for run in here.values()}
    taken = {
        run.model_id: run.model
        for run in there.values()
        if run.checkpoint_id not in checkpoints and run.model_id not in models
    }
    after = Counter([*models.values(), *taken.values()])
    return tuple(sorted({name for name in taken.values() if name is not None and after[name] > 1}))
