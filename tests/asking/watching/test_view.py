"""What the view keeps, and what ends it."""

from pathlib import Path

import pytest

from embstore.asking.watching.training import Wanted, read_training
from embstore.asking.watching.view import View
from embstore.errors import QueryError, StoreError
from embstore.store.database import Database
from embstore.store.mending.find_runs import Selection
from embstore.store.mending.removing import remove_runs
from embstore.store.writing import write_run
from tests.asking.watching.test_newest import opener
from tests.asking.watching.trainings import steps_of
from tests.holding import held
from tests.processes import finish, start
from tests.stores import new_store
from tests.synthetic import make_run


def shown(view: View) -> tuple[int, str]:
    """Look, and return how many steps there are and what is in the way."""
    view.look()
    return len(view.training.steps) if view.training else 0, view.trouble


@pytest.mark.slow
def test_it_waits_for_a_store_for_a_run_and_for_a_step(path: Path) -> None:
    view = View(opener(path), Wanted())
    assert shown(view) == (
        0,
        f"no store at {path}: make one with `embstore ingest`, or name another file",
    )
    database = new_store(path)
    assert "holds no runs yet" in shown(view)[1]
    # Nothing has changed, and nothing is asked.
    assert "holds no runs yet" in shown(view)[1]
    write_run(database, make_run())
    assert "no checkpoint with a training step" in shown(view)[1]
    write_run(database, steps_of()[0])
    assert shown(view) == (1, "")


@pytest.mark.slow
def test_a_model_or_a_tag_that_is_not_there_yet_is_waited_for(path: Path) -> None:
    database = new_store(path, steps_of("run-6"))
    view = View(opener(path), Wanted("run-7"))
    assert shown(view)[1].startswith("no model 'run-7' in this store (did you mean run-6?)")
    write_run(database, steps_of()[0])
    assert shown(view) == (1, "")


@pytest.mark.slow
def test_a_locked_store_keeps_what_was_read(path: Path) -> None:
    first, second, _ = steps_of()
    database = new_store(path, [first])
    view = View(opener(path), Wanted())
    assert shown(view) == (1, "")
    write_run(database, second)
    with held(path):
        steps, trouble = shown(view)
        assert steps == 1
        assert "is locked by process" in trouble
    assert shown(view) == (2, "")


@pytest.mark.slow
def test_what_was_read_outlasts_the_store(path: Path) -> None:
    database = new_store(path, steps_of())
    view = View(opener(path), Wanted())
    assert shown(view) == (3, "")
    remove_runs(database, Selection(models=("run-7",)))
    assert shown(view)[0] == 3
    assert "holds no runs yet" in view.trouble
    path.write_text("no store")
    assert shown(view)[0] == 3
    assert "not a DuckDB" in view.trouble


def test_what_will_not_pass_ends_it_before_anything_was_read(path: Path) -> None:
    unknown = View(opener(path), Wanted(metrics=("twon",)))
    with pytest.raises(QueryError, match="did you mean twonn"):
        unknown.look()
    path.write_text("no store")
    with pytest.raises(StoreError, match="not a DuckDB"):
        View(opener(path), Wanted()).look()


@pytest.mark.slow
def test_numbers_are_read_only_for_other_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = new_store(path, steps_of())
    view = View(opener(path), Wanted())
    view.look()
    read: list[Database] = []

    def counted(database: Database, wanted: Wanted) -> object:
        read.append(database)
        return read_training(database, wanted)

    monkeypatch.setattr("embstore.asking.watching.view.read_training", counted)
    # Changes the file, but no run.
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE model SET source = 'folder'")
    view.look()
    assert read == []
    write_run(database, make_run(name="run-7", revision="checkpoint-30", step=30))
    assert shown(view) == (4, "")
    assert len(read) == 1


@pytest.mark.slow
def test_another_process_writes_between_two_looks(path: Path) -> None:
    new_store(path, steps_of(steps=(0,)))
    view = View(opener(path, timeout=5), Wanted())
    assert shown(view) == (1, "")
    finish(
        start(
            "import sys\nfrom embstore.store.connection import open_database\n"
            "from embstore.store.writing import write_runs\n"
            "from tests.asking.watching.trainings import steps_of\n"
            "write_runs(open_database(sys.argv[1]), steps_of(steps=(0, 10, 20)))",
            path,
        )
    )
    assert shown(view) == (3, "")
