"""A server that is lost in the middle of something, and is there again a moment later."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from embstore.errors import StoreUnreachableError
from embstore.store import writing
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.writing import write_run
from tests.servers import Server
from tests.store.contents import contents, counts
from tests.stores import new_store
from tests.synthetic import make_run

# A stop and a start of the server take a second or two each.
pytestmark = pytest.mark.slow


@pytest.fixture
def start_later(postgres: Server) -> Iterator[Callable[[], None]]:
    """Stop the server, and start it again while the test waits for it."""
    starting: list[threading.Thread] = []

    def stop() -> None:
        postgres.stop()
        starting.append(threading.Timer(0.5, postgres.start))
        starting[-1].start()

    yield stop
    for one in starting:
        one.join()


def test_questions_and_writers_wait_for_it(lake: Database, start_later: Callable[[], None]) -> None:
    write_run(lake, make_run())
    start_later()
    assert lake.select("SELECT count(*) AS n FROM run")["n"].to_pylist() == [1]
    start_later()
    write_run(lake, make_run(seed=1))
    assert counts(lake)["run"] == 2


def test_opening_waits_for_it(address: str, start_later: Callable[[], None]) -> None:
    open_database(address)
    start_later()
    assert counts(open_database(address, create=False))["run"] == 0


def test_lost_in_the_middle_of_a_transaction_all_of_it_is_done_again(
    lake: Database, start_later: Callable[[], None], monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    insert = writing._insert
    lost: list[bool] = []

    def insert_once_lost(*arguments: object) -> None:
        insert(*arguments)  # type: ignore[arg-type]
        if not lost:
            lost.append(True)
            start_later()

    monkeypatch.setattr(writing, "_insert", insert_once_lost)
    write_run(lake, make_run(n_layers=12))
    assert lost
    assert contents(lake) == contents(new_store(path, [make_run(n_layers=12)]))


def test_answers_of_one_moment_end_with_it(lake: Database, start_later: Callable[[], None]) -> None:
    write_run(lake, make_run(n_layers=12))
    with lake.held():
        lake.select("SELECT count(*) FROM measurement")
        start_later()
        with pytest.raises(StoreUnreachableError, match="could not be read"):
            lake.select("SELECT sum(n) FROM dimension_curve JOIN layer USING (run_id)")
    assert counts(lake)["run"] == 1
