from pathlib import Path

import pytest

from embstore.store.database import Database
from tests.stores import new_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "embstore.duckdb"


@pytest.fixture
def database(path: Path) -> Database:
    return new_store(path)
