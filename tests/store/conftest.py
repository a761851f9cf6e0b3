import shutil
from pathlib import Path

import pytest

from embstore.store.connection import Database, open_database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "embstore.duckdb"


@pytest.fixture
def database(path: Path, empty_store: Path) -> Database:
    shutil.copyfile(empty_store, path)
    return open_database(path)
