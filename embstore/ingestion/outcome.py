"""What became of each checkpoint of an ingest, and which error they add up to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from embstore.common.messages import listed
from embstore.errors import EmptyLayersError, IngestError, KeptError, NothingMeasuredError
from embstore.ingestion.duplicates import SharedFiles
from embstore.inputs.sampling import shuffle_in_words
from embstore.store.empty_layers import EmptyLayers


@dataclass(frozen=True)
class Outcome:
    """What became of one checkpoint: ``measured`` now, ``stored`` before, or ``failed``.

    One that is ``kept`` is measured, but could not be stored: its run is in a file, which the
    next ingest into the store takes in.

    Attributes:
        model: its name.
        revision: of it.
        status: what became of it.
        run_id: of the run in the store; None if it is not there.
        n_tokens: fed, now or before.
        texts: how many texts these are, and of how many; None where windows are no texts.
        seconds: what it took.
        least_recall: the worst layer's share of true neighbours that the search found, 1
            where it is exact; None where nothing was measured.
        completes: the run of the same sample that this one has all numbers of, and more.
        added: the metrics that were measured now, where the others are that run's.
        duplicate_of: the revision of the same model that has the same weights, if any.
        shared: which of its files with weights an earlier checkpoint of this ingest has too.
        empty: its layers without a number; None where every layer has some.
        empty_scopes: what to say of its scopes without a number, where some have any.
        stage: how far a failed one came.
        reason: why it failed, or could not be stored, one line.
        file: in which the run of one that is kept is.
        shuffle: what of the text was shuffled, as a control.
    """

    model: str
    revision: str
    status: Literal["measured", "stored", "failed", "kept"]
    run_id: str | None = None
    n_tokens: int = 0
    texts: tuple[int, int] | None = None
    seconds: float = 0.0
    least_recall: float | None = None
    completes: str | None = None
    added: tuple[str, ...] = ()
    duplicate_of: str | None = None
    shared: SharedFiles | None = None
    empty: EmptyLayers | None = None
    empty_scopes: tuple[str, ...] = ()
    stage: str | None = None
    reason: str | None = None
    file: Path | None = None
    shuffle: str = "none"

    @property
    def label(self) -> str:
        """What to call it; a control says what it is."""
        return f"{self.model}@{self.revision}{self.shuffled}"

    @property
    def shuffled(self) -> str:
        """What a name ends with where text was shuffled; else empty."""
        return f" ({shuffle_in_words(self.shuffle)})" if self.shuffle != "none" else ""


def error_of(outcomes: Sequence[Outcome]) -> IngestError | KeptError | None:
    """Return what to raise when all is done; None if every checkpoint is stored."""
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    kept = [outcome for outcome in outcomes if outcome.status == "kept"]
    if kept:
        return _kept_error(kept, failed, outcomes)
    if not failed:
        return None
    kind = NothingMeasuredError if len(failed) == len(outcomes) else IngestError
    rest = "none is stored" if len(failed) == len(outcomes) else "the others are stored"
    return kind(
        f"{len(failed):,} of {len(outcomes):,} checkpoints failed, {rest}; the same command "
        "tries the failed ones again, and embstore query failures lists them",
        outcomes,
    )


def _kept_error(
    kept: Sequence[Outcome], failed: Sequence[Outcome], outcomes: Sequence[Outcome]
) -> KeptError:
    folders = listed(dict.fromkeys(outcome.file.parent for outcome in kept if outcome.file))
    several = f"{len(kept):,} of {len(outcomes):,} checkpoints are"
    which = "the checkpoint is" if len(outcomes) == 1 else several
    also = f"; {len(failed):,} failed" if failed else ""
    return KeptError(
        f"{which} measured, but not in the store ({kept[0].reason}): kept in {folders}, and taken "
        f"in by the next ingest into this store, or by `embstore ingest --spool {folders}`{also}",
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
    return EmptyLayersError(f"stored, but incomplete: of {first.label}{more}, {told}", outcomes)
