"""Shares of a series, each in a file of its own: together they are the series at once."""

from pathlib import Path

import pytest

import embstore
from embstore.errors import NothingMeasuredError
from embstore.store.connection import open_database
from embstore.store.mending.merging import merge_stores
from tests.ingestion.series.ingests import SMALL, damage, rows, statuses

pytestmark = pytest.mark.slow

NUMBERS = """
SELECT revision, stack, layer, site, scope, metric, value, std_error, ci_low, ci_high, n
FROM profile ORDER BY ALL
"""


@pytest.fixture
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_here")
def test_shares_together_are_the_whole(series: Path, text: Path, tmp_path: Path) -> None:
    embstore.ingest(series, corpus=text, store="whole.duckdb", device="cpu", **SMALL)
    for index in (1, 2, 3, 4):
        done = embstore.ingest(series, corpus=text, shard=f"{index}/4", device="cpu", **SMALL)
        assert statuses(done) == ["measured"] * (index < 4)
    # There is nothing to store of the fourth.
    stores = sorted(tmp_path.glob("embstore-*.duckdb"))
    assert [store.name for store in stores] == [f"embstore-{i}-of-4.duckdb" for i in (1, 2, 3)]
    again = embstore.ingest(series, corpus=text, shard="2/4", device="cpu", **SMALL)
    assert statuses(again) == ["stored"]
    merged = open_database(tmp_path / "merged.duckdb", lazy=True)
    assert len(list(merge_stores(merged, stores))) == 3
    assert rows(merged.path, NUMBERS) == rows(tmp_path / "whole.duckdb", NUMBERS)


def test_one_that_fails_alone_in_its_share_is_noted_as_in_a_series(
    series: Path, text: Path, tmp_path: Path
) -> None:
    for folder in series.glob("checkpoint-*"):
        damage(folder)
    store = tmp_path / "store.duckdb"
    with pytest.raises(NothingMeasuredError, match=r"^1 of 1 checkpoints failed"):
        embstore.ingest(series, corpus=text, store=store, shard="2/3", device="cpu", **SMALL)
    assert len(rows(store, "SELECT * FROM failure")) == 1
