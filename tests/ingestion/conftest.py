"""A small job, and three states of one model: as folders, as a Trainer's series, and on a Hub."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from embstore.checkpoints.locate import locate
from embstore.ingestion.one_checkpoint import Job
from embstore.inputs.windows import Windows
from embstore.measuring.checkpoint import Choice
from embstore.metrics.selection import Selection
from tests import tiny_models
from tests.fake_hub import FakeHub, online


@pytest.fixture
def job(tiny_llama: Path) -> Job:
    """Two windows of a tiny decoder, for one metric."""
    ids = np.random.default_rng(0).integers(5, 200, (2, 16))
    windows = Windows(ids, np.ones(ids.shape, np.bool_), 0, "")
    choice = Choice(("all",), Selection(("anisotropy",)), n_workers=1)
    return Job(locate(str(tiny_llama)), None, windows, np.arange(32), choice, None, "auto")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three states of a model, as folders; the last is a copy of the second."""
    home = tmp_path_factory.mktemp("trained")
    first, second = (tiny_models.build("llama", home / str(n), seed=n) for n in (1, 2))
    return [first, second, Path(shutil.copytree(second, home / "3"))]


@pytest.fixture
def series(trained: list[Path], tmp_path: Path) -> Path:
    """The three states as a Trainer leaves them."""
    for step, folder in zip((10, 20, 30), trained, strict=True):
        shutil.copytree(folder, tmp_path / "series" / f"checkpoint-{step}")
    return tmp_path / "series"


@pytest.fixture
def server(
    hub_cache: Path, trained: list[Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeHub]:
    with online(monkeypatch) as running:
        for step, folder in zip((10, 20), trained, strict=False):
            running.revisions["lab/tiny", f"step{step}"] = folder
        yield running
