import dataclasses
from pathlib import Path

import pytest

from embstore.errors import StoreError, UsageError
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.lake.maintaining import maintain
from embstore.store.mending.find_runs import Selection
from embstore.store.mending.removing import remove_runs
from embstore.store.writing import write_run
from tests.cli.running import embstore
from tests.store.contents import contents
from tests.stores import new_store
from tests.synthetic import make_run


def _files(address: str) -> set[Path]:
    return set(Path(address.partition("data_path=")[2]).rglob("*.parquet"))


def test_small_files_become_few_and_the_numbers_stay(lake: Database, address: str) -> None:
    for seed in range(3):
        write_run(lake, make_run(seed=seed))
    before, held = contents(lake), _files(address)
    done = maintain(lake, keep_days=0)
    assert done.files_before == len(held)
    assert done.files < done.files_before
    assert done.expired >= 3
    assert done.removed >= len(held) - done.files
    assert contents(lake) == before
    assert len(_files(address)) == done.files
    assert done.size == lake.size()
    # Small inserts, which were in the catalog, are in files now; nothing is left to do.
    again = maintain(lake, keep_days=0)
    assert (again.files_before, again.files) == (done.files, done.files)
    assert again.removed == 0


def test_earlier_states_and_their_files_are_kept_for_some_days(
    lake: Database, address: str
) -> None:
    for seed in range(2):
        write_run(lake, make_run(seed=seed))
    held = _files(address)
    done = maintain(lake)
    assert (done.expired, done.removed) == (0, 0)
    assert held < _files(address)


def test_what_is_removed_is_removed_from_the_disk(lake: Database, address: str, path: Path) -> None:
    for seed in range(2):
        write_run(lake, make_run(seed=seed, n_layers=12))
    run_id = str(lake.select("SELECT run_id FROM run WHERE seed = 0")["run_id"][0])
    remove_runs(lake, Selection(runs=[run_id]))
    maintain(lake, keep_days=0)
    assert contents(lake) == contents(new_store(path, [make_run(seed=1, n_layers=12)]))
    assert run_id.encode() not in b"".join(file.read_bytes() for file in _files(address))


def test_who_removes_a_run_is_told_when_its_files_go(lake: Database, address: str) -> None:
    write_run(lake, make_run())
    done = embstore("rm", "--model", "example/decoder-small", "--yes", "-s", address)
    assert done.returncode == 0, done.stderr
    assert "their files are deleted by `embstore maintain`" in done.stderr


def test_what_a_killed_writer_left_is_deleted(lake: Database, address: str) -> None:
    write_run(lake, make_run(n_layers=12))
    known = _files(address)
    orphan = next(iter(known)).with_name("ducklake-left-by-a-killed-one.parquet")
    orphan.write_bytes(b"half a file")
    assert maintain(lake).removed == 0
    assert orphan.exists()
    assert maintain(lake, keep_days=0).removed > 0
    assert not orphan.exists()


def test_files_that_no_lake_has_made_are_left_alone(
    lake: Database, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_run(lake, make_run(n_layers=12))
    folder = Path(address.partition("data_path=")[2])
    mine = folder / "mine.parquet"
    inner = folder / "inner" / "main" / "run" / "ducklake-1.parquet.old.parquet"
    inner.parent.mkdir(parents=True)
    for file in (mine, inner):
        file.write_bytes(b"somebody's work")
    maintain(lake, keep_days=0)
    assert mine.exists()
    assert inner.exists()
    assert f"such as {folder}" in caplog.text


def test_only_lakes_are_maintained(path: Path, lake: Database, address: str) -> None:
    with pytest.raises(StoreError, match="is a DuckDB file, which needs no maintenance"):
        maintain(new_store(path))
    for days in (-1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="keep days is"):
            maintain(lake, keep_days=days)
    write_run(lake, dataclasses.replace(make_run(), tags={"lab": "a"}))
    with pytest.raises(StoreError, match="was opened with tags"):
        maintain(open_database(address, create=False, tags=[("lab", "a")]))
