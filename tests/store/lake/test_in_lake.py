"""A lake as a store: written, asked and changed as a file is."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from embstore.api.store import Store
from embstore.asking.ask import find_question, run_question
from embstore.asking.watching.training import Wanted
from embstore.asking.watching.view import View
from embstore.errors import QueryError, StoreError
from embstore.report.write import build_report
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.exports.exporting import export_store
from embstore.store.mending.deriving import derive_numbers
from embstore.store.mending.find_runs import Selection
from embstore.store.mending.grouping import group_models
from embstore.store.mending.merging import merge_stores
from embstore.store.mending.removing import remove_runs
from embstore.store.mending.removing_scores import remove_scores
from embstore.store.mending.renaming import rename_model
from embstore.store.mending.tagging import tag_run
from embstore.store.scores import write_scores
from embstore.store.verification.faults import find_faults
from embstore.store.writing import write_run, write_runs
from embstore.types import Score
from tests.asking.watching.trainings import steps_of
from tests.processes import finish, start
from tests.queries.small import N_RUNS, fill
from tests.queries.test_every_question import BUILT_IN
from tests.store.contents import contents, counts, equal_answers
from tests.stores import new_store
from tests.synthetic import make_run

if TYPE_CHECKING:
    import pyarrow as pa


@pytest.fixture
def file(path: Path) -> Database:
    """A store in a file, with every kind of run and a failure."""
    return fill(new_store(path))


@pytest.fixture
def filled(lake: Database) -> Database:
    """The same in a lake."""
    return fill(lake)


def test_what_is_stored_is_the_same_as_in_a_file_and_stored_only_once(
    filled: Database, file: Database
) -> None:
    assert contents(filled) == contents(file)
    fill(filled)
    assert contents(filled) == contents(file)
    assert filled.schema() == file.schema()
    assert filled.size() > 10_000
    assert find_faults(filled) == find_faults(file)


def test_every_question_and_chart_is_the_same_as_of_a_file(
    filled: Database, file: Database
) -> None:
    with filled.held():
        for name in BUILT_IN:
            question = find_question(name)
            answers: list[pa.Table] = [run_question(one, question) for one in (filled, file)]
            assert equal_answers(*answers), name
    # Of numbers as they are stored: nothing in them is added up.
    for name in ("layer_profile", "sink_effect"):
        assert Store(filled).chart(name).to_json() == Store(file).chart(name).to_json()


def test_report_and_comparison_are_the_same_as_of_a_file(filled: Database, file: Database) -> None:
    reports = [build_report(one) for one in (filled, file)]
    assert reports[0].findings == reports[1].findings
    # One is a control.
    assert reports[0].runs == N_RUNS - 1
    compared = [Store(one).compare("lab/decoder", "lab/texts") for one in (filled, file)]
    assert equal_answers(compared[0].table, compared[1].table)


def test_stores_merge_both_ways(filled: Database, address: str, path: Path, tmp_path: Path) -> None:
    # From a lake into a file that is not there yet …
    (merged,) = merge_stores(open_database(path, lazy=True), [address])
    n_scores = counts(filled)["score"]
    assert merged.sentence == f"{N_RUNS} runs new, 0 already there; {n_scores} scores new"
    assert merged.other == filled.place
    file = open_database(path)
    assert contents(file) == contents(filled)
    # … from a file into the lake …
    write_run(file, make_run(name="lab/new"))
    (planned,) = merge_stores(filled, [path], dry_run=True)
    (merged,) = merge_stores(filled, [path])
    assert planned == merged
    assert merged.sentence == f"1 run new, {N_RUNS} already there"
    assert contents(file) == contents(filled)
    # … and with itself.
    (merged,) = merge_stores(filled, [address])
    assert merged.sentence == f"0 runs new, {N_RUNS + 1} already there"
    assert contents(file) == contents(filled)


def test_one_lake_is_merged_into_another(
    filled: Database, address: str, make_lake: Callable[[], str]
) -> None:
    other = open_database(make_lake())
    merge_stores(other, [address])
    assert contents(other) == contents(filled)


def test_an_export_is_the_same_as_of_a_file(
    filled: Database, file: Database, tmp_path: Path
) -> None:
    written = [
        export_store(one, tmp_path / name) for name, one in (("lake", filled), ("file", file))
    ]
    assert written[0].new == N_RUNS
    read = [contents(open_database(tmp_path / name, create=False)) for name in ("lake", "file")]
    assert read[0] == read[1]
    # And back, into the lake that has it all.
    (merged,) = merge_stores(filled, [tmp_path / "lake"])
    assert merged.new == 0


def test_runs_are_renamed_tagged_and_removed(filled: Database, file: Database) -> None:
    for one in (filled, file):
        assert rename_model(one, "lab/texts", "lab/words") == 2
        run = str(one.select("SELECT run_id FROM named_run WHERE model = 'lab/t5'")["run_id"][0])
        assert tag_run(one, run, {"lab": "b"}).tags == {"lab": "b"}
        removed = remove_runs(one, Selection(models=["lab/steps"]))
        assert removed.runs.num_rows == 3
        assert removed.failures == 1
        with pytest.raises(QueryError, match="no model 'lab/texts'"):
            rename_model(one, "lab/texts", "lab/other")
    kept = contents(filled)
    # When a tag was given differs.
    del kept["tag_change"]
    expected = contents(file)
    assert len(expected.pop("tag_change")) == 1
    assert kept == expected


def test_scores_are_imported_once_and_removed(filled: Database) -> None:
    given = [Score(model="decoder", name="f1", value=value, source="s.csv") for value in (1.0, 2.0)]
    told = [write_scores(filled, [score]) for score in (*given, given[1])]
    assert [(done.new, len(done.changed), done.known) for done in told] == [
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
    ]
    assert told[0].taken_for == ("decoder for lab/decoder",)
    found = filled.select("SELECT model, value FROM checkpoint_score WHERE name = 'f1'").to_pylist()
    assert found == [{"model": "lab/decoder", "value": 2.0}]
    removed = remove_scores(filled, names=["f1"])
    assert (removed.scores, removed.earlier) == (1, 1)


def test_seeds_are_told_drawn_and_taken_back(lake: Database, path: Path) -> None:
    runs = [make_run(name=f"lab/{i}") for i in range(3)]
    file = new_store(path, runs)
    write_runs(lake, runs)
    for one in (lake, file):
        group_models(one, ["lab/0", "lab/1", "lab/2"], "lab/g")
        group_models(one, ["lab/2"], None)
    question = find_question("layer_profile")
    answer = run_question(lake, question)
    assert set(answer["series"].to_pylist()) == {"lab/g · 2 seeds", "lab/2"}
    assert answer.equals(run_question(file, question))


def test_numbers_are_derived_and_merged(
    filled: Database, file: Database, address: str, make_lake: Callable[[], str]
) -> None:
    for one in (filled, file):
        assert derive_numbers(one, ["stable_rank"]).runs == N_RUNS
        assert derive_numbers(one, ["stable_rank"]).runs == 0
    kept, expected = contents(filled), contents(file)
    # When they were asked for differs.
    assert len(kept.pop("derivation")) == len(expected.pop("derivation")) == N_RUNS
    assert kept == expected
    other = open_database(make_lake())
    merge_stores(other, [address])
    assert contents(other) == contents(filled)
    # A later run of a checkpoint, whatever its sample, has them too.
    later = make_run(name="lab/decoder", seed=9, created_at=datetime(2027, 1, 1, tzinfo=UTC))
    run_id = write_run(filled, later)
    assert run_id in filled.select("SELECT run_id FROM derivation")["run_id"].to_pylist()


def test_only_runs_with_tags_are_asked(filled: Database, address: str) -> None:
    part = open_database(address, create=False, tags=[("lab", "a")])
    assert part.select("SELECT DISTINCT model FROM profile")["model"].to_pylist() == ["lab/decoder"]
    sql = "SELECT count(*) AS n FROM run"
    assert part.select_untrusted(sql)["n"].to_pylist() == [1]
    assert filled.select_untrusted(sql)["n"].to_pylist() == [N_RUNS]
    with pytest.raises(StoreError, match="was opened with tags"):
        write_run(part, make_run(name="lab/new"))
    with pytest.raises(QueryError, match=r"no run has the tag lab=x.*; the tags in this store are"):
        open_database(address, create=False, tags=[("lab", "x")]).select("SELECT 1")


def test_held_answers_are_of_one_moment(filled: Database, address: str) -> None:
    other = open_database(address)
    counted = "SELECT count(*) AS n FROM run"
    with filled.held():
        before = filled.select(counted)["n"][0].as_py()
        merge_in_another_process = make_run(name="lab/late")
        # A writer does not wait for those who ask; threads of one process take turns.
        _write_elsewhere(address, merge_in_another_process.model.name)
        assert filled.select(counted)["n"][0].as_py() == before
    assert other.select(counted)["n"][0].as_py() == before + 1


def _write_elsewhere(address: str, name: str) -> None:
    code = (
        "import sys\n"
        "from embstore.store.connection import open_database\n"
        "from embstore.store.writing import write_run\n"
        "from tests.synthetic import make_run\n"
        "write_run(open_database(sys.argv[1]), make_run(name=sys.argv[2]))\n"
    )
    finish(start(code, address, name))


def test_a_run_that_breaks_the_schema_is_not_stored_in_part(lake: Database) -> None:
    run = make_run()
    provenance = dataclasses.replace(run.provenance, device=None)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="could not be written"):
        write_run(lake, dataclasses.replace(run, provenance=provenance))
    assert not lake.select("FROM run").num_rows
    assert not lake.select("FROM model").num_rows


def test_a_training_in_it_is_watched_from_before_its_first_run(address: str) -> None:
    view = View(lambda: open_database(address.partition("?")[0], create=False), Wanted())
    view.look()
    assert view.trouble.startswith("no lake at ")
    lake = open_database(address)
    for n, run in enumerate(steps_of(steps=(0, 10))):
        view.look()
        assert len(view.training.steps if view.training else ()) == n
        write_run(lake, run)
    view.look()
    assert view.training is not None
    assert [step.number for step in view.training.steps] == [0, 10]
    assert view.trouble == ""
