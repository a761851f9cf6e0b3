from datetime import UTC, datetime

import duckdb
import pytest

from embstore.store.database import Database
from embstore.store.writing import write_run
from tests.synthetic import bell, make_run

EARLY = datetime(2026, 11, 1, tzinfo=UTC)
LATE = datetime(2026, 11, 2, tzinfo=UTC)

COLUMNS = [
    *("run_id", "model", "kind", "architecture", "n_parameters", "revision", "step"),
    *("tokens_seen", "corpus", "stack", "layer", "site", "depth", "n_layers", "hidden_size"),
    *("scope", "metric", "value", "std_error", "ci_low", "ci_high", "n", "reason", "tokens"),
    *("window_size", "sample_size", "seed", "dtype", "repeat", "tags", "created_at"),
    *("windows", "shuffle"),
]

CURVE_COLUMNS = [
    *COLUMNS[: COLUMNS.index("metric")],
    *("rank", "dimension", "std_error", "ci_low", "ci_high", "mean_distance", "n"),
    *COLUMNS[COLUMNS.index("tokens") :],
]


def test_profile_names_everything_a_person_filters_on(database: Database) -> None:
    assert database.select("DESCRIBE profile")["column_name"].to_pylist() == COLUMNS


@pytest.mark.parametrize(
    ("kind", "states"), [("encoder", 5), ("decoder", 6), ("encoder-decoder", 11)]
)
def test_profile_has_one_row_per_measurement(database: Database, kind: str, states: int) -> None:
    run = make_run(kind=kind, step=512, tokens_seen=10**9)  # type: ignore[arg-type]
    run_id = write_run(database, run)
    found = database.select("SELECT * FROM profile").to_pylist()
    # 3 scopes of 3 metrics; the final norm is a state of its own at the last layer.
    assert len(found) == 9 * states == len(run.measured.measurements)
    depths = {layer.key: layer.depth for layer in run.measured.layers}
    stored = {
        (row["stack"], row["layer"], row["site"], row["scope"], row["metric"]): row for row in found
    }
    for expected in run.measured.measurements:
        key = expected.key
        row = stored[key.stack, key.layer, key.site, expected.scope, expected.metric]
        assert (row["value"], row["n"]) == (expected.value, expected.n)
        assert row["depth"] == depths[key]
        assert (row["run_id"], row["kind"], row["step"]) == (run_id, kind, 512)


def test_curve_profile_names_everything_and_has_one_row_per_point(database: Database) -> None:
    assert database.select("DESCRIBE curve_profile")["column_name"].to_pylist() == CURVE_COLUMNS
    run = make_run(kind="encoder-decoder", step=512)
    run_id = write_run(database, run)
    found = database.select("SELECT * FROM curve_profile").to_pylist()
    # 11 states, 3 scopes, 2 ranks.
    assert len(found) == 66 == len(run.measured.curves)
    depths = {layer.key: layer.depth for layer in run.measured.layers}
    stored = {(x["stack"], x["layer"], x["site"], x["scope"], x["rank"]): x for x in found}
    for point in run.measured.curves:
        key = point.key
        row = stored[key.stack, key.layer, key.site, point.scope, point.rank]
        assert (row["dimension"], row["mean_distance"]) == (point.dimension, point.mean_distance)
        assert (row["std_error"], row["ci_low"], row["ci_high"]) == (
            point.std_error,
            point.ci_low,
            point.ci_high,
        )
        assert (row["n"], row["depth"]) == (point.n, depths[key])
        assert (row["run_id"], row["kind"], row["step"]) == (run_id, "encoder-decoder", 512)


@pytest.mark.slow
def test_latest_run_is_per_model_revision_and_corpus(database: Database) -> None:
    write_run(database, make_run(created_at=EARLY))
    latest = write_run(database, make_run(created_at=LATE, seed=1))
    revision = write_run(database, make_run(created_at=EARLY, revision="step1"))
    corpus = write_run(database, make_run(created_at=EARLY, corpus="other-text"))
    model = write_run(database, make_run(created_at=EARLY, name="example/another"))
    found = database.select("SELECT run_id FROM latest_run")["run_id"].to_pylist()
    assert sorted(found) == sorted([latest, revision, corpus, model])


@pytest.mark.slow
def test_latest_run_breaks_ties_by_id(database: Database) -> None:
    runs = [write_run(database, make_run(created_at=EARLY, seed=seed)) for seed in range(4)]
    found = database.select("SELECT run_id FROM latest_run")["run_id"].to_pylist()
    assert found == [max(runs)]


def test_profile_latest_leaves_older_runs_out(database: Database) -> None:
    write_run(database, make_run(created_at=LATE, values=lambda *_: 1.0))
    old = make_run(created_at=EARLY, seed=7, values=lambda *_: 2.0)
    write_run(database, old)
    sql = "SELECT DISTINCT value FROM {} ORDER BY value"
    assert database.select(sql.format("profile"))["value"].to_pylist() == [1.0, 2.0]
    assert database.select(sql.format("profile_latest"))["value"].to_pylist() == [1.0]
    described = database.select("DESCRIBE profile_latest")["column_name"].to_pylist()
    assert described == COLUMNS


def test_plain_duckdb_shows_the_views(database: Database) -> None:
    write_run(database, make_run(values=bell))
    with duckdb.connect(database.path, read_only=True) as connection:
        rows = connection.sql(
            "SELECT layer, value FROM profile_latest WHERE metric = 'anisotropy' "
            "AND scope = 'all' AND site <> 'final_norm' ORDER BY layer"
        ).fetchall()
    # 0.05 + 0.9 · 4 · depth · (1 − depth) at depths 0, ¼, ½, ¾, 1.
    assert rows == [
        (0, 0.05),
        (1, pytest.approx(0.725)),
        (2, pytest.approx(0.95)),
        (3, pytest.approx(0.725)),
        (4, 0.05),
    ]


def test_views_on_an_empty_store(database: Database) -> None:
    for view in ("profile", "latest_run", "profile_latest", "curve_profile"):
        assert database.select(f"SELECT * FROM {view}").num_rows == 0
