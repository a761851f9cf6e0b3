"""Whether a store has other runs than before, asked so that no writer has to wait."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from embstore.asking.watching.newest import Moment, Newest
from embstore.errors import StoreLockedError, StoreMissingError
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.exports.exporting import export_store
from embstore.store.mending.find_runs import Selection
from embstore.store.mending.removing import remove_runs
from embstore.store.writing import write_run
from tests.asking.watching.trainings import BEGAN, steps_of
from tests.holding import held
from tests.stores import new_store

_AT = int(BEGAN.timestamp()) * 1_000_000


def opener(place: Path | str, timeout: float = 0) -> Callable[[], Database]:
    return partial(open_database, place, create=False, timeout=timeout)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a store is asked."""
    questions: list[str] = []
    select = Database.select

    def told(self: Database, sql: str, *rest: object) -> object:
        questions.append(sql)
        return select(self, sql, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Database, "select", told)
    return questions


@pytest.mark.slow
def test_a_file_is_opened_only_where_it_has_changed(path: Path, asked: list[str]) -> None:
    runs = steps_of()
    database = new_store(path, runs[:1])
    newest = Newest(opener(path))
    assert newest.moment()[1] == Moment(1, _AT)
    with held(path):
        # Whoever opened it now would find it locked.
        assert newest.moment()[1] == Moment(1, _AT)
    assert len(asked) == 1
    write_run(database, runs[1])
    assert newest.moment()[1].runs == 2
    assert len(asked) == 2
    remove_runs(database, Selection(models=("run-7",)))
    assert newest.moment()[1] == Moment(0, None)


@pytest.mark.slow
def test_an_export_is_asked_again_once_its_manifest_has_changed(
    path: Path, asked: list[str]
) -> None:
    runs = steps_of()
    database = new_store(path, runs[:2])
    folder = export_store(database, path.with_name("export")).folder
    asked.clear()
    newest = Newest(opener(folder))
    first = newest.moment()[1]
    assert first.runs == 2
    assert newest.moment()[1] == first
    assert len(asked) == 1
    write_run(database, runs[2])
    export_store(database, folder)
    assert newest.moment()[1].runs == 3


def test_a_store_may_be_missing_locked_or_replaced(path: Path) -> None:
    newest = Newest(opener(path))
    with pytest.raises(StoreMissingError, match="no store at"):
        newest.moment()
    new_store(path, steps_of(steps=(0,)))
    with held(path), pytest.raises(StoreLockedError):
        newest.moment()
    assert newest.moment()[1].runs == 1
    new_store(path.with_name("other"), steps_of()).path.replace(path)
    assert newest.moment()[1].runs == 3
    path.unlink()
    with pytest.raises(StoreMissingError, match="no store at"):
        newest.moment()
