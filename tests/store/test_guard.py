"""A store whose views or macros reach beyond it is refused before anything of it runs."""

from pathlib import Path

import duckdb
import pytest

from embstore.errors import StoreError
from embstore.store.connection import open_database
from embstore.store.guard import is_checked
from embstore.store.writing import write_run
from tests.stores import file_database, new_store
from tests.synthetic import make_run


def altered(path: Path, sql: str) -> Path:
    """Make a store and change it as a stranger could."""
    new_store(path)
    with duckdb.connect(str(path)) as connection:
        connection.execute(sql)
    return path


@pytest.mark.parametrize(
    ("sql", "trouble"),
    [
        ("CREATE VIEW v AS SELECT * FROM '{file}'", "view 'v' reads {file}"),
        ("CREATE VIEW v AS SELECT * FROM read_csv('{file}')", "view 'v' calls read_csv"),
        ("CREATE VIEW v AS SELECT * FROM query('SELECT 1')", "view 'v' calls query"),
        (
            "CREATE OR REPLACE VIEW profile AS SELECT * FROM run, (FROM enable_logging())",
            "view 'profile' calls enable_logging",
        ),
        (
            """CREATE VIEW "v AS (SELECT" ("a AS") AS SELECT count(*) FROM enable_logging()""",
            "view 'v AS (SELECT' calls enable_logging",
        ),
        ("CREATE SCHEMA s; CREATE VIEW s.v AS FROM read_text('{file}')", "view 's.v' calls"),
        ("CREATE MACRO m() AS (SELECT count(*) FROM enable_logging())", "macro 'm' calls enable"),
        ("CREATE MACRO m(x) AS TABLE FROM read_text(x)", "macro 'm' calls read_text"),
        ("CREATE MACRO m(a) AS a, (a, b) AS (SELECT 1 FROM glob(b))", "macro 'm' calls glob"),
        # Called like what the check itself calls.
        (
            """CREATE MACRO json_serialize_sql(x) AS '{{"error": false}}'; """
            "CREATE MACRO duckdb_views() AS TABLE SELECT 1; "
            "CREATE MACRO unnest(x) AS 1; CREATE VIEW v AS FROM read_text('{file}')",
            "view 'v' calls read_text",
        ),
    ],
)
def test_bodies_that_reach_beyond_the_store_are_refused(
    tmp_path: Path, sql: str, trouble: str
) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("a\n1\n")
    path = altered(tmp_path / "strange.duckdb", sql.format(file=file))
    content = path.read_bytes()
    with pytest.raises(StoreError) as refused:
        open_database(path)
    assert f"is not asked, for its {trouble.format(file=file)}" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == content
    assert {found.name for found in tmp_path.iterdir()} == {"secret.csv", "strange.duckdb"}


def test_an_older_store_is_checked_before_it_is_migrated(tmp_path: Path) -> None:
    path = altered(
        tmp_path / "old.duckdb",
        "UPDATE alembic_version SET version_num = '0005'; CREATE VIEW v AS FROM enable_logging()",
    )
    with pytest.raises(StoreError, match="'v' calls enable_logging"):
        open_database(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "sql",
    [
        "CREATE VIEW mine AS SELECT layer, max(value) FROM profile, range(3) GROUP BY layer",
        "CREATE MACRO twice(x) AS 2 * x; CREATE VIEW mine AS SELECT twice(layer) FROM layer",
        "CREATE VIEW mine AS PIVOT profile ON scope IN ('all') USING avg(value)",
        "CREATE VIEW mine AS WITH x AS (SELECT 'read_csv(1)' AS a) SELECT * FROM x -- 'a.csv'",
    ],
)
def test_views_of_ones_own_stay(tmp_path: Path, sql: str) -> None:
    path = altered(tmp_path / "own.duckdb", sql)
    write_run(file_database(path, timeout=1), make_run())
    database = open_database(path)
    assert database.select("SELECT * FROM mine").num_rows > 0
    # Unchanged since, it is not checked again; changed, it is.
    assert is_checked(path)
    with duckdb.connect(str(database.path)) as connection:
        connection.execute("CREATE VIEW v AS FROM read_text('x')")
    with pytest.raises(StoreError, match="'v' calls read_text"):
        open_database(database.path)


@pytest.mark.slow
def test_what_others_change_is_checked_again_and_writing_does_not_hide_it(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    database = open_database(path)
    assert is_checked(path)
    write_run(database, make_run())
    assert is_checked(path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE VIEW v AS SELECT * FROM glob('*')")
    assert not is_checked(path)
    write_run(database, make_run(seed=1))
    with pytest.raises(StoreError, match="its view 'v' calls glob"):
        open_database(path)
