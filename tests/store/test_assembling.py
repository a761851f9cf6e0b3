"""A part of a store answers as a store that has only that part."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from embstore.asking.ask import find_questions, run_question
from embstore.errors import QueryError, UsageError
from embstore.store import schema
from embstore.store.assembling import read_tags
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.exports.exporting import export_store
from embstore.store.mending.tagging import tag_run
from embstore.store.table_names import FACTS, NUMBERS
from embstore.store.writing import write_failure, write_runs
from embstore.types import Run
from tests.store.contents import counts, rows
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, make_failure, make_run

Tags = dict[str, Sequence[str]]


def run(lr: str, step: int, *, seed: int = 0, tokens: int = 256) -> Run:
    return make_run(
        name="lab/m",
        revision=f"step{step}",
        step=step,
        tags={"lr": lr, "lab": "a"},
        metrics=ALL_METRICS,
        seed=seed,
        tokens=tokens,
    )


SLOW = [run("0.1", step) for step in (1, 2)]
# The same checkpoints, measured later: the latest of the whole store.
FAST = [run("0.3", step, seed=1, tokens=512) for step in (1, 2)]
OTHER = [make_run(name="lab/other", kind="encoder", corpus="verse", metrics=ALL_METRICS)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Database:
    path = tmp_path_factory.mktemp("tagged") / "embstore.duckdb"
    database = new_store(path, [*SLOW, *FAST, *OTHER])
    write_failure(database, make_failure())
    return database


def part(whole: Database, **tags: str | list[str]) -> Database:
    return open_database(whole.path, create=False, tags=read_tags(tags))


def test_every_table_is_facts_or_numbers() -> None:
    assert sorted([*FACTS, *NUMBERS]) == sorted(schema.metadata.tables)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tags", "runs"),
    [
        ({"lr": "0.1"}, SLOW),
        ({"lr": "0.3", "lab": "a"}, FAST),
        ({"lr": ["0.1", "0.3"]}, [*SLOW, *FAST]),
    ],
    ids=["one", "two keys", "two values"],
)
def test_every_question_answers_as_if_there_were_no_other_runs(
    whole: Database, tmp_path: Path, tags: dict[str, str | list[str]], runs: list[Run]
) -> None:
    only = new_store(tmp_path / "only.duckdb", runs)
    chosen = part(whole, **tags)
    with only.held(), chosen.held():
        assert counts(chosen) == counts(only)
        for question in find_questions().values():
            given = {
                name: value
                for name, value in (("before", "step1"), ("after", "step2"), ("model", "lab/m"))
                if any(parameter.name == name for parameter in question.parameters)
            }
            answers = [run_question(database, question, given) for database in (chosen, only)]
            assert answers[0] == answers[1], question.name


@pytest.mark.slow
def test_later_tags_count(tmp_path: Path) -> None:
    database = new_store(tmp_path / "s.duckdb", SLOW[:1])
    (run_id,) = write_runs(database, SLOW[1:])
    tag_run(database, run_id, {"lr": "0.7", "lab": None})
    assert counts(part(database, lr="0.7"))["run"] == 1
    assert counts(part(database, lab="a"))["run"] == 1
    with pytest.raises(QueryError, match=r"no run has the tag lab=a and lr=0\.7; the tags"):
        counts(part(database, lr="0.7", lab="a"))


@pytest.mark.slow
def test_tags_that_no_run_has_are_refused(whole: Database, tmp_path: Path) -> None:
    says = r"no run has the tag lr=0\.2 \(did you mean .*\); the tags in this store are lab=a, lr="
    with pytest.raises(QueryError, match=says):
        part(whole, lr="0.2").select("SELECT 1 AS one")
    with pytest.raises(QueryError, match="no run has a tag yet"):
        part(new_store(tmp_path / "untagged.duckdb", OTHER), k="v").select("SELECT 1 AS one")
    with pytest.raises(QueryError, match="no run has the tag x='; DROP TABLE run; --=1"):
        part(whole, **{"x='; DROP TABLE run; --": "1"}).select("SELECT 1 AS one")
    with pytest.raises(UsageError, match="must not be blank"):
        read_tags({" ": "v"})
    with pytest.raises(UsageError, match=r"tag 'k=.udcff' is not UTF-8 text"):
        read_tags({"k": ["v", "\udcff"]})


@pytest.mark.slow
def test_ad_hoc_sql_sees_the_part_and_nothing_else(whole: Database, tmp_path: Path) -> None:
    chosen = part(whole, lr="0.1")
    assert chosen.select_untrusted("SELECT count(*) AS n FROM measurement")["n"].to_pylist() == [
        2 * len(SLOW[0].measured.measurements)
    ]
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    for sql, says in (
        (f"SELECT * FROM read_text('{secret}')", "read_text is not allowed"),
        (f"SELECT * FROM '{secret}'", f"{secret} is not part of what is asked"),
        (
            f"SELECT * FROM enable_logging(storage='file', storage_path='{tmp_path / 'x'}')",
            "enable_logging is not allowed",
        ),
        (f"ATTACH '{tmp_path / 'x.duckdb'}'", "found ATTACH"),
        (f"COPY (SELECT 1) TO '{tmp_path / 'x.csv'}'", "found COPY"),
        ("DELETE FROM run", "found DELETE"),
        ("SET enable_external_access = true", "found SET"),
        (f"SELECT * FROM '{whole.path}'", "is not part of what is asked"),
    ):
        with pytest.raises(QueryError, match=says):
            chosen.select_untrusted(sql)
    assert list(tmp_path.iterdir()) == [secret]
    assert rows(whole, "SELECT count(*) AS n FROM run") == [{"n": 5}]


@pytest.mark.slow
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM store.main.measurement",
        'SELECT count(*) FROM "STORE".measurement',
        "SELECT (SELECT max(value) FROM store.main.measurement)",
        "WITH x AS (FROM store.run) FROM x",
        "EXPLAIN FROM store.main.run",
        "SUMMARIZE store.main.run",
        "SHOW TABLES FROM store",
        "SELECT store.main.display_name('x')",
    ],
)
def test_the_whole_store_beside_its_part_cannot_be_named(whole: Database, sql: str) -> None:
    chosen = part(whole, lr="0.1")
    with pytest.raises(QueryError, match="is not part of what is asked: name tables and views as"):
        chosen.select_untrusted(sql)
    # Names of the part may be written in full.
    assert chosen.select_untrusted("FROM memory.main.run").num_rows == 2


@pytest.mark.slow
def test_files_of_an_export_beside_its_part_cannot_be_named(
    whole: Database, tmp_path: Path
) -> None:
    export_store(whole, tmp_path / "export")
    chosen = open_database(tmp_path / "export", create=False, tags=[("lr", "0.1")])
    files = sorted((tmp_path / "export" / "runs").glob("*/measurement.parquet"))
    assert len(files) == 5
    for file in files:
        with pytest.raises(QueryError, match="is not part of what is asked"):
            chosen.select_untrusted(f"SELECT count(*) FROM '{file}'")
