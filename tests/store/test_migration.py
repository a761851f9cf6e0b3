from pathlib import Path

import duckdb
import numpy as np
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Table

from embstore.store import migration, schema
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.session import writing
from embstore.store.writing import write_run, write_runs
from tests.processes import finish, start
from tests.store.old_stores import unpack
from tests.synthetic import make_run

pytestmark = pytest.mark.slow

# Of schema 0003 and later.
LATER_TABLES = {
    *("angular_distance", "derivation", "dimension_curve", "failure", "tag_change", "score"),
}
VIEWS_UNTIL_0004 = {"curve_profile", "latest_run", "profile", "profile_latest"}
VIEWS = VIEWS_UNTIL_0004 | {
    *("display_name", "named_checkpoint", "named_run", "named_profile", "training_profile"),
    *("n_stack_layers", "latest_metric", "failure_status", "run_tag", "current_tags"),
    "current_metrics",
    *("latest_control", "latest_score", "scored_checkpoint", "checkpoint_score"),
    *("model_group", "seed_run", "seed_profile", "published_value"),
}
MACROS = "SELECT function_name AS name FROM duckdb_functions() WHERE NOT internal"


def relations(path: Path) -> set[str]:
    with duckdb.connect(path, read_only=True) as connection:
        rows = connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
    return {name for (name,) in rows}


@pytest.fixture
def database(path: Path) -> Database:
    """A store that was made by all migrations, not by the script of what they come to."""
    with writing(path, 1) as connection:
        migration.upgrade(connection)
    return open_database(path)


def test_a_new_store_is_what_the_migrations_make(tmp_path: Path, database: Database) -> None:
    new = open_database(tmp_path / "new.duckdb")
    for facts in (
        "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() "
        "WHERE NOT internal ORDER BY table_name, column_index",
        "SELECT table_name, constraint_text FROM duckdb_constraints() ORDER BY ALL",
        "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
        "SELECT function_name, parameters, macro_definition FROM duckdb_functions() "
        "WHERE NOT internal ORDER BY ALL",
        "SELECT version_num FROM alembic_version",
    ):
        assert new.select(facts).equals(database.select(facts))


def test_the_head_is_alembics() -> None:
    scripts = ScriptDirectory.from_config(migration.alembic_config())
    assert scripts.get_heads() == [migration.HEAD]
    assert migration.is_known(migration.HEAD)
    assert not migration.is_known("9999")


def test_migrations_make_the_tables_of_the_schema(database: Database) -> None:
    def without_foreign_keys(_object: object, _name: object, kind: str, *_rest: object) -> bool:
        return kind != "foreign_key_constraint"

    with database.begin() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_object": without_foreign_keys,
            },
        )
        assert compare_metadata(context, schema.metadata) == []


def test_effects_of_windows_stay_what_they_were_to_four_bytes(path: Path) -> None:
    effects = "SELECT {} AS kept FROM measurement WHERE window_effects IS NOT NULL"
    unpack("0007", path)
    with duckdb.connect(path) as connection:
        connection.execute("UPDATE measurement SET window_effects = [0.1, NULL, -2e-30]")
        connection.execute("UPDATE measurement SET window_effects = NULL WHERE layer = 0")
        before = connection.execute(effects.format("count(*)")).fetchall()
    with writing(path, 1) as connection:
        migration.upgrade(connection)
    with duckdb.connect(path) as connection:
        assert connection.execute(effects.format("count(*)")).fetchall() == before
        found = connection.execute(effects.format("DISTINCT window_effects")).fetchall()
    assert found == [([np.float32(0.1), None, np.float32(-2e-30)],)]


@pytest.mark.parametrize("before", ["0001", "0008", "0009", "0012", "0015"])
def test_what_older_runs_did_is_said_of_them_and_what_they_say_stays(
    before: str, path: Path
) -> None:
    unpack(before, path)
    later = {"intervals": True, "windows": "tokens", "shuffle": "none"}
    with duckdb.connect(path) as connection:
        there = [column[0] for column in connection.execute("DESCRIBE run").fetchall()]
        (changed,) = connection.execute("SELECT min(run_id) FROM run").fetchone() or ()
        said = {"intervals": False, "windows": "documents", "shuffle": "words"}
        said = {name: value if name in there else later[name] for name, value in said.items()}
        for name in set(said) & set(there):
            connection.execute(
                f"UPDATE run SET {name} = $1 WHERE run_id = $2", [said[name], changed]
            )
    with writing(path, 1) as connection:
        migration.upgrade(connection)
    with duckdb.connect(path) as connection:
        found = connection.execute(
            "SELECT run_id, intervals, windows, shuffle, model_config FROM run"
        ).fetchall()
    assert len(found) > 1
    for run_id, *facts in found:
        assert facts == [*(said if run_id == changed else later).values(), None]


@pytest.mark.parametrize("table", schema.metadata.sorted_tables, ids=lambda table: table.name)
def test_keys_and_column_order_agree_too(database: Database, table: Table) -> None:
    # Alembic compares neither.
    columns = database.select(
        "SELECT column_name FROM duckdb_columns() WHERE table_name = $name ORDER BY column_index",
        {"name": table.name},
    )
    assert columns["column_name"].to_pylist() == [column.name for column in table.columns]
    keys = database.select(
        "SELECT unnest(constraint_column_names) AS key FROM duckdb_constraints() "
        "WHERE table_name = $name AND constraint_type = 'PRIMARY KEY'",
        {"name": table.name},
    )
    assert keys["key"].to_pylist() == [column.name for column in table.primary_key.columns]


def test_no_foreign_keys_and_no_indexes(database: Database) -> None:
    found = database.select(
        "SELECT DISTINCT constraint_type AS kind FROM duckdb_constraints() ORDER BY kind"
    )
    assert found["kind"].to_pylist() == ["NOT NULL", "PRIMARY KEY"]
    assert database.select("SELECT * FROM duckdb_indexes()").num_rows == 0


def test_downgrade_and_upgrade_again(path: Path, database: Database) -> None:
    everything = relations(path)
    assert everything == VIEWS | set(schema.metadata.tables) | {"alembic_version"}
    with writing(path, 1) as connection:
        command.downgrade(migration.alembic_config(connection), "base")
    assert relations(path) == {"alembic_version"}
    with duckdb.connect(path, read_only=True) as connection:
        assert connection.execute(MACROS).fetchall() == []
    with writing(path, 1) as connection:
        migration.upgrade(connection)
    assert relations(path) == everything
    open_database(path)


def test_a_failing_migration_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb.connect(path).close()
    whole = migration.upgrade

    def fail(connection: object) -> None:
        whole(connection)  # type: ignore[arg-type]
        raise ZeroDivisionError

    monkeypatch.setattr(migration, "upgrade", fail)
    with pytest.raises(ZeroDivisionError):
        open_database(path)
    assert relations(path) == set()


ASK = """
import sys
from embstore.store.connection import open_database

open_database(sys.argv[1], create=False).select_untrusted("SELECT count(*) AS n FROM profile")
print(sorted({"alembic", "sqlalchemy", "torch", "pandas"} & sys.modules.keys()))
"""


def test_asking_imports_neither_alembic_nor_sqlalchemy(database: Database) -> None:
    assert finish(start(ASK, database.path)) == "[]\n"


def test_an_older_store_is_migrated_when_opened_and_keeps_its_runs(
    path: Path, database: Database
) -> None:
    write_run(database, make_run())
    before = database.select("SELECT * FROM profile ORDER BY ALL")
    with writing(path, 1) as connection:
        command.downgrade(migration.alembic_config(connection), "0001")
    assert "massive_activation" not in relations(path)
    # A question migrates too.
    opened = open_database(path, create=False)
    assert opened.select("SELECT * FROM profile ORDER BY ALL") == before
    assert opened.select("SELECT count(*) AS n FROM massive_activation")["n"].to_pylist() == [0]


def test_schema_0002_keeps_its_rows_and_says_how_they_were_made(
    path: Path, database: Database, tmp_path: Path
) -> None:
    write_runs(
        database,
        [
            make_run(),
            make_run(seed=1),
        ],
    )
    old = tmp_path / "old.duckdb"
    with writing(old, 1) as connection:
        command.upgrade(migration.alembic_config(connection), "0002")
    tables = set(schema.metadata.tables) - LATER_TABLES
    assert relations(old) == tables | {*VIEWS_UNTIL_0004 - {"curve_profile"}, "alembic_version"}
    with duckdb.connect(old) as connection:
        connection.execute(f"ATTACH '{path}' AS new (READ_ONLY)")
        for table in tables:
            names = connection.execute(f"DESCRIBE {table}").fetchall()
            columns = ", ".join(name for name, *_ in names)
            connection.execute(f"INSERT INTO {table} BY NAME SELECT {columns} FROM new.{table}")
    opened = open_database(old, create=False)
    for table in (*tables, "profile", "profile_latest"):
        sql = f"SELECT * FROM {table} ORDER BY ALL"
        # Every new column, too: the synthetic runs were made as all old ones were.
        assert opened.select(sql) == database.select(sql), table
    assert opened.select(
        "SELECT DISTINCT neighbor_method, neighbor_recall FROM layer"
    ).to_pylist() == [{"neighbor_method": "exact", "neighbor_recall": 1.0}]
    assert opened.select("SELECT DISTINCT scopes, linear FROM run").to_pylist() == [
        {"scopes": "all,no_first,no_sinks", "linear": "torch"}
    ]
    assert opened.select("SELECT DISTINCT uncertainty FROM metric").to_pylist() == [
        {"uncertainty": "none"}
    ]
    assert opened.select("SELECT * FROM curve_profile").num_rows == 0
    write_run(opened, make_run(seed=2))
    assert opened.select("SELECT * FROM curve_profile").num_rows == 36
