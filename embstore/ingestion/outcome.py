"""What became of each checkpoint of an ingest, and which error they add up to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from embstore.errors import EmptyLayersError, IngestError, NothingMeasuredError
from embstore.ingestion.duplicates import SharedFiles
from embstore.store.empty_layers import EmptyLayers


@dataclass(frozen=True)
class Outcome:
    """What became of one checkpoint: ``measured`` now, ``stored`` before, or ``failed``.

    Attributes:
        model: its name.
        revision: of it.
        status: what became of it.
        run_id: of the run in the store; None if it failed.
        n_tokens: fed, now or before.
        seconds: what it took.
        least_recall: the worst layer's share of true neighbours that the search found, 1
            where it is exact; None where nothing was measured.
        duplicate_of: the revision of the same model that has the same weights, if any.
        shared: which of its files with weights an earlier checkpoint of this ingest has too.
        empty: its layers without a number; None where every layer has some.
        stage: how far a failed one came.
        reason: why it failed, one line.
    """

    model: str
    revision: str
    status: Literal["measured", "stored", "failed"]
    run_id: str | None = None
    n_tokens: int = 0
    seconds: float = 0.0
    least_recall: float | None = None
    duplicate_of: str | None = None
    shared: SharedFiles | None = None
    empty: EmptyLayers | None = None
    stage: str | None = None
    reason: str | None = None


def error_of(outcomes: Sequence[Outcome]) -> IngestError | None:
    """Return what to raise when all is done; None if no checkpoint failed."""
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if not failed:
        return None
    kind = NothingMeasuredError if len(failed) == len(outcomes) else IngestError
    rest = "none is stored" if len(failed) == len(outcomes) else "the others are stored"
    return kind(
        f"{len(failed):,} of {len(outcomes):,} checkpoints failed, {rest}; the same command "
        "tries the failed ones again, and embstore query failures lists them",
        outcomes,
    )


def emptiness_of(outcomes: Sequence[Outcome]) -> EmptyLayersError | None:
    """Return what to tell scripts when all is done; None if every layer has numbers."""
    empty = [outcome for outcome in outcomes if outcome.empty is not None]
    if not empty:
        return None
    first = empty[0]
    more = f", and {len(empty) - 1:,} more checkpoints likewise" if len(empty) > 1 else ""
    told = first.empty.sentence if first.empty else ""
    return EmptyLayersError(
        f"stored, but incomplete: of {first.model}@{first.revision}{more}, {told}", outcomes
    )
