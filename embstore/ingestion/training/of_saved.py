"""A model whose weights no process has whole: its checkpoints are measured as they are written."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from embstore.checkpoints.located import Located, Permissions
from embstore.checkpoints.revisions import Revision
from embstore.errors import ModelError
from embstore.ingestion.one_checkpoint import Job, Result, measure_job
from embstore.ingestion.training.checkpoints import describe_live, located_in
from embstore.ingestion.training.processors import Processor
from embstore.measuring.checkpoint import Progress
from embstore.models.live import LiveModel


class OfSaved:
    """A model that is read from the checkpoints of its training.

    Attributes:
        device: where they are run.
        description: what it reads, and its size.
    """

    def __init__(self, live: LiveModel, processor: Processor, *, permissions: Permissions) -> None:
        """Find out what the model reads.

        Raises:
            EmbstoreError: there is no tokenizer, or it does not fit.
        """
        self._name = live.name
        self._permissions = permissions
        self.device = str(live.device)
        self.description = describe_live(live, processor, permissions)

    @contextlib.contextmanager
    def locate(self, revision: Revision, folder: Path | None) -> Iterator[Located]:
        """Find a checkpoint that was written.

        Raises:
            ModelError: it was not, or not whole.
        """
        if folder is None:
            raise ModelError(f"{self._name} is spread over processes and was not written")
        yield located_in(self._name, folder, revision, self._permissions)

    def measure(self, job: Job, progress: Progress) -> Result:
        """Read the checkpoint and measure it.

        Raises:
            EmbstoreError: it cannot be read or run.
        """
        return measure_job(job, progress, known=self.description)
