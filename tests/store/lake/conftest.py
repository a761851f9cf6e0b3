from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from embstore.store.connection import open_database
from embstore.store.database import Database
from tests.servers import PASSWORD, Server, running_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with running_server() as started, pytest.MonkeyPatch.context() as patch:
        # Where PostgreSQL's own programs look, too.
        file = started.folder / "pgpass"
        file.write_text(f"127.0.0.1:{started.port}:*:*:{PASSWORD}\n")
        file.chmod(0o600)
        patch.setenv("PGPASSFILE", str(file))
        yield started


_numbers = count()


@pytest.fixture
def make_lake(postgres: Server, tmp_path: Path) -> Callable[[], str]:
    """Give the addresses of new databases, each with a folder for a lake's files."""

    def make() -> str:
        name = f"lake_{next(_numbers)}"
        return f"{postgres.make_database(name)}?data_path={tmp_path / name}"

    return make


@pytest.fixture
def address(make_lake: Callable[[], str]) -> str:
    return make_lake()


@pytest.fixture
def lake(address: str) -> Database:
    """An empty store in a lake."""
    return open_database(address)
