"""A small job."""

from pathlib import Path

import numpy as np
import pytest

from embstore.checkpoints.locate import locate
from embstore.ingestion.one_checkpoint import Job
from embstore.inputs.text_windows import Windows
from embstore.measuring.checkpoint import Choice
from embstore.metrics.selection import Selection


@pytest.fixture
def job(tiny_llama: Path) -> Job:
    """Two windows of a tiny decoder, for one metric."""
    ids = np.random.default_rng(0).integers(5, 200, (2, 16))
    windows = Windows(ids, np.ones(ids.shape, np.bool_), 0, "")
    choice = Choice(("all",), Selection(("anisotropy",)), n_workers=1)
    return Job(locate(str(tiny_llama)), None, windows, np.arange(32), choice, None, "auto")
