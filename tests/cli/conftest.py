"""What is asked where a test brings no store of its own."""

from pathlib import Path

import pytest

from tests.stores import new_store
from tests.synthetic import make_run


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder and an encoder, which all tests share and none changes."""
    path = tmp_path_factory.mktemp("ask") / "embstore.duckdb"
    new_store(
        path,
        [
            make_run(name="lab/decoder"),
            make_run(name="lab/encoder", kind="encoder"),
        ],
    )
    return path


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A store without runs."""
    return new_store(tmp_path / "empty.duckdb").path
