from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test's store is to be."""
    return tmp_path / "embstore.duckdb"
