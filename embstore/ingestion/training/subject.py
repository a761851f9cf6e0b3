"""What is measured while it trains, whichever library it is written with."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from embstore.checkpoints.located import Located
from embstore.checkpoints.revisions import Revision
from embstore.ingestion.one_checkpoint import Job, Result
from embstore.measuring.checkpoint import Progress
from embstore.models.description import ModelDescription


class Subject(Protocol):
    """A model in training."""

    @property
    def device(self) -> str:
        """Where its weights are."""

    @property
    def description(self) -> ModelDescription:
        """What it reads, and its size."""

    def locate(self, revision: Revision, folder: Path | None) -> AbstractContextManager[Located]:
        """Identify its weights of this moment, as a checkpoint of them would be.

        Args:
            revision: what the checkpoint is called.
            folder: where it was written; None if it was not.

        Raises:
            ModelError: it cannot be written, or not be read again.
        """

    def measure(self, job: Job, progress: Progress) -> Result:
        """Measure it as it is; not a bit of it changes.

        Raises:
            EmbstoreError: it cannot be run.
        """
