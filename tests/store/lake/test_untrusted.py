"""Ad-hoc SQL on a lake: it runs on a copy in a file, which reaches nothing else."""

import pytest

from embstore.errors import QueryError
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.lake.address import LakeAddress
from embstore.store.limits import read_limits
from embstore.store.writing import write_run
from tests.servers import PASSWORD, USER, Server
from tests.synthetic import make_run


@pytest.fixture(scope="module")
def filled(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A lake with one run; what is refused changes nothing, as the tests show."""
    folder = tmp_path_factory.mktemp("untrusted")
    database = open_database(f"{postgres.make_database('untrusted')}?data_path={folder / 'lake'}")
    write_run(database, make_run(name="lab/a"))
    return database


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM duckdb_databases()",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM postgres_query('lake', 'SELECT 1')",
        "SELECT * FROM postgres_scan('dbname=x', 'public', 'run')",
        "SELECT * FROM ducklake_snapshots('lake')",
        "SELECT * FROM ducklake_table_info('lake')",
        "CALL ducklake_expire_snapshots('lake')",
        "SELECT * FROM __ducklake_metadata_lake.public.ducklake_metadata",
        "SELECT * FROM lake_0.main.run",
        "SELECT * FROM lake.main.run",
        "ATTACH 'ducklake:postgres:dbname=x' AS other",
        "DETACH lake",
        "USE lake",
        "COPY run TO 'run.csv'",
        "SELECT * FROM read_text('/etc/hostname')",
        "DELETE FROM run",
        "DROP TABLE run",
        "INSERT INTO run SELECT * FROM run",
        "UPDATE model SET name = 'x'",
        "SET memory_limit = '1TB'",
        "LOAD ducklake",
        "SELECT * FROM run AT (VERSION => 1)",
    ],
)
def test_what_reaches_further_is_refused(filled: Database, sql: str) -> None:
    with pytest.raises(QueryError) as refused:
        filled.select_untrusted(sql)
    assert PASSWORD not in str(refused.value)
    assert filled.select("SELECT name FROM model")["name"].to_pylist() == ["lab/a"]


@pytest.mark.parametrize(
    "sql",
    [
        "FROM duckdb_tables()",
        "FROM duckdb_columns()",
        "FROM duckdb_views()",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM information_schema.schemata",
        "SELECT * FROM pg_catalog.pg_settings",
        "SELECT * FROM pg_catalog.pg_database",
        "SELECT current_setting('secret_directory'), current_database(), current_user",
        "SHOW ALL TABLES",
        "SHOW DATABASES",
        "PRAGMA database_list",
    ],
)
def test_what_is_listed_shows_neither_server_nor_password(filled: Database, sql: str) -> None:
    shown = str(filled.select_untrusted(sql).to_pylist())
    where = dict(LakeAddress.parse(filled.place).server)
    for secret in (PASSWORD, USER, where["host"], where["port"], "ducklake"):
        assert secret not in shown


def test_it_sees_what_the_lake_has_and_what_is_stored_later(lake: Database) -> None:
    write_run(lake, make_run(name="lab/a"))
    sql = "SELECT model, count(*) AS n FROM profile GROUP BY model ORDER BY model"
    assert lake.select_untrusted(sql).to_pylist() == [{"model": "lab/a", "n": 54}]
    write_run(lake, make_run(name="lab/b"))
    assert lake.select_untrusted(sql)["model"].to_pylist() == ["lab/a", "lab/b"]
    assert lake.select_untrusted("SELECT $n + 1 AS n", {"n": 1})["n"].to_pylist() == [2]
    limits = read_limits(timeout=None, memory="200MB")
    assert lake.select_untrusted(sql, limits=limits).num_rows == 2
