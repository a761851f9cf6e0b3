"""The command line on a lake, also while its server is away."""

import json
from pathlib import Path

import pytest

from embstore.ingestion.one_checkpoint import measure_job
from embstore.store.connection import open_database
from embstore.store.lake.address import LakeAddress
from embstore.store.spool import waiting
from tests.cli.running import embstore
from tests.servers import PASSWORD, Server
from tests.store.contents import contents
from tests.stores import new_store
from tests.synthetic import make_run

SMALL = ("--tokens", "128", "--window", "32", "--sample", "64", "--no-pairs")


def _numbers(store: str | Path) -> dict[str, list[str]]:
    """Return what two measurements of the same have in common."""
    found = contents(open_database(store, create=False))
    return {table: rows for table, rows in found.items() if table != "run"}


@pytest.mark.slow
def test_an_ingest_into_a_lake_stores_what_one_into_a_file_does(
    tiny_llama: Path, text: Path, address: str, path: Path
) -> None:
    for store in (address, str(path)):
        done = embstore("ingest", tiny_llama, "--corpus", text, *SMALL, "-s", store)
        assert done.returncode == 0, done.stderr
    assert _numbers(address) == _numbers(path)
    again = embstore("ingest", tiny_llama, "--corpus", text, *SMALL, "-s", address)
    assert "already measured with this text" in again.stderr
    share = embstore(
        "ingest", tiny_llama, "--corpus", text, *SMALL, "--shard", "1/1", EMBSTORE_STORE=address
    )
    assert "next: embstore chart" in share.stderr
    assert "merge" not in share.stderr
    (shown,) = json.loads(embstore("info", "-s", address, "-f", "json").stdout)
    assert shown["runs"] == 1
    assert shown["store"] == str(LakeAddress.parse(address))


@pytest.mark.slow
def test_what_is_measured_while_the_server_is_away_is_kept_and_taken_in(
    tiny_llama: Path,
    text: Path,
    address: str,
    postgres: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EMBSTORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EMBSTORE_LOCK_TIMEOUT", "0.05")
    database = open_database(address)

    def then_stop(*arguments: object, **options: object) -> object:
        measured = measure_job(*arguments, **options)  # type: ignore[arg-type]
        postgres.stop()
        return measured

    try:
        with monkeypatch.context() as patch:
            patch.setattr("embstore.ingestion.run.measure_job", then_stop)
            done = embstore("ingest", tiny_llama, "--corpus", text, *SMALL, "-s", address)
    finally:
        postgres.start()
    assert done.returncode == 3
    assert "measured on 128 tokens" in done.stderr
    assert "kept in" in done.stderr
    assert PASSWORD not in done.stderr
    (kept,) = waiting(database)
    assert tmp_path / "cache" / "spool" in kept.parents
    taken = embstore("ingest", "--spool", kept.parent, "-s", address)
    assert taken.returncode == 0, taken.stderr
    assert database.select("SELECT count(*) AS n FROM run")["n"].to_pylist() == [1]
    assert waiting(database) == []


@pytest.mark.slow
def test_merge_and_maintain_say_what_they_did(address: str, path: Path) -> None:
    new_store(path, [make_run()])
    place = str(LakeAddress.parse(address))
    merged = embstore("merge", path, "-s", address)
    assert merged.stderr == f"merged {path} into {place}: 1 run new, 0 already there\n"
    done = embstore("maintain", "--keep-days", "0", "-s", address)
    assert done.returncode == 0
    assert done.stderr.startswith(f"maintained {place}: ")
    back = embstore("merge", address, "-s", path)
    assert back.stderr == f"merged {place} into {path}: 0 runs new, 1 already there\n"
    refused = embstore("maintain", "-s", path)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr == (
        f"error: {path} is a DuckDB file, which needs no maintenance: that is for lakes\n"
    )
    shown = embstore("sql", "SELECT count(*) AS n FROM run", "-s", address, "-f", "csv")
    assert shown.stdout == "n\n1\n"
    hidden = embstore("ls", "runs", "-s", "ducklake:postgres:dbname=x password=geheim host=y")
    assert hidden.returncode == 3
    assert "geheim" not in hidden.stderr
