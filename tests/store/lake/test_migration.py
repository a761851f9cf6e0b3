"""Lakes of older schemas: asked from a copy, and migrated once, whoever begins."""

import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command

from embstore.errors import StoreError
from embstore.store import migration
from embstore.store.connection import open_database
from embstore.store.lake.address import LakeAddress
from embstore.store.lake.writing import writing_lake
from embstore.store.mending.merging import merge_stores
from embstore.store.migration import HEAD, alembic_config
from embstore.store.writing import write_run
from embstore.types import Run
from tests.processes import finish, start
from tests.servers import Server
from tests.store.contents import contents, counts
from tests.stores import new_store
from tests.synthetic import make_run

if TYPE_CHECKING:
    from embstore.store.database import Database

OLDER = "0008"


def run_of(n_layers: int, seed: int = 0) -> Run:
    """A run without what the older schema has no place for."""
    run = make_run(n_layers=n_layers, seed=seed)
    return replace(run, measured=replace(run.measured, distances=()))


@pytest.fixture
def older(address: str) -> str:
    """The address of a lake with a run, as an older embstore has left it."""
    write_run(open_database(address), run_of(12))
    with writing_lake(LakeAddress.parse(address), 10) as connection:
        command.downgrade(alembic_config(connection), OLDER)
    return address


def test_an_older_lake_is_asked_from_a_copy_and_stays_as_it_is(
    older: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = new_store(path, [run_of(12)])
    database = open_database(older, create=False)
    with caplog.at_level(logging.WARNING):
        assert contents(database) == contents(file)
    assert len(caplog.messages) == 1
    assert f"has schema {OLDER}, older than this embstore's {HEAD}: answered from" in caplog.text
    assert database.schema() == OLDER
    assert database.select_untrusted("SELECT intervals FROM run")["intervals"].to_pylist() == [True]
    part = open_database(older, create=False, tags=[("lab", "x")])
    with pytest.raises(Exception, match="no run has the tag"):
        part.select("SELECT 1")


def test_writing_migrates_it_and_says_so(
    older: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = open_database(older, lazy=True)
    assert database.schema() == OLDER
    with caplog.at_level(logging.WARNING):
        write_run(database, run_of(12, seed=1))
    assert caplog.messages == [
        f"{database.place} had schema {OLDER}: migrated to {HEAD}; its snapshots have it as it was"
    ]
    file = new_store(path, [run_of(12, seed=seed) for seed in range(2)])
    assert contents(database) == contents(file)
    assert not database.migrate()


def test_an_older_lake_is_merged_from_a_copy(older: str, path: Path) -> None:
    merge_stores(open_database(path), [older])
    assert counts(open_database(path))["run"] == 1
    assert open_database(older, create=False).schema() == OLDER


def test_two_who_migrate_at_once_do_it_once(older: str, postgres: Server) -> None:
    code = (
        "import sys\n"
        "from embstore.store.connection import open_database\n"
        "print(open_database(sys.argv[1], lazy=True).migrate())\n"
    )
    both = [start(code, older) for _ in range(2)]
    assert sorted(finish(one).strip() for one in both) == ["False", "True"]
    database = open_database(older, create=False)
    assert database.schema() == HEAD
    assert counts(database)["run"] == 1
    # Once, not once each: a column more, and in every row.
    columns = postgres.ask(
        LakeAddress.parse(older).name,
        "SELECT count(*) FROM ducklake_column WHERE column_name = 'intervals' "
        "AND end_snapshot IS NULL",
    )
    assert columns == "1"


def test_one_that_fails_half_way_leaves_the_older_lake(
    older: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = migration.upgrade

    def fails(connection: object, to: str = "head") -> None:
        upgrade(connection, to)  # type: ignore[arg-type]
        raise StoreError("in the middle")

    with monkeypatch.context() as broken:
        broken.setattr(migration, "upgrade", fails)
        with pytest.raises(StoreError, match="in the middle"):
            open_database(older)
    assert open_database(older, create=False).schema() == OLDER
    assert counts(open_database(older))["run"] == 1


def test_two_who_make_the_same_lake_make_one(address: str) -> None:
    made: list[Database] = []
    threads = [
        threading.Thread(target=lambda: made.append(open_database(address))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [counts(one)["run"] for one in made] == [0, 0]
