"""Every kind of fault is found, named and counted, and a sound store has none."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

import embstore
from embstore.cli.main import app
from embstore.metrics import metric
from embstore.metrics.registry import PAIR_METRICS
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.exports.exporting import export_store
from embstore.store.table_names import NUMBERS
from embstore.store.verification.faults import find_faults
from embstore.store.verification.limits import BOUNDS
from embstore.store.writing import write_runs
from tests import tiny_models
from tests.store.contents import rows
from tests.store.old_stores import SCHEMAS, unpack
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, make_run, with_effects

pytestmark = pytest.mark.slow

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
    "DELETE FROM checkpoint": ("rows of no checkpoint", "run", 2, "checkpoint_id"),
    "DELETE FROM model WHERE name = 'lab/b'": ("rows of no model", "checkpoint", 1, "run_id"),
    f"DELETE FROM layer WHERE run_id = {RUN} AND layer = 2": (
        "missing layers", "layer", 1, "stack decoder",
    ),
    f"DELETE FROM layer WHERE run_id = {RUN}": ("a run without layers", "layer", 1, "run_id"),
    f"DELETE FROM measurement WHERE run_id = {RUN} AND metric = 'twonn' AND scope = 'all' "
    "AND layer < 3": ("missing numbers", "measurement", 3, "metric twonn"),
    f"DELETE FROM measurement WHERE run_id = {RUN} AND metric = 'twonn'": (
        "missing numbers", "measurement", 24, "scope all",
    ),
    **{
        f"DELETE FROM measurement WHERE run_id = {RUN} AND layer = 6 AND {rest}": (
            "missing numbers", "measurement", rows, "stack decoder",
        )
        # The last block and the final norm; the pairs of layers end before them.
        for rest, rows in (("true", 3 * 2 * 7), ("site = 'block'", 3 * 7), ("metric = 'twonn'", 6))
    },
    f"DELETE FROM measurement WHERE run_id = {RUN} AND layer = 5 AND metric = 'cka_next'": (
        "missing numbers", "measurement", 3, "metric cka_next",
    ),
    f"DELETE FROM measurement WHERE run_id = {RUN} AND scope = 'no_sinks'": (
        "missing numbers", "measurement", 7 * 8 + 5 * 6, "scope no_sinks",
    ),
    f"DELETE FROM layer WHERE run_id = {RUN} AND layer = 6": (
        "not as many blocks as the model has", "layer", 1, "blocks 5, blocks_of_model 6",
    ),
    f"DELETE FROM spectrum WHERE run_id = {RUN} AND layer = 1": (
        "missing spectra", "spectrum", 3, "layer 1",
    ),
    f"DELETE FROM dimension_curve WHERE run_id = {RUN}": (
        "missing points of the curve", "dimension_curve", 24, "layer 0",
    ),
    f"DELETE FROM dimension_curve WHERE run_id = {RUN} AND layer = 2 AND rank = 2": (
        "missing points of the curve", "dimension_curve", 3, "layer 2",
    ),
    f"DELETE FROM massive_activation WHERE run_id = {RUN}": (
        "missing activations", "massive_activation", 8, "layer 0",
    ),
    f"DELETE FROM massive_activation WHERE run_id = {RUN} AND layer = 6 AND rank = 2": (
        "missing activations", "massive_activation", 2, "layer 6",
    ),
    **{
        f"UPDATE {table} SET layer = 77 WHERE run_id = {RUN} AND layer = 3": (
            "numbers of no layer", table, rows, "layer 77",
        )
        for table, rows in (("spectrum", 3), ("dimension_curve", 6), ("massive_activation", 2))
    },
    f"UPDATE angular_distance SET layer = -1 WHERE run_id = {RUN} AND layer = 3": (
        "numbers of no layer", "angular_distance", 9, "layer -1",
    ),
    "DELETE FROM metric WHERE name = 'twonn'": (
        "a metric without a definition", "metric", 2, "metric twonn, version 1",
    ),
    f"UPDATE measurement SET metric = 'charm' WHERE run_id = {RUN} AND metric = 'twonn'": (
        "numbers that the run was not to measure", "measurement", 24, "metric charm",
    ),
    f"UPDATE measurement SET scope = 'late' WHERE run_id = {RUN} AND scope = 'all'": (
        "numbers that the run was not to measure", "measurement", 7 * 8 + 5 * 6, "scope late",
    ),
    f"UPDATE run SET metric_versions = '{{' WHERE run_id = {RUN}": (
        "unreadable JSON", "run", 1, "run_id",
    ),
    f"UPDATE run SET model_config = '[1]' WHERE run_id = {RUN}": (
        "unreadable JSON", "run", 1, "run_id",
    ),
    **{
        f"UPDATE {table} SET n = {n} WHERE run_id = {RUN} AND layer = 3 AND scope = 'all'": (
            "impossible counts", table, rows, f"vectors {n}",
        )
        for n in (-5, 257)
        for table, rows in (
            ("measurement", 12), ("spectrum", 1), ("dimension_curve", 2), ("angular_distance", 3),
        )
    },
    **{
        f"UPDATE layer SET {wrong} WHERE run_id = {RUN} AND layer = 3": (
            "impossible counts", "layer", 1, "layer 3",
        )
        for wrong in (
            *("n_tokens = -1", "n_sinks = 300", "n_sample = 257", "n_duplicates = 300"),
            *("n_zero = -1", "depth = 1.5", "neighbor_recall = 1.5", "hidden_size = 0"),
        )
    },
    f"UPDATE metric SET upper = 'log(min(n, d))' WHERE name = 'anisotropy'; UPDATE measurement "
    f"SET n = -5 WHERE run_id = {RUN} AND layer = 3 AND metric = 'anisotropy'": (
        "impossible counts", "measurement", 3, "vectors -5",
    ),
    f"UPDATE run SET n_windows = 0 WHERE run_id = {RUN}": ("impossible counts", "run", 1, "run_id"),
    **{
        f"UPDATE {table} SET {wrong} WHERE run_id = {RUN} AND layer = 3": (
            "impossible numbers", table, rows, "layer 3",
        )
        for table, wrong, rows in (
            ("spectrum", "trace = trace + 1", 3),
            ("spectrum", "trace = 'nan'", 3),
            ("spectrum", "eigenvalues = eigenvalues[:7]", 3),
            ("spectrum", "eigenvalues = [NULL, 10.0] || eigenvalues[3:]", 3),
            ("dimension_curve", "dimension = -1, ci_low = -2", 6),
            ("dimension_curve", "mean_distance = 'inf'", 6),
            ("angular_distance", "other_layer = 3", 9),
            ("angular_distance", "distance = 1.5, ci_high = 2", 9),
            ("massive_activation", "coordinate = 1000", 2),
            ("massive_activation", "window_index = 4", 2),
            ("massive_activation", "position = -1", 2),
            ("massive_activation", "value = 'nan'", 2),
        )
    },
    f"UPDATE dimension_curve SET std_error = -1 WHERE run_id = {RUN} AND layer = 3": (
        "an interval that leaves out its number", "dimension_curve", 6, "layer 3",
    ),
    f"UPDATE angular_distance SET ci_high = distance - 0.1 WHERE run_id = {RUN} AND layer = 3": (
        "an interval that leaves out its number", "angular_distance", 9, "layer 3",
    ),
    "UPDATE metric SET unit = 'index' WHERE name = 'twonn'": (
        "an index that is no whole number", "measurement", 36, "metric twonn",
    ),
    f"UPDATE measurement SET value = 'nan', reason = 'so' WHERE run_id = {RUN} AND layer = 3 "
    "AND metric = 'twonn' AND scope = 'all'": (
        "neither a number nor a reason", "measurement", 1, "layer 3",
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


# Made up numbers keep within bounds only if there are many dimensions.
RUNS = [
    make_run(name="lab/a", hidden_size=1000, tags={"lab": "x"}),
    with_effects(
        make_run(name="lab/b", n_layers=6, hidden_size=1000, metrics=ALL_METRICS),
        lambda _: (0.0001, -0.0001, 0.0, 0.0),
    ),
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_store(tmp_path_factory.mktemp("sound") / "embstore.duckdb", RUNS).path


@pytest.fixture
def database(sound: Path, tmp_path: Path) -> Database:
    return open_database(shutil.copy(sound, tmp_path / "embstore.duckdb"))


def test_a_sound_store_has_no_faults(database: Database) -> None:
    assert find_faults(database) == []
    result = CliRunner().invoke(app, ["verify", "--store", str(database.path)])
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no faults in 2 runs and " in result.stderr
    assert find_faults(open_database(database.path, create=False, tags=[("lab", "x")])) == []
    export = export_store(database, database.path.parent / "geometry").folder
    assert find_faults(open_database(export, create=False)) == []


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


@pytest.mark.parametrize(
    ("sql", "fault", "name", "rows"),
    [
        ("DROP TABLE spectrum", "a table", "spectrum", 1),
        ("ALTER TABLE layer DROP n_zero; ALTER TABLE run DROP tags", "a table", "layer", 2),
        (
            "DROP VIEW profile_latest; CREATE TABLE profile_latest AS SELECT 1 AS value",
            *("a view", "profile_latest", 1),
        ),
        ("CREATE OR REPLACE VIEW run_tag AS SELECT '', '', ''", "a view", "run_tag", 1),
        ("DROP MACRO series", "a view", "series (macro)", 1),
    ],
)
def test_tables_and_views_are_those_of_embstore(
    database: Database, sql: str, fault: str, name: str, rows: int
) -> None:
    with duckdb.connect(str(database.path)) as connection:
        connection.execute(sql)
    (found,) = find_faults(database)
    assert found.fault == f"{fault} that is not as embstore makes it"
    assert (found.table, found.rows) == (name, rows)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP VIEW profile_latest; CREATE TABLE profile_latest AS SELECT 1 AS value",
        *("DELETE FROM model", "DELETE FROM checkpoint", "DELETE FROM corpus"),
        *("DELETE FROM metric WHERE name = 'twonn'", "UPDATE run SET metric_versions = '{'"),
        *("DELETE FROM layer", "DELETE FROM spectrum WHERE layer = 1", "DELETE FROM run"),
        "INSERT INTO measurement FROM measurement WHERE layer = 2",
        *(
            f"INSERT INTO {table} SELECT * REPLACE ('{'f' * 32}' AS run_id) FROM {table}"
            for table in NUMBERS
        ),
        "INSERT INTO tag_change VALUES ('gone', 'key', 'value', now())",
        "INSERT INTO checkpoint SELECT * REPLACE ('gone' AS checkpoint_id, 'gone' AS model_id) "
        "FROM checkpoint LIMIT 1",
    ],
)
def test_what_is_advised_mends_it(database: Database, sql: str, tmp_path: Path) -> None:
    with duckdb.connect(str(database.path)) as connection:
        connection.execute(sql)
    for _ in RUNS:
        if not (found := find_faults(database)):
            break
        first = found[0]
        if removed := re.search(r"`embstore (rm --run \w+ --yes)`", first.advice):
            commands = [f"{removed[1]} --store {database.path}"]
        else:
            clean, folder = tmp_path / "clean.duckdb", tmp_path / "ex"
            assert "`embstore export DIR`, then `embstore import DIR --store NEW" in first.advice
            commands = [f"export {folder} --store {database.path}"]
            commands += [f"import {folder} --store {clean}"]
        for command in commands:
            result = CliRunner().invoke(app, command.split())
            assert result.exit_code == 0, (command, result.exception)
        if not removed:
            database = open_database(clean)
    assert find_faults(database) == []
    write_runs(database, RUNS)
    assert find_faults(database) == []
    assert [row["n"] for row in rows(database, "SELECT count(*) AS n FROM latest_run")] == [2]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_runs_of_an_older_embstore_lack_nothing(schema: str, path: Path) -> None:
    database = open_database(unpack(schema, path), create=False)
    # Made up for 4 dimensions, these numbers know no bounds.
    assert {fault.fault for fault in find_faults(database)} == {"beyond the metric's bounds"}


def test_what_is_really_measured_has_no_faults(
    build: Callable[[str], Path], text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    small: dict[str, Any] = {"corpus": text, "store": store, "tokens": 64, "window": 32}
    for family, asked in (
        ("llama", {"scopes": "no_sinks,all"}),
        # Fewer tokens than a neighbour search looks at.
        ("bert", {"pairs": False, "tokens": 8, "window": 8}),
        ("t5", {}),
    ):
        embstore.ingest(build(family), **{**small, **asked})
    large = tiny_models.build_overflowing(tmp_path / "large")
    (outcome,) = embstore.ingest(large, dtype="float16", **small)
    assert outcome.empty is not None
    assert find_faults(open_database(store)) == []


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


def test_a_run_that_compares_layers_has_every_layer_beside_the_next(tmp_path: Path) -> None:
    angle = PAIR_METRICS["angular_distance_next"].info
    database = new_store(tmp_path / "store.duckdb", [make_run(metrics=(angle,))])
    assert find_faults(database) == []
    with duckdb.connect(tmp_path / "store.duckdb") as connection:
        connection.execute("DELETE FROM angular_distance WHERE layer = 2 AND other_layer = 3")
    (fault,) = find_faults(database)
    assert (fault.fault, fault.table, fault.rows) == ("missing distances", "angular_distance", 3)
