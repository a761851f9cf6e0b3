"""Every kind of fault is found, named and counted, and a sound store has none."""

from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from embstore.cli.main import app
from embstore.metrics import metric
from embstore.store.connection import Database
from embstore.store.verification import BOUNDS, find_faults
from tests.stores import new_store
from tests.synthetic import make_run

# The one of 6 blocks: their states, the embedding and the final norm.
RUN = "(SELECT run_id FROM layer GROUP BY run_id HAVING count(*) = 8)"
FAULTS = {
    f"INSERT INTO measurement FROM measurement WHERE run_id = {RUN} AND layer = 2 "
    "AND metric = 'twonn'": ("rows twice", "measurement", 3, "layer 2"),
    f"INSERT INTO spectrum FROM spectrum WHERE run_id = {RUN} AND layer = 1 AND scope = 'all'": (
        "rows twice", "spectrum", 1, "scope all",
    ),
    f"INSERT INTO layer SELECT * REPLACE ('gone' AS run_id) FROM layer WHERE run_id = {RUN}": (
        "rows of no run", "layer", 8, "run_id gone",
    ),
    "DELETE FROM corpus": ("rows of no corpus", "run", 2, "corpus_id"),
    f"DELETE FROM layer WHERE run_id = {RUN} AND layer = 2": (
        "missing layers", "layer", 1, "stack decoder",
    ),
    f"DELETE FROM layer WHERE run_id = {RUN}": ("a run without layers", "layer", 1, "run_id"),
    f"DELETE FROM measurement WHERE run_id = {RUN} AND metric = 'twonn' AND scope = 'all' "
    "AND layer < 3": ("missing numbers", "measurement", 3, "metric twonn"),
    f"DELETE FROM measurement WHERE run_id = {RUN} AND metric = 'twonn'": (
        "missing numbers", "measurement", 24, "scope all",
    ),
    f"UPDATE measurement SET layer = 77 WHERE run_id = {RUN} AND layer = 3 "
    "AND metric = 'anisotropy' AND scope = 'all'": (
        "numbers of no layer", "measurement", 1, "layer 77",
    ),
    f"UPDATE measurement SET value = NULL, reason = NULL WHERE run_id = {RUN} AND layer = 3 "
    "AND metric = 'twonn' AND scope = 'all'": (
        "neither a number nor a reason", "measurement", 1, "layer 3",
    ),
    f"UPDATE measurement SET std_error = -1 WHERE run_id = {RUN} AND layer = 3 "
    "AND metric = 'twonn' AND scope = 'all'": (
        "an interval that leaves out its number", "measurement", 1, "metric twonn",
    ),
    f"UPDATE measurement SET value = 1.5, ci_low = 1.4, ci_high = 1.6 WHERE run_id = {RUN} "
    "AND layer = 3 AND metric = 'anisotropy' AND scope = 'all'": (
        "beyond the metric's bounds", "measurement", 1, "value 1.5",
    ),
    f"UPDATE measurement SET value = 0.5, ci_low = 0.0001, ci_high = 0.6 WHERE run_id = {RUN} "
    "AND layer = 3 AND metric = 'anisotropy' AND scope = 'all'": (
        "beyond the metric's bounds", "measurement", 1, "metric anisotropy",
    ),
}  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Database:
    runs = [make_run(name="lab/a"), make_run(name="lab/b", n_layers=6)]
    store = new_store(tmp_path / "embstore.duckdb", runs)
    with duckdb.connect(str(store.path)) as connection:
        # Made up numbers and intervals know no bounds.
        connection.execute(
            "UPDATE layer SET hidden_size = 1000; UPDATE measurement SET "
            "ci_low = greatest(ci_low, 0.001), ci_high = least(ci_high, 1) "
            "WHERE metric = 'anisotropy' AND ci_low IS NOT NULL"
        )
    return store


def test_a_sound_store_has_no_faults(database: Database) -> None:
    assert find_faults(database) == []
    result = CliRunner().invoke(app, ["verify", "--store", str(database.path)])
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no faults in 2 runs and " in result.stderr


@pytest.mark.parametrize("sql", FAULTS)
def test_a_fault_is_found_and_named(database: Database, sql: str) -> None:
    with duckdb.connect(str(database.path)) as connection:
        connection.execute(sql)
    fault, table, rows, example = FAULTS[sql]
    found = {(f.fault, f.table): f for f in find_faults(database)}
    assert (fault, table) in found, found
    assert found[fault, table].rows == rows
    assert example in found[fault, table].example
    assert found[fault, table].advice


def test_faults_are_rows_on_stdout_and_an_exit_code(database: Database) -> None:
    with duckdb.connect(str(database.path)) as connection:
        connection.execute("UPDATE measurement SET std_error = -1 WHERE std_error > 0")
    command = ["verify", "--store", str(database.path), "--format", "json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert '"an interval that leaves out its number"' in result.stdout
    assert result.stderr == f"error: {database.path} has faults of 1 kind\n"


@pytest.mark.parametrize(("n", "d"), [(1, 4), (7, 4), (4, 7)])
def test_bounds_are_computed_in_sql_as_they_are_in_python(n: int, d: int) -> None:
    assert BOUNDS.keys() == metric._LIMITS.keys()
    for text, sql in BOUNDS.items():
        (found,) = duckdb.sql(f"SELECT ({sql})::DOUBLE FROM (SELECT {n} AS n, {d} AS d)").fetchall()
        assert found[0] == pytest.approx(metric._LIMITS[text](n, d))
