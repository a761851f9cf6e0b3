"""A store that somebody has changed says so where something fails, and only there."""

from pathlib import Path

import duckdb
import pytest

from embstore.api.store import open_store
from embstore.asking.ask import find_question, run_question
from embstore.errors import QueryError, StoreError
from embstore.store.connection import open_database
from embstore.store.mending.find_runs import Selection
from embstore.store.mending.removing import remove_runs
from embstore.store.tampering import missing_parts
from tests.store.old_stores import SCHEMAS, unpack
from tests.stores import new_store
from tests.synthetic import make_run


@pytest.fixture
def filled(path: Path) -> Path:
    new_store(path, [make_run(name="lab/a")])
    return path


def change(path: Path, sql: str) -> None:
    with duckdb.connect(path) as connection:
        connection.execute(sql)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sql", "lacks"),
    [
        (
            "DROP VIEW profile_latest; CREATE TABLE profile_latest (a INTEGER)",
            "view profile_latest",
        ),
        ("DROP VIEW profile_latest; DROP TABLE corpus", "table corpus, view profile_latest"),
        ("ALTER TABLE corpus DROP COLUMN sha256", "corpus.sha256"),
    ],
)
def test_what_is_missing_is_named_where_a_question_fails(
    filled: Path, sql: str, lacks: str
) -> None:
    change(filled, sql)
    says = f"{filled} was changed by other hands, and lacks {lacks}: restore it from a copy"
    database = open_database(filled, create=False)
    with pytest.raises(StoreError) as found:
        database.select("SELECT run_id, sha256 FROM profile_latest, corpus")
    assert str(found.value) == says
    with pytest.raises(StoreError, match="was changed by other hands"):
        open_store(filled).sql("SELECT run_id, sha256 FROM profile_latest, corpus")
    # What fails nowhere is answered.
    assert database.select("SELECT count(*) AS n FROM run")["n"].to_pylist() == [1]


def test_what_changes_a_store_says_so_too(filled: Path) -> None:
    change(filled, "DROP VIEW profile; DROP VIEW profile_latest; DROP TABLE corpus")
    database = open_database(filled, create=False)
    with pytest.raises(StoreError, match="was changed by other hands, and lacks table corpus"):
        remove_runs(database, Selection(models=["lab/a"]))
    with pytest.raises(StoreError, match="was changed by other hands"):
        run_question(database, find_question("runs"))


@pytest.mark.slow
@pytest.mark.parametrize("schema", SCHEMAS)
def test_nothing_is_missing_from_a_store_that_was_migrated(schema: str, path: Path) -> None:
    unpack(schema, path)
    # Of an older schema nothing is expected.
    with duckdb.connect(path, read_only=True) as connection:
        assert missing_parts(connection, str(path)) == []
    open_database(path)
    # Tables of one's own are nobody's business.
    change(path, "CREATE TABLE mine (a INTEGER)")
    with duckdb.connect(path, read_only=True) as connection:
        assert missing_parts(connection, str(path)) == []
    with pytest.raises(QueryError, match="nothing"):
        open_store(path).sql("SELECT nothing FROM run")
