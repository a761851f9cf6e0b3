"""A metric against the tokens that runs of one checkpoint read."""

import dataclasses
from datetime import UTC, datetime
from itertools import starmap
from pathlib import Path

import pytest

from embstore.api.store import Store
from embstore.errors import QueryError
from embstore.store.database import Database
from embstore.types import Run
from tests.queries.asking import ask, by_layer, column
from tests.stores import new_store
from tests.synthetic import make_run

LATER = datetime(2026, 11, 3, tzinfo=UTC)


@pytest.fixture
def sizes(tmp_path: Path) -> Database:
    """Model a read three amounts, the middle one twice; b two, with other windows."""
    wider = make_run(name="b", tokens=512)
    wide = dataclasses.replace(wider.configuration, window_size=128)
    return new_store(
        tmp_path / "s.duckdb",
        [
            make_run(name="a", tokens=256, n_layers=1, values=by_layer(1, 10)),
            make_run(name="a", tokens=512, n_layers=1, values=by_layer(7, 70)),
            make_run(
                name="a", tokens=512, n_layers=1, values=by_layer(2, 20), repeat=1, created_at=LATER
            ),
            make_run(name="a", tokens=1024, n_layers=1, values=by_layer(3, 30)),
            make_run(name="b", tokens=256),
            dataclasses.replace(wider, configuration=wide),
        ],
    )


def test_each_layer_has_the_latest_number_of_each_size(sizes: Database) -> None:
    rows = ask(sizes, "value_by_tokens", metric="twonn", models=["a"])
    assert [(row["layer"], row["tokens"], row["value"]) for row in rows] == [
        *((0, 256, 1), (0, 512, 2), (0, 1024, 3)),
        *((1, 256, 10), (1, 512, 20), (1, 1024, 30)),
    ]
    assert set(column(rows, "series")) == {"a"}


def test_runs_of_other_settings_are_lines_of_their_own(sizes: Database) -> None:
    rows = ask(sizes, "value_by_tokens", metric="twonn", models=["b"], layers=[1])
    assert len(set(column(rows, "series"))) == 2
    assert sum("window 128" in str(name) for name in column(rows, "series")) == 1


def test_samples_of_two_sizes_are_two_lines(tmp_path: Path) -> None:
    """A run that keeps all its tokens may have been asked for any larger sample."""

    def kept(tokens: int, sample: int) -> Run:
        run = make_run(name="a", tokens=tokens, n_layers=1)
        return dataclasses.replace(
            run, configuration=dataclasses.replace(run.configuration, sample_size=sample)
        )

    sizes = ((256, 256), (512, 512), (1024, 512), (2048, 512), (2048, 1024), (4096, 1024))
    database = new_store(tmp_path / "s.duckdb", [*starmap(kept, sizes), kept(8192, 8192)])
    rows = ask(database, "value_by_tokens", layers=[1])
    assert {(str(row["series"]).partition(", float32")[2], row["tokens"]) for row in rows} == {
        *((", sample 512", tokens) for tokens in (256, 512, 1024, 2048)),
        *((", sample 1024", tokens) for tokens in (2048, 4096)),
        # Of no sample that another run says was asked for.
        ("", 8192),
    }


def test_one_size_only_is_refused_by_query_and_chart(tmp_path: Path) -> None:
    runs = [make_run(name="a", tokens=256), make_run(name="b", tokens=512)]
    store = Store(new_store(tmp_path / "one.duckdb", runs))
    said = r"with one number of tokens \(256, 512\).* measure one again with other --tokens"
    for asked in (store.query, store.chart):
        with pytest.raises(QueryError, match=said):
            asked("value_by_tokens")
    assert store.query("value_by_tokens", models=["a"], layers=[99]).num_rows == 0


def test_two_sizes_of_one_checkpoint_are_enough(sizes: Database) -> None:
    assert Store(sizes).query("value_by_tokens").num_rows > 0
