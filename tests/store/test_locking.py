import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from embstore.errors import QueryError, StoreLockedError, UsageError
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.mending.find_runs import Selection
from embstore.store.mending.removing import remove_runs
from embstore.store.mending.renaming import rename_model
from embstore.store.mending.tagging import tag_run
from embstore.store.writing import write_failure, write_run
from tests.holding import held, hold
from tests.processes import finish, start
from tests.stores import file_database
from tests.synthetic import make_failure, make_run


def test_a_held_store_is_reported_with_its_holder(path: Path, database: Database) -> None:
    with held(path) as holder:
        message = rf"^{path} is locked by process {holder.pid} \(waited 0.2 s\): wait until"
        began = time.monotonic()
        with pytest.raises(StoreLockedError, match=message):
            open_database(path, timeout=0.2)
        assert 0.2 <= time.monotonic() - began < 5
        with pytest.raises(StoreLockedError, match=f"process {holder.pid}"):
            write_run(file_database(path, timeout=0), make_run())


def test_waiting_ends_when_the_holder_does(path: Path, database: Database) -> None:
    release = threading.Timer(0.4, finish, [hold(path)])
    release.start()
    began = time.monotonic()
    write_run(database, make_run())
    assert time.monotonic() - began > 0.3
    release.join()
    assert database.select("SELECT run_id FROM run").num_rows == 1


def test_another_connection_in_this_process_is_named(path: Path, database: Database) -> None:
    with (
        duckdb.connect(path),
        pytest.raises(StoreLockedError, match=r"already open in this process .* close that one"),
    ):
        database.select("SELECT 1 AS one")
    assert database.select("SELECT 1 AS one").num_rows == 1


def test_the_file_is_free_between_calls(path: Path, database: Database) -> None:
    write_run(database, make_run())
    database.select("SELECT count(*) AS n FROM profile")
    code = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('CREATE TABLE free (i INT)')"
    finish(start(code, path))


@pytest.mark.slow
def test_threads_share_one_database(database: Database) -> None:
    failures: list[Exception] = []

    def work(name: str) -> None:
        try:
            for seed in range(5):
                write_run(database, make_run(name=name, seed=seed))
                database.select("SELECT count(*) AS n FROM profile")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(f"model {i}",)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert database.select("SELECT run_id FROM run").num_rows == 15


def test_questions_that_belong_together_open_the_store_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    connect = duckdb.connect

    def counting(*arguments: object, **options: object) -> duckdb.DuckDBPyConnection:
        # What a new store has is looked up in memory.
        if arguments != (":memory:",):
            opened.append(arguments)
        return connect(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(duckdb, "connect", counting)
    with database.held():
        zone = database.select("SELECT current_setting('TimeZone') AS zone")
        assert zone["zone"].to_pylist() == ["UTC"]
        with pytest.raises(QueryError, match='column "nothing" was not found'):
            database.select("SELECT nothing")
        # Whoever asks, and however deep.
        other = open_database(database.path)
        with other.held():
            assert other.select("SELECT count(*) AS n FROM run")["n"].to_pylist() == [0]
        assert database.select_untrusted("SELECT 1 AS n").num_rows == 1
        assert len(opened) == 1
    database.select("SELECT 1 AS n")
    assert len(opened) == 2


def test_nobody_writes_while_questions_belong_together(database: Database) -> None:
    writer = threading.Thread(target=write_run, args=(database, make_run()))
    with database.held():
        writer.start()
        writer.join(0.1)
        assert database.select("SELECT run_id FROM run").num_rows == 0
    writer.join()
    assert database.select("SELECT run_id FROM run").num_rows == 1


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan"])
def test_a_timeout_is_a_number_of_seconds(
    path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBSTORE_LOCK_TIMEOUT", text)
    with pytest.raises(UsageError, match=f"lock timeout is '{text}': give a number of seconds"):
        open_database(path)
    assert not path.exists()


def test_the_environment_sets_the_timeout(
    path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBSTORE_LOCK_TIMEOUT", "0.1")
    with held(path), pytest.raises(StoreLockedError, match=r"waited 0\.1 s"):
        open_database(path)


MENDING: dict[str, Callable[[Database], object]] = {
    "tag": lambda database: tag_run(database, "00000000", {"k": "v"}),
    "rename": lambda database: rename_model(database, "a", "b"),
    "preview": lambda database: remove_runs(database, Selection(models=["a"]), dry_run=True),
    "remove": lambda database: remove_runs(database, Selection(models=["a"])),
    "failure": lambda database: write_failure(database, make_failure()),
    "begin": lambda database: database.begin().__enter__(),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", MENDING)
def test_only_what_was_measured_waits_longer_than_a_question(database: Database, what: str) -> None:
    write_run(database, make_run())
    quick = open_database(database.path)
    quick.timeout = 0.02
    with held(database.path):
        with pytest.raises(StoreLockedError, match=r"waited 0\.02 s"):
            MENDING[what](quick)
        with pytest.raises(StoreLockedError, match=r"waited 0\.6 s"):
            write_run(quick, make_run(seed=1))
