"""A model of transformers in training, identified by the checkpoint that it would write."""

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from embstore.checkpoints.located import Located, Permissions
from embstore.checkpoints.revisions import Revision
from embstore.common.messages import one_line
from embstore.errors import EmbstoreError, ModelError
from embstore.ingestion.one_checkpoint import Job, Result, measure_job, wanted_beside
from embstore.ingestion.training.checkpoints import base_of, describe_live, located_in
from embstore.ingestion.training.processors import Processor
from embstore.measuring.checkpoint import Progress
from embstore.models.description import build_without_numbers
from embstore.models.devices import choose_device, choose_dtype
from embstore.models.live import LiveModel
from embstore.models.load import Weights, read_weights

_LOG = logging.getLogger(__name__)


class OfTransformers:
    """A model of transformers, whole in this process.

    Attributes:
        device: where its weights are.
        description: what it reads, and its size.
    """

    def __init__(self, live: LiveModel, processor: Processor, *, permissions: Permissions) -> None:
        """Find out what the model reads, as from a checkpoint of it.

        Args:
            live: the model.
            processor: its tokenizer or image processor, or the name of a model that has it.
            permissions: what of a model's files may run code.

        Raises:
            EmbstoreError: there is no tokenizer, or it does not fit; or the model beneath an
                adapter cannot be found where its checkpoints look for it, or is another.
        """
        self._live = live
        self._permissions = permissions
        self.device = str(live.device)
        self.description = describe_live(live, processor, permissions)
        self._shares = not live.is_adapted or self._has_base_of_checkpoints()

    @contextlib.contextmanager
    def locate(self, revision: Revision, folder: Path | None) -> Iterator[Located]:
        """Identify the weights by their checkpoint, which is written for that where there is none.

        Args:
            revision: what the checkpoint is called.
            folder: where it was written; None if it was not.

        Raises:
            ModelError: it cannot be written, or not be read again.
        """
        with contextlib.ExitStack() as opened:
            if folder is None:
                folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="embstore-")))
                self._save(folder)
            place = self._live.place_in(folder)
            yield located_in(self._live.name, place, revision, self._permissions)

    def measure(self, job: Job, progress: Progress) -> Result:
        """Measure a copy that shares the weights, or else what the checkpoint has.

        Raises:
            EmbstoreError: it cannot be run.
        """
        before = self._live.changes()
        try:
            result = measure_job(job, progress, weights=self._weights(job), known=self.description)
        finally:
            if self._live.changes() != before:
                self._put_back(job)
        # A pooler, which comes after the last state, may be left out in training.
        return replace(result, model=replace(result.model, n_parameters=self._n_parameters))

    @cached_property
    def _n_parameters(self) -> int:
        return sum(
            weight.numel() for weight in build_without_numbers(self.description).parameters()
        )

    def _weights(self, job: Job) -> Weights | None:
        if not self._shares:
            return None
        try:
            beside = wanted_beside(job.choice.selection)
            return self._live.weights(choose_dtype(job.dtype), beside)
        except EmbstoreError:
            raise
        except Exception as error:
            # Whatever a model keeps that cannot be copied.
            _LOG.info(
                "%s cannot be copied (%s): its checkpoint is read instead",
                self._live.name,
                one_line(error),
            )
            return None

    def _put_back(self, job: Job) -> None:
        """Undo what a model did to its own weights when it ran, and share them no more."""
        self._shares = False
        config = self.description.config
        for_training = next(self._live.saved.parameters()).dtype
        self._live.restore(
            read_weights(job.located, config, device=choose_device("cpu"), dtype=for_training)
        )

    def _has_base_of_checkpoints(self) -> bool:
        """Tell whether a checkpoint of the adapter would be read with the model that trains."""
        with tempfile.TemporaryDirectory(prefix="embstore-") as temporary:
            folder = Path(temporary)
            self._save(folder)
            place = self._live.place_in(folder)
            base = base_of(self._live.name, place, self._permissions)
        same = base is None or self._live.has_base(base)
        if not same:
            _LOG.info(
                "%s trains on a base that is not as it is saved: its checkpoint is read instead",
                self._live.name,
            )
        return same

    def _save(self, folder: Path) -> None:
        try:
            self._live.save(folder)
        except Exception as error:
            raise ModelError(
                f"{self._live.name} cannot be written to a temporary folder in {folder.parent}, to "
                f"identify its weights: {one_line(error)}"
            ) from error
