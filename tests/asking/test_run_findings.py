from pathlib import Path

import pytest

from embstore.asking.run_findings import run_findings
from embstore.choices import Scope
from embstore.store import ids
from embstore.store.database import Database
from embstore.types import LayerKey, Run
from tests.stores import new_store
from tests.synthetic import make_run


def id_of(run: Run) -> str:
    return ids.run_id(ids.configuration_id_of(run), run.repeat)


def spiked(metric: str, key: LayerKey, scope: Scope, _depth: float) -> float | None:
    """Sinks make the anisotropy of layer 3; the embedding has the largest dimension."""
    if metric == "twonn":
        return 60.0 if key.layer == 0 else 5.0 + key.layer
    if metric != "anisotropy" or key.site == "final_norm":
        return 99.0
    return {"all": 0.99, "no_first": 0.5, "no_sinks": 0.02}[scope] if key.layer == 3 else 0.25


def undefined(metric: str, _key: LayerKey, _scope: Scope, _depth: float) -> float | None:
    return None if metric == "anisotropy" else 2.0


@pytest.fixture
def runs() -> list[Run]:
    return [
        make_run(name="gpt", values=spiked),
        make_run(name="t5", kind="encoder-decoder", n_layers=2, values=spiked),
        make_run(name="other", values=undefined),
        *(make_run(name="steps", revision=f"step{i}", values=spiked) for i in range(5)),
    ]


@pytest.fixture
def database(tmp_path: Path, runs: list[Run]) -> Database:
    return new_store(tmp_path / "embstore.duckdb", runs)


def test_one_run_has_two_lines(database: Database, runs: list[Run]) -> None:
    assert run_findings(database, {id_of(runs[0]): "main"}) == [
        "anisotropy peaks at 0.9900 in layer 3 of 4 (without sinks 0.2500, the embedding)",
        "intrinsic dimension (TwoNN) peaks at 9.000 in layer 4 of 4",
    ]


def test_each_stack_and_each_run_is_named(database: Database, runs: list[Run]) -> None:
    names = {id_of(runs[1]): "t5", id_of(runs[2]): "other"}
    assert run_findings(database, names) == [
        "anisotropy peaks at 0.2500 in the embedding of the decoder (without sinks 0.2500) for t5, "
        "0.2500 in the embedding of the encoder (without sinks 0.2500) for t5",
        "intrinsic dimension (TwoNN) peaks at 7.000 in layer 2 of 2 of the decoder for t5, "
        "7.000 in layer 2 of 2 of the encoder for t5, 2.000 in layer 1 of 4 for other",
    ]


def test_of_a_long_series_the_first_and_the_last_are_named(
    database: Database, runs: list[Run]
) -> None:
    lines = run_findings(database, {id_of(run): run.checkpoint.revision for run in runs[3:]})
    assert lines[1] == (
        "intrinsic dimension (TwoNN) peaks at 9.000 in layer 4 of 4 for step0, "
        "9.000 in layer 4 of 4 for step4"
    )


def test_what_is_not_defined_is_not_said(database: Database, runs: list[Run]) -> None:
    assert run_findings(database, {id_of(runs[2]): "other"}) == [
        "intrinsic dimension (TwoNN) peaks at 2.000 in layer 1 of 4"
    ]
