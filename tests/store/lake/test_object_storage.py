"""A lake whose files are on object storage, here a server that keeps objects in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from embstore.errors import StoreError, StoreUnreachableError
from embstore.store.connection import open_database
from embstore.store.lake.maintaining import maintain
from embstore.store.mending.merging import merge_stores
from embstore.store.writing import write_run
from tests.object_server import object_server
from tests.servers import Server
from tests.store.contents import contents
from tests.stores import new_store
from tests.synthetic import make_run


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    with object_server() as (place, kept):
        monkeypatch.setenv("DUCKDB_S3_ENDPOINT", place)
        monkeypatch.setenv("DUCKDB_S3_USE_SSL", "false")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        yield kept


def test_files_go_to_object_storage_and_are_read_from_there(
    objects: dict[str, bytes], postgres: Server, path: Path
) -> None:
    without = postgres.make_database("objects")
    runs = [make_run(seed=seed, n_layers=12) for seed in range(2)]
    database = open_database(f"{without}?data_path=s3://lab/geometry")
    for one in runs:
        write_run(database, one)
    assert objects
    assert all(key.startswith("/lab/geometry/main/") for key in objects)
    # Later the lake knows where they are.
    again = open_database(without, create=False)
    file = new_store(path, runs)
    assert contents(again) == contents(file)
    assert again.select_untrusted("SELECT count(*) AS n FROM run")["n"].to_pylist() == [2]
    assert merge_stores(file, [without])[0].known == 2
    done = maintain(again, keep_days=0)
    assert done.removed >= done.files_before
    assert len(objects) == done.files
    assert contents(again) == contents(file)


def test_storage_that_does_not_answer_is_named(
    objects: dict[str, bytes], postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"{postgres.make_database('away')}?data_path=s3://lab/geometry"
    write_run(open_database(address), make_run(n_layers=12))
    monkeypatch.setenv("DUCKDB_S3_ENDPOINT", "127.0.0.1:1")
    database = open_database(address, create=False, timeout=0.1)
    with pytest.raises(StoreUnreachableError, match=r"could not be read .*127\.0\.0\.1:1/lab"):
        database.select("SELECT sum(value) FROM measurement")


def test_a_lake_is_made_where_no_objects_are(objects: dict[str, bytes], postgres: Server) -> None:
    objects["/lab/mine/thesis.parquet"] = b"of somebody else"
    address = f"{postgres.make_database('taken')}?data_path=s3://lab/mine"
    with pytest.raises(StoreError, match=r"files s3://lab/mine/ is not empty"):
        open_database(address)
    assert set(objects) == {"/lab/mine/thesis.parquet"}
