"""What becomes of each checkpoint of a series: measured, stored before, or failed and noted."""

import logging
import traceback
from dataclasses import replace
from datetime import UTC, datetime

from embstore._version import __version__
from embstore.checkpoints.find import label
from embstore.checkpoints.located import Located
from embstore.common.messages import reason_of
from embstore.errors import StoreError
from embstore.ingestion.duplicates import Copies
from embstore.ingestion.emptiness import Emptiness
from embstore.ingestion.one_checkpoint import Place
from embstore.ingestion.outcome import Outcome
from embstore.ingestion.prefetch import Preparation, Prepared, Trouble
from embstore.ingestion.recording import measure_and_store
from embstore.ingestion.request import Settings
from embstore.ingestion.resources import Resources
from embstore.ingestion.seed_groups import SeedGroups
from embstore.ingestion.storing import Storing
from embstore.measuring.checkpoint import Progress
from embstore.store.empty_layers import EmptyLayers
from embstore.store.writing import write_failure
from embstore.types import Failure

_LOG = logging.getLogger(__name__)


class Series:
    """The checkpoints of an ingest, as each is carried out and told of."""

    def __init__(self, resources: Resources, settings: Settings, preparation: Preparation) -> None:
        self._resources = resources
        self._settings = settings
        self._preparation = preparation
        self._copies = Copies(resources.database)
        self._emptiness = Emptiness(resources.database, alone=resources.alone)
        self._storing = Storing(resources.database)
        self._groups = SeedGroups(resources.database, resources.groups)

    def is_to_measure(self, prepared: Prepared) -> bool:
        """Tell whether a checkpoint needs a place: it is not stored, and nothing is in the way."""
        planned = prepared.planned
        return (
            prepared.trouble is None
            and planned is not None
            and planned.stored_run(self._settings) is None
        )

    def carry_out(
        self, prepared: Prepared, place: Place | None, progress: Progress
    ) -> tuple[Located | None, Outcome]:
        """Measure and store a checkpoint, or note in the store what keeps it from that.

        Several threads may call this, each with a checkpoint of its own.

        Args:
            prepared: the checkpoint.
            place: where it is measured; None for one of which nothing is to be measured.
            progress: called as (stage, done, total).

        Returns:
            Where its files are, if they were found, and what became of it.

        Raises:
            StoreError: the store can be used no more.
            Exception: whatever keeps a lone checkpoint from being measured.
        """
        located, outcome, trouble = self._measured(prepared, place, progress)
        if trouble is not None:
            if self._resources.alone:
                raise trouble.error
            outcome = self._note(prepared, trouble)
            _forget(trouble.error)
        if prepared.located is not None:
            measured = outcome.status in {"measured", "kept"}
            self._preparation.release(prepared.located, measured=measured)
        progress("done", 1, 1)
        return located, outcome

    def with_findings(self, located: Located | None, outcome: Outcome) -> Outcome:
        """Add of which other checkpoint one is a copy, and which of its layers have no numbers.

        To be called in the order of the series.
        """
        if located is None or outcome.status == "failed":
            return outcome
        original, shared = self._copies.original(located), self._copies.shared(located)
        self._copies.note(located)
        outcome = replace(outcome, duplicate_of=original, shared=shared)
        # Of what was measured now it is known already.
        return (
            replace(outcome, empty=self._empty(outcome)) if outcome.status == "stored" else outcome
        )

    def _measured(
        self, prepared: Prepared, place: Place | None, progress: Progress
    ) -> tuple[Located | None, Outcome, Trouble | None]:
        located, candidate, planned = prepared.located, prepared.candidate, prepared.planned
        failed = Outcome(
            candidate.name,
            candidate.known_as.name,
            "failed",
            shuffle=self._settings.of(candidate).sampling.shuffle,
        )
        if prepared.trouble is not None or planned is None:
            return located, failed, prepared.trouble
        if run_id := planned.stored_run(self._settings):
            stored = replace(
                failed,
                status="stored",
                run_id=run_id,
                n_tokens=planned.windows.n_tokens,
                texts=planned.windows.texts,
                seconds=planned.seconds,
            )
            self._groups.join(candidate.name, run_id)
            return located, stored, None
        if place is None:
            raise TypeError("what is to be measured needs a place")
        settings = self._groups.settings_of(candidate.name, self._settings)
        try:
            return *measure_and_store(
                prepared, planned, self._resources, self._storing, settings, place, progress
            ), None
        except StoreError:
            raise
        except Exception as error:
            return located, failed, Trouble("measure", error)

    def _empty(self, outcome: Outcome) -> EmptyLayers | None:
        """Return which layers of a stored run have no numbers, as far as the store can be asked."""
        try:
            return self._emptiness.of(outcome.run_id) if outcome.run_id else None
        except StoreError as error:
            # The run is stored, and the next checkpoints are to be measured.
            _LOG.warning(
                "whether all layers of %s have numbers is not known: %s", outcome.label, error
            )
            return None

    def _note(self, prepared: Prepared, trouble: Trouble) -> Outcome:
        """Write into the store why a checkpoint failed; go on where that cannot be."""
        candidate, study = prepared.candidate, self._settings.study
        failure = Failure(
            model=candidate.name,
            revision=candidate.known_as.name,
            stage=trouble.stage,
            reason=reason_of(trouble.error),
            corpus=self._resources.text.corpus.name,
            failed_at=datetime.now(UTC),
            embstore_version=__version__,
            study=study.name if study else None,
        )
        try:
            write_failure(self._resources.database, failure)
        except StoreError as error:
            _LOG.warning("why %s failed is not noted in the store: %s", label(candidate), error)
        return Outcome(
            failure.model,
            failure.revision,
            "failed",
            shuffle=self._settings.of(candidate).sampling.shuffle,
            stage=failure.stage,
            reason=failure.reason,
        )


def _forget(error: BaseException) -> None:
    """Drop what the frames of an error keep in memory: a model, its batches."""
    chain: BaseException | None = error
    while chain is not None:
        if chain.__traceback__ is not None:
            traceback.clear_frames(chain.__traceback__)
            chain.__traceback__ = None
        chain = chain.__cause__ or chain.__context__
