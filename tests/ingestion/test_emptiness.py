"""Which stored runs have empty layers is read for all at once, and of a later run alone."""

from pathlib import Path

import pytest

from embstore.ingestion import emptiness
from embstore.ingestion.emptiness import Emptiness
from embstore.metrics.registry import metric_infos
from embstore.store import ids
from embstore.store.database import Database
from embstore.store.empty_layers import EmptyLayers, empty_layers, empty_layers_of
from embstore.store.writing import write_run
from embstore.types import LayerKey, Run
from tests.stores import new_store
from tests.synthetic import make_run


def without_last(_metric: str, key: LayerKey, _scope: str, _depth: float) -> float | None:
    return None if key.layer == 4 else 1.0


# With the number that tells it, and without.
METRICS = [metric_infos(pairs=False), make_run().metrics]
WHOLE = [make_run(revision="whole", metrics=metrics) for metrics in METRICS]
EMPTY = [make_run(revision="empty", metrics=metrics, values=without_last) for metrics in METRICS]


@pytest.mark.parametrize("alone", [False, True])
def test_of_any_run_it_is_what_the_run_itself_says(alone: bool, tmp_path: Path) -> None:
    found = Emptiness(new_store(tmp_path / "s.duckdb", [*WHOLE, *EMPTY]), alone=alone)
    for run in (*WHOLE, *EMPTY):
        assert found.of(ids.run_id_of(run)) == empty_layers_of(run)
    assert [empty_layers_of(run) for run in WHOLE] == [None, None]
    told = [empty_layers_of(run) for run in EMPTY]
    assert [(it.n_empty, it.n_layers) for it in told if it] == [(2, 6), (2, 6)]


def test_all_are_asked_for_once_and_a_later_one_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str] | None] = []

    def ask(database: Database, runs: list[str] | None = None) -> list[EmptyLayers]:
        asked.append(runs)
        return empty_layers(database, runs)

    monkeypatch.setattr(emptiness, "empty_layers", ask)
    database = new_store(tmp_path / "s.duckdb", WHOLE)
    found = Emptiness(database, alone=False)
    first, second = (ids.run_id_of(run) for run in WHOLE)
    assert (found.of(first), found.of(second)) == (None, None)
    later = write_run(database, EMPTY[0])
    assert found.of(later) == empty_layers_of(EMPTY[0])
    assert asked == [None, [later]]


def test_a_run_says_of_itself_what_the_store_says() -> None:
    run: Run = EMPTY[1]
    told = empty_layers_of(run)
    assert told is not None
    assert told.reason == "undefined in this example"
