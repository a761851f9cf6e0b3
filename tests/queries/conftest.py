"""Stores whose every number is known: an empty one, and a small one."""

import pytest

from embstore.store.database import Database
from embstore.store.scores import write_scores
from embstore.types import Run
from tests.queries.asking import copy_of
from tests.queries.small import fill, with_a_gap
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, make_run, make_scores


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return new_store(tmp_path_factory.mktemp("empty") / "empty.duckdb")


@pytest.fixture(scope="session")
def one(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return new_store(tmp_path_factory.mktemp("one") / "one.duckdb", [make_run(metrics=ALL_METRICS)])


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return fill(new_store(tmp_path_factory.mktemp("small") / "small.duckdb"))


@pytest.fixture(scope="session")
def long_names(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Models whose names fill half a terminal, one of them in training."""
    name = "a-laboratory-with-a-long-name/a-model-with-a-longer-one"
    runs = [
        make_run(name=f"{name}-decoder", metrics=ALL_METRICS),
        make_run(name=f"{name}-encoder", kind="encoder", n_layers=2, metrics=ALL_METRICS),
        make_run(name=f"{name}-texts", corpus="prose"),
        make_run(name=f"{name}-texts", corpus="verse"),
        *(
            make_run(name=f"{name}-steps", revision=f"step{n}", step=n, values=with_a_gap)
            for n in (0, 1000, 143_000)
        ),
        copy_of(
            make_run(name=f"{name}-steps", revision="step1000", step=1000),
            revision="step2000",
            step=2000,
        ),
    ]
    return _scored(new_store(tmp_path_factory.mktemp("long") / "long.duckdb", runs), runs)


@pytest.fixture(scope="session")
def nearly_alike(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Models in training whose checkpoints are called alike, and some of nearly one long name."""
    long = "organisation-with-a-long-name/a-model-whose-name-goes-on-and-on-7b-instruct-v0.3-4bit"
    steps = (0, 1, 1000, 143_000)
    runs = [
        *(
            make_run(
                name=f"EleutherAI/pythia-{size}m",
                revision=f"step{n}",
                step=n,
                values=with_a_gap,
                metrics=ALL_METRICS,
            )
            for size in (14, 70)
            for n in steps
        ),
        make_run(name=f"{long}-a", metrics=ALL_METRICS, n_layers=2),
        make_run(name=f"{long}-b", metrics=ALL_METRICS, n_layers=2),
    ]
    return _scored(new_store(tmp_path_factory.mktemp("alike") / "alike.duckdb", runs), runs)


def _scored(database: Database, runs: list[Run]) -> Database:
    write_scores(database, make_scores(*runs))
    return database
