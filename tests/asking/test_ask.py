import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from embstore.asking.ask import (
    bind,
    find_question,
    find_questions,
    metric_info,
    readable_questions,
    run_question,
)
from embstore.asking.question import parse_question
from embstore.common.paths import resource_folder
from embstore.errors import QueryError, UsageError
from embstore.store.database import Database
from embstore.store.writing import write_failure, write_run
from embstore.types import Failure
from tests.processes import imported
from tests.stores import new_store
from tests.synthetic import make_run

BUILT_IN = sorted(path.stem for path in resource_folder("queries").glob("*.sql"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return new_store(
        tmp_path_factory.mktemp("small") / "small.duckdb", [make_run(name="lab/decoder")]
    )


class TestFinding:
    def test_lists_every_built_in_file(self) -> None:
        assert sorted(find_questions()) == BUILT_IN
        assert {"layer_profile", "dimension_scale", "peak_layer", "runs"} <= set(BUILT_IN)

    def test_a_users_file_wins_and_the_first_folder_wins(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for folder in ("first", "second", "third"):
            (tmp_path / folder).mkdir()
            text = f"-- title: from {folder}\nSELECT 1"
            (tmp_path / folder / "runs.sql").write_text(text)
        folders = os.pathsep.join([str(tmp_path / "second"), str(tmp_path / "third")])
        monkeypatch.setenv("EMBSTORE_QUERIES", folders)
        assert find_question("runs").title == "from second"
        assert find_question("runs", [tmp_path / "first"]).title == "from first"
        assert not find_question("runs").built_in
        assert find_question("peak_layer").built_in

    def test_a_file_is_not_a_name(self) -> None:
        with pytest.raises(
            QueryError, match="--queries mine, or run it as plain SQL, embstore sql -i"
        ):
            find_question("mine/x.sql")

    def test_unknown_name_offers_the_closest(self) -> None:
        with pytest.raises(
            QueryError, match=r"no question 'layr_profile' \(did you mean layer_prof"
        ):
            find_question("layr_profile")
        with pytest.raises(QueryError, match="list them: embstore ls queries"):
            find_question("zzz")

    def test_a_broken_file_does_not_stop_the_others(self, tmp_path: Path) -> None:
        (tmp_path / "broken.sql").write_text("SELECT 1")
        assert find_question("runs", [tmp_path]).name == "runs"
        with pytest.raises(QueryError, match=r"broken\.sql:1: no title"):
            find_questions([tmp_path])

    def test_the_readable_come_with_what_is_wrong_with_the_others(self, tmp_path: Path) -> None:
        (tmp_path / "broken.sql").write_text("SELECT 1")
        (tmp_path / "good.sql").write_text("-- title: t\nSELECT 1")
        (tmp_path / "runs.sql").write_text("-- title: t\n-- titel: t\nSELECT 1")
        questions, broken = readable_questions([tmp_path])
        # A broken file of a built-in's name does not quietly give way to it.
        assert set(questions) == {"good", *BUILT_IN} - {"runs"}
        assert [str(error).partition(" ")[0] for error in broken] == [
            f"{tmp_path}/broken.sql:1:",
            f"{tmp_path}/runs.sql:2:",
        ]

    def test_missing_folder_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(UsageError, match=r"'.*nowhere' is not a folder"):
            find_questions([tmp_path / "nowhere"])
        monkeypatch.setenv("EMBSTORE_QUERIES", str(tmp_path / "gone"))
        with pytest.raises(UsageError, match=r"EMBSTORE_QUERIES: '.*gone' is not a folder"):
            find_question("runs")


class TestBind:
    def test_unknown_parameter_offers_the_closest(self) -> None:
        with pytest.raises(UsageError, match=r"no parameter 'metrics' \(did you mean metric\?\)"):
            bind(find_question("layer_profile"), {"metrics": "twonn"})

    def test_missing_parameter_is_named(self) -> None:
        question = parse_question(
            "-- title: t\n-- param metric VARCHAR: which\nSELECT $metric", Path("q.sql")
        )
        with pytest.raises(
            UsageError, match=r"question q: parameter metric \(VARCHAR\) is missing"
        ):
            bind(question)

    def test_values_are_converted_and_defaults_filled_in(self) -> None:
        values = bind(find_question("layer_profile"), {"models": "a,b", "final_norm": "yes"})
        assert values["models"] == ["a", "b"]
        assert values["final_norm"] is True
        assert values["metric"] == "anisotropy"


def test_metric_info_is_the_stores(small: Database) -> None:
    info = metric_info(small, "twonn")
    assert info is not None
    assert info.unit == "dimensions"
    assert metric_info(small, "foo") is None


def test_declared_and_used_must_agree(small: Database, tmp_path: Path) -> None:
    path = tmp_path / "q.sql"
    path.write_text("-- title: a\n-- param x INTEGER = 1: b\nSELECT 1 AS one")
    with pytest.raises(
        QueryError,
        match=r"q\.sql: parameter x is declared, but neither the SQL nor the chart line has a \$x",
    ):
        run_question(small, find_question("q", [tmp_path]))
    path.write_text("-- title: a\nSELECT $x AS x")
    with pytest.raises(QueryError, match=r"q\.sql: the SQL uses \$x, which no '-- param x TYPE"):
        run_question(small, find_question("q", [tmp_path]))
    path.write_text("-- title: a\n-- chart: mark=line x=$by:Q y=one:Q\nSELECT 1 AS one")
    with pytest.raises(
        QueryError, match=r"q\.sql: the chart line uses \$by, which no '-- param by"
    ):
        run_question(small, find_question("q", [tmp_path]))


def test_a_parameter_may_be_for_the_chart_alone(small: Database, tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text(
        "-- title: a\n"
        "-- param by VARCHAR = 'one' in ('one', 'two'): the horizontal axis\n"
        "-- param scale VARCHAR = 'linear' in ('linear', 'log'): of that axis\n"
        "-- param y INTEGER = 3: the other\n"
        "-- chart: mark=line x=$by:Q:$scale y=y:Q\n"
        "SELECT 1 AS one, 2 AS two, $y AS y"
    )
    question = find_question("q", [tmp_path])
    assert run_question(small, question, {"by": "two", "y": 4})["y"].to_pylist() == [4]
    with pytest.raises(UsageError, match="parameter by: found 'three'; choose from one, two"):
        run_question(small, question, {"by": "three"})


@pytest.mark.parametrize("name", ["failures", "coverage"])
def test_a_model_that_only_failed_is_known(name: str, tmp_path: Path) -> None:
    database = new_store(tmp_path / "failed.duckdb")
    question = find_question(name)
    # An empty store holds no name to mistype.
    assert run_question(database, question, {"models": "lab/anything"}).num_rows == 0
    write_run(database, make_run(name="gpt2"))
    when = datetime(2026, 11, 2, tzinfo=UTC)
    failure = Failure("lab/damaged", "main", "load", "damaged", "example-text", when, "0.1.0")
    write_failure(database, failure)
    found = run_question(database, question, {"models": "lab/damaged"})
    assert found["model"].unique().to_pylist() == ["lab/damaged"]
    run_question(database, question, {"models": "gpt2"})
    with pytest.raises(QueryError) as caught:
        run_question(database, question, {"models": "lab/damagd"})
    assert str(caught.value) == (
        "no model 'lab/damagd' in this store (did you mean lab/damaged?); it has gpt2, lab/damaged"
    )


@pytest.mark.parametrize("empty", ["", []])
def test_an_empty_list_is_no_answer(small: Database, empty: object) -> None:
    message = (
        "^question layer_profile: parameter models is empty; name at least one, or leave it out "
        "for all$"
    )
    with pytest.raises(UsageError, match=message):
        run_question(small, find_question("layer_profile"), {"models": empty})


def test_a_users_question_is_guarded(small: Database, tmp_path: Path) -> None:
    (tmp_path / "bad.sql").write_text("-- title: a\nSELECT * FROM read_csv('/etc/passwd')")
    with pytest.raises(QueryError, match="table function read_csv is not allowed"):
        run_question(small, find_question("bad", [tmp_path]))
    (tmp_path / "drop.sql").write_text("-- title: a\nDROP TABLE measurement")
    with pytest.raises(QueryError, match="must be a SELECT"):
        run_question(small, find_question("drop", [tmp_path]))


def test_a_question_with_a_chart_is_one_file(small: Database, tmp_path: Path) -> None:
    text = (resource_folder("queries") / "layer_profile.sql").read_text()
    (tmp_path / "mine.sql").write_text(text)
    assert run_question(small, find_question("mine", [tmp_path])).num_rows > 0


@pytest.mark.slow
def test_a_question_opens_the_store_once(
    small: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.sql").write_text("-- title: t\n-- param n INTEGER = 1: x\nSELECT $n AS n")
    opened = []

    def connect(*arguments: object, **more: object) -> duckdb.DuckDBPyConnection:
        opened.append(arguments)
        return real(*arguments, **more)

    real: Callable[..., duckdb.DuckDBPyConnection] = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", connect)
    for question in (find_question("runs"), find_question("mine", [tmp_path])):
        opened.clear()
        assert run_question(small, question).num_rows == 1
        assert opened == [(str(small.path),)]


def test_asking_never_imports_torch(small: Database, tmp_path: Path) -> None:
    store = shutil.copy(small.path, tmp_path / "copy.duckdb")
    code = (
        "import sys\n"
        "from embstore.api.store import open_store\n"
        "store = open_store(sys.argv[1])\n"
        "assert store.query('layer_profile').num_rows\n"
        "assert 'altair' not in sys.modules\n"
        "store.chart('layer_profile')\n"
    )
    assert not {"torch", "transformers", "sqlalchemy", "scipy"} & imported(code, store)
