"""A model of anybody's own in training, in plain torch, identified by its tensors."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from torch import nn

from embstore.checkpoints.located import Located
from embstore.checkpoints.revisions import Revision
from embstore.ingestion.one_checkpoint import Job, Result, measure_job
from embstore.ingestion.training.processors import PlainTokenizer
from embstore.measuring.checkpoint import Progress
from embstore.models.description import ModelDescription
from embstore.models.devices import choose_dtype
from embstore.models.live import unwrapped
from embstore.models.plain import examine_plain
from embstore.types import Checkpoint


class OfPlainTorch:
    """A model that is called with token ids and has its blocks in a list.

    Attributes:
        device: where its weights are.
        description: what it reads, and its size.
    """

    def __init__(self, module: nn.Module, name: str, tokenizer: object) -> None:
        """Find the model's blocks, and out how the tokenizer encodes.

        Raises:
            ModelError: the model has no list of blocks, or the tokenizer encodes nothing.
        """
        module = unwrapped(module)
        self._plain = examine_plain(module, name)
        self.device = str(next(module.parameters()).device)
        reader = tokenizer if _is_of_transformers(tokenizer) else PlainTokenizer(tokenizer)
        self.description = ModelDescription(
            self._located(Checkpoint("live", "", 0)),
            reader,
            self._plain.config,
            self._plain.context,
        )

    @contextlib.contextmanager
    def locate(self, revision: Revision, folder: Path | None) -> Iterator[Located]:
        """Identify the weights by their numbers; no checkpoint is looked at."""
        del folder
        sha256, n_bytes = self._plain.fingerprint()
        yield self._located(
            Checkpoint(revision.name, sha256, n_bytes, revision.step, revision.tokens_seen)
        )

    def measure(self, job: Job, progress: Progress) -> Result:
        """Measure a copy that shares the weights.

        Raises:
            EmbstoreError: it cannot be run.
        """
        weights = self._plain.weights(choose_dtype(job.dtype))
        return measure_job(job, progress, weights=weights, known=self.description)

    def _located(self, checkpoint: Checkpoint) -> Located:
        return Located(self._plain.name, "folder", Path(), None, checkpoint)


def _is_of_transformers(tokenizer: object) -> bool:
    return callable(tokenizer) and hasattr(tokenizer, "add_special_tokens")
