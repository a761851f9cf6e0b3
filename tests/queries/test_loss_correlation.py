"""What windows have alone against their loss: ranks against SciPy's."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from embstore.api.store import Store
from embstore.asking.ask import find_question
from embstore.measuring.window_effects import window_effects
from embstore.metrics.registry import METRICS
from embstore.types import Run
from tests.queries.asking import ask
from tests.stores import new_store
from tests.synthetic import make_run, with_windows

N_WINDOWS, N_LAYERS = 12, 4
LOSSES = np.random.default_rng(0).normal(3, 1, size=(N_LAYERS + 1, N_WINDOWS))
# The higher the layer, the more like the last layer's loss; some windows share a number.
DIMENSIONS = [
    np.round(layer * LOSSES[-1] + np.random.default_rng(layer).normal(size=N_WINDOWS), 1)
    for layer in range(N_LAYERS + 1)
]


def run_with(
    dimensions: Sequence[Sequence[float]], losses: Sequence[Sequence[float]], shuffle: str = "none"
) -> Run:
    return with_windows(
        make_run(n_layers=N_LAYERS, shuffle=shuffle),
        window_twonn_ml=lambda key: dimensions[key.layer],
        window_loss=lambda key: losses[key.layer],
    )


def test_each_layer_is_held_against_the_models_own_loss(tmp_path: Path) -> None:
    shuffled = run_with(DIMENSIONS[::-1], LOSSES.tolist(), shuffle="tokens")
    database = new_store(tmp_path / "s.duckdb", [run_with(DIMENSIONS, LOSSES.tolist()), shuffled])
    rows = ask(database, "loss_correlation")
    assert [(row["text"], row["layer"]) for row in rows] == [
        (text, layer) for text in ("as it is", "tokens shuffled") for layer in range(N_LAYERS + 1)
    ]
    for row, dimensions in zip(rows, [*DIMENSIONS, *DIMENSIONS[::-1]], strict=True):
        rho = stats.spearmanr(dimensions, LOSSES[-1]).statistic
        assert row["correlation"] == pytest.approx(rho, abs=1e-9)
        assert row["n_windows"] == N_WINDOWS
        error = np.sqrt((1 + rho**2 / 2) / (N_WINDOWS - 3))
        low, high = np.tanh(np.arctanh(rho) + np.array([-1, 1]) * stats.norm.ppf(0.975) * error)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high), abs=1e-9)
    assert len(ask(database, "loss_correlation", controls=False)) == N_LAYERS + 1
    # Windows are no steps of a training.
    assert not any("Steps" in note for note in Store(database).query("loss_correlation").notes)


def with_effects(run: Run, places: dict[str, list[float]]) -> Run:
    """Put other effects of windows in the place of a metric's."""
    measurements = tuple(
        replace(m, window_effects=tuple(places[m.metric])) if m.metric in places else m
        for m in run.measured.measurements
    )
    return replace(run, measured=replace(run.measured, measurements=measurements))


def test_a_window_without_a_number_does_not_count(tmp_path: Path) -> None:
    run = run_with(DIMENSIONS, LOSSES.tolist())
    known = np.arange(N_WINDOWS) % 4 > 0
    values = DIMENSIONS[3][known]
    effects = window_effects(values - values.mean(), np.flatnonzero(known), N_WINDOWS)
    database = new_store(
        tmp_path / "s.duckdb", [with_effects(run, {"window_twonn_ml": list(effects)})]
    )
    row = ask(database, "loss_correlation")[0]
    assert row["n_windows"] == known.sum()
    rho = stats.spearmanr(values, LOSSES[-1][known]).statistic
    assert row["correlation"] == pytest.approx(rho, abs=1e-9)


def test_of_many_windows_the_means_of_groups_are_ranked(tmp_path: Path) -> None:
    """Of 100 windows a place has one or two: sums of two lie further out than single numbers."""
    n = 100
    rng = np.random.default_rng(5)
    numbers = {"window_loss": rng.normal(3, 1, n)}
    numbers["window_twonn_ml"] = numbers["window_loss"] + rng.normal(size=n)
    groups = np.arange(n) * 64 // n
    means = {
        name: np.bincount(groups, values) / np.bincount(groups) for name, values in numbers.items()
    }
    effects = {
        name: list(window_effects((values - values.mean()) / n, np.arange(n), n))
        for name, values in numbers.items()
    }
    run = run_with(DIMENSIONS, LOSSES.tolist())
    run = replace(run, configuration=replace(run.configuration, n_windows=n))
    database = new_store(tmp_path / "s.duckdb", [with_effects(run, effects)])
    row = ask(database, "loss_correlation")[0]
    rho = stats.spearmanr(means["window_twonn_ml"], means["window_loss"]).statistic
    assert row["n_windows"] == 64
    assert row["correlation"] == pytest.approx(rho, abs=1e-9)
    sums = [np.bincount(groups, values - values.mean()) for values in numbers.values()]
    assert stats.spearmanr(*sums).statistic != pytest.approx(rho, abs=1e-3)


@pytest.mark.parametrize(
    ("dimensions", "reason"),
    [
        ([1.0, 2.0, 3.0], "fewer than 4 windows have both numbers"),
        ([1.0, 2.0, 3.0, 4.0, 6.0], "all ranks agree or are opposite, which has no interval"),
        ([6.0, 4.0, 3.0, 2.0, 1.0], "all ranks agree or are opposite, which has no interval"),
    ],
)
def test_what_says_too_little_has_a_reason(
    tmp_path: Path, dimensions: list[float], reason: str
) -> None:
    losses = [[1.0, 2.0, 3.5, 4.0, 7.0][: len(dimensions)]] * (N_LAYERS + 1)
    database = new_store(tmp_path / "s.duckdb", [run_with([dimensions] * (N_LAYERS + 1), losses)])
    rows = ask(database, "loss_correlation")
    assert {row["reason"] for row in rows} == {reason}
    assert all(row["ci_low"] is None for row in rows)


def test_every_number_that_windows_have_alone_can_be_asked_for() -> None:
    (metric,) = (p for p in find_question("loss_correlation").parameters if p.name == "metric")
    families = {"within_windows", "head", "attention"}
    of_windows = {name for name, one in METRICS.items() if one.family.name in families}
    # The loss is what they are held against.
    assert set(metric.choices) == of_windows - {"window_loss"}


def test_without_a_loss_there_is_no_answer(tmp_path: Path) -> None:
    run = with_windows(make_run(), window_twonn_ml=lambda _key: [1.0, 2.0, 4.0, 3.0])
    database = new_store(tmp_path / "s.duckdb", [run])
    assert ask(database, "loss_correlation") == []
