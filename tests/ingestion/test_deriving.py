"""Derived numbers against those of the same pass, and what later ingests make of them."""

from pathlib import Path
from typing import Any

import pytest

import embstore
from embstore.metrics.from_spectra import DERIVABLE
from embstore.store.connection import open_database
from embstore.store.verification.faults import find_faults
from tests.store.contents import rows

SMALL: dict[str, Any] = {"tokens": 256, "window": 32, "sample": 100}
NUMBERS = """
SELECT stack, layer, site, scope, metric, value, n, reason
FROM profile_latest WHERE metric IN (SELECT unnest(string_split($names, ','))) ORDER BY ALL
"""
ERRORS = "SELECT DISTINCT metric FROM profile_latest WHERE std_error IS NOT NULL ORDER BY metric"
pytestmark = pytest.mark.slow


def numbers(store: Path) -> list[dict[str, Any]]:
    return rows(open_database(store, create=False), NUMBERS, names=",".join(DERIVABLE))


def test_they_are_those_measured_in_the_same_pass(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    less, whole = tmp_path / "less.duckdb", tmp_path / "whole.duckdb"
    embstore.ingest(tiny_llama, corpus=text, store=less, metrics=["pca_dim_90"], **SMALL)
    embstore.ingest(tiny_llama, corpus=text, store=whole, metrics=["spectral"], **SMALL)
    done = embstore.open(less).derive("all")
    assert done.runs == 1
    derived, measured = numbers(less), numbers(whole)
    assert len(derived) == len(measured) > 100
    for one, other in zip(derived, measured, strict=True):
        assert one == other | {"value": one["value"]}
        # Both from the same eigenvalues, to the last bit; one sum is taken in another order.
        assert one["value"] == pytest.approx(other["value"], rel=1e-12, abs=1e-300)
    assert find_faults(open_database(less)) == []


def test_an_ingest_that_asks_for_one_measures_it_and_the_others_stay(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    asked: dict[str, Any] = {"corpus": text, "store": store, **SMALL}
    embstore.ingest(tiny_llama, metrics=["pca_dim_90"], **asked)
    embstore.open(store).derive("stable_rank", "spectral_rank")
    before = numbers(store)
    (outcome,) = embstore.ingest(tiny_llama, metrics=["stable_rank"], **asked)
    assert outcome.added == ("stable_rank",)
    assert numbers(store) == before
    database = open_database(store)
    assert [row["metric"] for row in rows(database, ERRORS)] == ["pca_dim_90", "stable_rank"]
    # Of the new run one is measured, and the other derived again.
    newest = "SELECT metric FROM derivation SEMI JOIN latest_run USING (run_id)"
    assert rows(database, newest) == [{"metric": "spectral_rank"}]
    assert find_faults(database) == []
    # Nothing is left to do, for either.
    (outcome,) = embstore.ingest(tiny_llama, metrics=["stable_rank"], **asked)
    assert outcome.status == "stored"
    assert embstore.open(store).derive("stable_rank", "spectral_rank").runs == 0
