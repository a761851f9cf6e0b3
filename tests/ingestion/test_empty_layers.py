"""A model that overflows is stored, and everybody is told that layers have no numbers."""

from pathlib import Path
from typing import Any

import pytest

import embstore
from embstore.errors import EmptyLayersError
from embstore.ingestion.outcome import emptiness_of
from embstore.store.connection import open_database
from embstore.store.empty_layers import empty_layers
from tests import tiny_models

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"tokens": 256, "window": 32, "sample": 100}


@pytest.fixture(scope="module")
def overflowing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.build_overflowing(tmp_path_factory.mktemp("models") / "large")


def test_a_run_with_empty_layers_says_so_wherever_it_is_met(
    overflowing: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    (whole,) = embstore.ingest(overflowing, corpus=text, store=store, **SMALL)
    assert whole.empty is None
    assert emptiness_of([whole]) is None
    found = []
    for status in ("measured", "stored"):
        (outcome,) = embstore.ingest(
            overflowing, corpus=text, store=store, dtype="float16", **SMALL
        )
        assert outcome.status == status
        assert outcome.empty is not None
        found.append(outcome.empty)
        # The embedding and the first block are whole; two blocks and the norm are not.
        assert (outcome.empty.n_empty, outcome.empty.n_layers) == (3, 5)
        error = emptiness_of([whole, outcome])
        assert isinstance(error, EmptyLayersError)
        assert error.exit_code == 4
        for part in ("large@local", "3 of 5 layers have no numbers", "NaN", "bfloat16"):
            assert part in str(error)
    # What is told of what was measured is what the store says of it.
    assert found[0] == found[1]
    opened = embstore.open(store)
    sites = opened.sql("SELECT DISTINCT layer, site FROM layer ORDER BY layer, site")
    assert [(row["layer"], row["site"]) for row in sites.to_pylist()] == [
        (0, "embedding"),
        (1, "block"),
        (2, "block"),
        (3, "block"),
        (3, "final_norm"),
    ]
    notes = " ".join(opened.query("layer_profile").notes)
    assert "Of large, local, 3 of 5 layers have no numbers" in notes
    assert "bfloat16" in notes


@pytest.mark.parametrize(
    "metrics", ["core", "directional", "spectral", "dimension", "next_layer", "length"]
)
def test_whatever_was_measured_empty_layers_are_told(
    metrics: str, overflowing: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    (outcome,) = embstore.ingest(
        overflowing, corpus=text, store=store, dtype="float16", metrics=metrics, **SMALL
    )
    assert outcome.empty is not None
    assert [outcome.empty] == empty_layers(open_database(store), [outcome.run_id or ""])
    # Of the three pairs of a state and the next, that of the embedding is whole.
    expected = (2, 3) if metrics == "next_layer" else (3, 5)
    assert (outcome.empty.n_empty, outcome.empty.n_layers) == expected
    assert "NaN" in (outcome.empty.reason or "")
