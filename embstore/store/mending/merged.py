"""What became of the runs of a store that was merged, from which runs the two have."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# For ``runs_of``, with what stands before the names of tables as ``source``.
RUNS = """
SELECT run.run_id, run.created_at, run.checkpoint_id, model.model_id, model.name AS model
FROM {source}run AS run
LEFT JOIN {source}checkpoint AS checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
LEFT JOIN {source}model AS model ON model.model_id = checkpoint.model_id
"""


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
class Merged:
    """What became of the runs of one other store.

    Attributes:
        other: where it is: its file, folder or address.
        new: runs that were taken in.
        known: runs that were there already.
        measured_twice: of those, how many the other store has measured by itself; the numbers
            that were there first are kept.
        namesakes: names that now stand for several models, and did not before.
    """

    other: str
    new: int
    known: int
    measured_twice: int
    namesakes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What to say of it: ``3 runs new, 2 already there``."""
        said = f"{self.new:,} run{'' if self.new == 1 else 's'} new, {self.known:,} already there"
        if self.measured_twice:
            said += (
                f" ({self.measured_twice:,} of them measured in both stores: the numbers that were "
                "there first are kept)"
            )
        return said


def runs_of(rows: Iterable[Sequence[Any]]) -> Runs:
    """Return the runs that ``RUNS`` gives, by their ids."""
    return {row[0]: StoredRun(*row[1:]) for row in rows}


def told(place: str, here: Runs, there: Runs) -> Merged:
    """Return what becomes of the runs of a store, given those that are here before."""
    known = here.keys() & there.keys()
    return Merged(
        other=place,
        new=len(there) - len(known),
        known=len(known),
        measured_twice=sum(here[run_id].created_at != there[run_id].created_at for run_id in known),
        namesakes=_namesakes(here, there),
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
