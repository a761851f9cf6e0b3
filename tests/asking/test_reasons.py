import pytest

from embstore.asking.reasons import with_reasons
from embstore.choices import Scope
from embstore.errors import UsageError
from embstore.store.database import Database
from embstore.types import LayerKey
from tests.stores import new_store
from tests.synthetic import make_run


def gap(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
    return None if key.layer == 2 else 1.0


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return new_store(
        tmp_path_factory.mktemp("reasons") / "embstore.duckdb",
        [make_run(name="lab/gap", values=gap)],
    )


WHERE = "FROM profile WHERE metric = 'twonn' AND scope = 'all' AND site <> 'final_norm'"


def test_stand_beside_the_values_that_are_missing(database: Database) -> None:
    table = database.select(
        f"SELECT layer, value, run_id, scope, metric, model {WHERE} ORDER BY layer"
    )
    found = with_reasons(database, table)
    assert found.column_names == ["layer", "value", "reason", "run_id", "scope", "metric", "model"]
    assert found["reason"].to_pylist() == [None, None, "undefined in this example", None, None]


def test_a_column_of_them_moves_beside_the_values(database: Database) -> None:
    table = database.select(f"SELECT value, layer, reason {WHERE} ORDER BY layer")
    found = with_reasons(database, table)
    assert found.column_names == ["value", "reason", "layer"]
    assert found["reason"].to_pylist()[2] == "undefined in this example"


def test_values_under_another_name_are_told_by_layer(database: Database) -> None:
    table = database.select(f"SELECT run_id, layer, scope, metric, value AS id {WHERE} ORDER BY 2")
    found = with_reasons(database, table)
    assert found.column_names[-1] == "reason"
    assert [layer for layer, why in enumerate(found["reason"].to_pylist()) if why] == [2]


def test_rows_of_no_known_measurement_have_none_to_tell(database: Database) -> None:
    table = database.select(f"SELECT run_id, avg(value) AS value {WHERE} GROUP BY run_id")
    with pytest.raises(UsageError, match="this answer has no layer, scope, metric"):
        with_reasons(database, table)
