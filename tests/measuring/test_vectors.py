"""Any array of vectors: the same numbers as the parts give, and as a pass over a model stores."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import embstore
from embstore.api.metric_results import MetricResult
from embstore.errors import UsageError
from embstore.ingestion import one_checkpoint
from embstore.measuring.checkpoint import measure_batches
from embstore.measuring.vectors import measure_vectors
from embstore.metrics.families import spectral, within_windows
from embstore.metrics.registry import PAIR_METRICS
from embstore.metrics.selection import choose_metrics
from embstore.types import LayerKey, Measured
from tests import manifolds
from tests.metrics.clouds import OF_VECTORS, values_of
from tests.metrics.pairs import numbers_of_pair, two_layers

X = manifolds.gaussian(300, 6, 25).astype(np.float32)
N_WINDOWS, WINDOW = 40, 15


def in_windows(seed: int = 0, d: int = 8) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Windows with a mean of their own, (600, 8), and the label of each row."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(N_WINDOWS, 1, d)) + 1
    tokens = centres + rng.normal(size=(N_WINDOWS, WINDOW, d)) * np.linspace(0.5, 2, d)
    return tokens.reshape(-1, d), np.repeat(np.arange(N_WINDOWS), WINDOW)


def assert_same(found: MetricResult, expected: MetricResult, *, rel: float, name: str) -> None:
    for field in ("value", "std_error", "ci_low", "ci_high"):
        number = getattr(expected, field)
        assert getattr(found, field) == pytest.approx(number, rel=rel, nan_ok=True), (name, field)
    assert found.n == expected.n, name


def test_every_metric_is_that_of_the_whole_array() -> None:
    found = embstore.measure(X)
    assert found.keys() == OF_VECTORS.keys()
    for name, expected in values_of(X).items():
        if name in {"spectral_slope", "alpha_req"}:
            continue  # six directions only
        if OF_VECTORS[name].family == within_windows.FAMILY:
            continue  # each row is a window of its own
        if expected.value is None:
            assert found[name].reason == expected.reason, name
            continue
        # The order of sums differs.
        assert found[name].value == pytest.approx(expected.value, rel=1e-12), name
        if expected.interval is not None:
            assert found[name].std_error == pytest.approx(expected.interval.std_error, rel=1e-9)
    assert np.isnan(found["spectral_slope"].value)
    assert "directions with variance" in (found["spectral_slope"].reason or "")


@pytest.mark.slow
def test_the_dimension_of_a_known_manifold() -> None:
    found = embstore.measure(manifolds.gaussian(4000, 10, 40))
    assert found["twonn"].value == pytest.approx(9.8, rel=0.03)
    # Ten equal variances, some 1 % apart at this n.
    assert found["participation_ratio"].value == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_tensors_of_any_precision(dtype: torch.dtype) -> None:
    tensor = torch.from_numpy(X).to(dtype).requires_grad_()
    # bfloat16 keeps eight bits.
    assert embstore.measure(tensor)["anisotropy"].value == pytest.approx(
        embstore.measure(X)["anisotropy"].value, rel=1e-2
    )


def test_a_sample_bounds_the_neighbours_and_depends_on_the_seed_only() -> None:
    one = embstore.measure(X, sample=100, seed=1)
    assert repr(one) == repr(embstore.measure(X, sample=100, seed=1))
    assert one["twonn"].value != embstore.measure(X, sample=100, seed=2)["twonn"].value
    assert one["twonn"].n == 100
    assert one["anisotropy"].value == embstore.measure(X)["anisotropy"].value


def test_a_sample_takes_from_every_window() -> None:
    Z, labels = in_windows()
    found = embstore.measure(Z, windows=labels, sample=3 * N_WINDOWS)
    assert found.notes == (f"Standard errors count the {N_WINDOWS} windows.",)
    assert found["twonn"].n == 3 * N_WINDOWS


def test_numbers_that_a_few_far_vectors_decide_have_no_interval_and_say_so() -> None:
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(512, 16))
    assert not any("far from all others" in note for note in embstore.measure(Z).notes)
    Z[::64] *= 0.1
    Z[::64, 2] = 300 + 5 * rng.normal(size=8)
    found = embstore.measure(Z)
    said = [note for note in found.notes if "far from all others" in note]
    assert said == [
        "No error is given where a few points far from all others, such as attention sinks, decide "
        "an estimate (mada, mle, mom, tle)."
    ]
    assert found["mle"].value is not None
    assert np.isnan(found["mle"].std_error)
    assert found["twonn"].std_error > 0


def test_wrong_settings() -> None:
    with pytest.raises(UsageError, match="sample must be at least 1, not 0"):
        embstore.measure(X, sample=0)
    with pytest.raises(UsageError, match="seed must be at least 0, not -1"):
        embstore.measure_pair(X, X, seed=-1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "labels",
    [
        lambda numbers: numbers,
        lambda numbers: [f"doc {i:02}" for i in numbers],
        lambda numbers: [("wiki", int(i)) for i in numbers],
        lambda numbers: torch.from_numpy(numbers),
        lambda numbers: (1000 - numbers).astype(np.float64),
    ],
    ids=["numbers", "text", "tuples", "tensor", "falling"],
)
def test_labels_of_any_kind_and_order_mean_the_same_windows(labels: Any) -> None:
    Z, numbers = in_windows()
    expected = embstore.measure(Z.reshape(N_WINDOWS, WINDOW, -1))
    order = np.random.default_rng(1).permutation(len(Z))
    found = embstore.measure(Z[order], windows=labels(numbers[order]))
    for name in OF_VECTORS:
        if name in {"top_cosine_coordinate", "curvature"}:
            continue  # by chance, and the path through a window in another order
        # Sums in another order; where errors are differences of sums some digits go.
        assert_same(found[name], expected[name], rel=1e-6, name=name)


def test_windows_of_unequal_length() -> None:
    """The mean of lengths is linear: its error is the textbook's for unequal clusters."""
    Z, _ = in_windows()
    numbers = np.sort(np.random.default_rng(2).integers(0, 25, size=len(Z)))
    Y = Z * np.random.default_rng(3).uniform(0.5, 1.5, size=(len(Z), 1))
    found = embstore.measure_pair(Z, Y, windows=numbers)["update_ratio"]
    ratios = np.linalg.norm(Y - Z, axis=1) / np.linalg.norm(Z, axis=1)
    sums = np.bincount(numbers, weights=ratios - ratios.mean())
    n_windows = numbers[-1] + 1
    error = np.sqrt((sums**2).sum() * n_windows / (n_windows - 1)) / len(Z)
    assert found.value == pytest.approx(ratios.mean(), rel=1e-12)
    assert found.std_error == pytest.approx(error, rel=1e-9)


def statistics(Z: NDArray[np.float64]) -> dict[str, float]:
    """Three metrics from their definitions."""
    U = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    n = len(U)
    values = np.linalg.eigvalsh(np.cov(Z.T))
    return {
        "mean_cosine": float(((U.sum(axis=0) ** 2).sum() - n) / (n * (n - 1))),
        "anisotropy": float(values[-1] / values.sum()),
        "participation_ratio": float(values.sum() ** 2 / (values**2).sum()),
    }


@pytest.mark.slow
def test_intervals_with_windows_are_those_of_resampled_windows() -> None:
    Z, labels = in_windows()
    rng = np.random.default_rng(4)
    tokens = Z.reshape(N_WINDOWS, WINDOW, -1)
    draws = [
        statistics(tokens[rng.integers(0, N_WINDOWS, size=N_WINDOWS)].reshape(-1, Z.shape[1]))
        for _ in range(1000)
    ]
    found, alone = embstore.measure(Z, windows=labels), embstore.measure(Z)
    for name, value in statistics(Z).items():
        assert found[name].value == pytest.approx(value, rel=1e-9)
        spread = np.std([draw[name] for draw in draws])
        # 1,000 draws tell a spread to 2 %, 40 windows bend the statistics by some more.
        assert found[name].std_error == pytest.approx(spread, rel=0.15), name
        # What windows are for: without them the error is about half as large.
        assert alone[name].std_error < 0.7 * spread, name


def test_two_layers_against_numpy() -> None:
    Z, Y = two_layers()
    found = embstore.measure_pair(Z, Y)
    assert found.keys() == PAIR_METRICS.keys()
    for name, expected in numbers_of_pair(Z, Y).items():
        assert found[name].value == pytest.approx(expected, rel=1e-9), name
    A, B = Z - Z.mean(axis=0), Y - Y.mean(axis=0)
    hsic = [float(((a.T @ b) ** 2).sum()) for a, b in ((A, B), (A, A), (B, B))]
    assert found["cka_next"].value == pytest.approx(hsic[0] / np.sqrt(hsic[1] * hsic[2]), rel=1e-9)
    A, B = A / np.linalg.norm(A), B / np.linalg.norm(B)
    residual = np.linalg.lstsq(A, B, rcond=None)[1].sum()
    assert found["linearity_next"].value == pytest.approx(1 - residual, rel=1e-9)
    assert found.curve.num_rows == 0


def test_layers_of_unequal_width() -> None:
    Z, Y = two_layers()
    found = embstore.measure_pair(Z, Y[:, :5])
    assert 0 < found["cka_next"].value < 1
    assert np.isnan(found["update_ratio"].value)
    assert found["update_ratio"].reason


@pytest.mark.slow
def test_the_curve_is_that_of_gride() -> None:
    found = embstore.measure(manifolds.gaussian(2000, 5, 20)).curve
    assert found.column_names[:2] == ["rank", "dimension"]
    assert found["rank"].to_pylist() == [1, 2, 4, 8, 16, 32]
    # The finest scale is where five is nearest.
    assert found["dimension"][0].as_py() == pytest.approx(5, rel=0.1)
    assert found.to_pandas()["ci_low"].notna().all()


@pytest.mark.slow
@pytest.mark.parametrize("sample", [512, 300])
def test_it_is_what_an_ingest_of_the_same_states_stores(
    sample: int, tiny_llama: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: dict[LayerKey, list[torch.Tensor]] = {}

    def watched(batches: Any, *rest: Any, **options: Any) -> Measured:
        def kept() -> Any:
            for batch in batches:
                for key, state in batch.states.items():
                    states.setdefault(key, []).append(state.clone())
                yield batch

        return measure_batches(kept(), *rest, **options)

    monkeypatch.setattr(one_checkpoint, "measure_batches", watched)
    embstore.ingest(
        tiny_llama,
        corpus=text,
        store=tmp_path / "s.duckdb",
        tokens=512,
        window=32,
        sample=sample,
        metrics="all",
    )
    stored = embstore.open(tmp_path / "s.duckdb").sql(
        "SELECT layer, metric, value, std_error, ci_low, ci_high, n FROM profile "
        "WHERE scope = 'all' AND site = 'block'"
    )
    rows = {(row["layer"], row["metric"]): row for row in stored.to_pylist()}
    one, two = (torch.cat(states[LayerKey("decoder", i, "block")]) for i in (1, 2))
    found = dict(embstore.measure(one, sample=sample))
    found |= embstore.measure_pair(one, two, sample=sample)
    assert found.keys() == OF_VECTORS.keys() | PAIR_METRICS.keys()
    for name, result in found.items():
        row = {k: np.nan if v is None else v for k, v in rows[1, name].items()}
        numbers = (row["value"], row["std_error"], row["ci_low"], row["ci_high"])
        expected = MetricResult(*numbers, n=int(row["n"]))
        if sample < 512 and name in {"participation_ratio_corrected", "cka_debiased_next"}:
            continue  # of the tokens kept, as errors are
        # First tokens are summed apart there.
        assert result.value == pytest.approx(expected.value, rel=1e-6, nan_ok=True), name
        if sample == 512:
            # Errors come from float32 products, and of a part of the tokens each side may
            # look at others.
            assert_same(result, expected, rel=1e-4, name=name)


@pytest.mark.parametrize(
    "metrics", ["core", "spectral", ["norm_p50"], ["twonn", "window_cosine"], ["uniformity"]]
)
def test_chosen_metrics_are_as_among_all(metrics: str | list[str]) -> None:
    rng = np.random.default_rng(0)
    states = rng.normal(size=(8, 40, 6)) * np.arange(1, 7)
    every = embstore.measure(states)
    some = embstore.measure(states, metrics=metrics)
    assert tuple(some) == tuple(
        name
        for name in choose_metrics([metrics] if isinstance(metrics, str) else metrics)
        if name in every
    )
    for name, result in some.items():
        # Of the first direction alone less is decomposed.
        assert_same(result, every[name], rel=1e-6, name=name)
    # Curves follow from neighbours, where those are searched for.
    assert some.curve.num_rows in (0, every.curve.num_rows)


def test_what_nothing_asks_for_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_args: object, **_options: object) -> None:
        raise AssertionError

    monkeypatch.setattr("embstore.measuring.vectors.nearest_neighbors", never)
    monkeypatch.setattr("embstore.measuring.vectors.WithinWindows.of", lambda *_: {})
    assert embstore.measure(X, metrics="anisotropy")["anisotropy"].value > 0
    found = embstore.measure_pair(X, 2 * X, metrics=["update_ratio"])
    assert found["update_ratio"].value == pytest.approx(1)


@pytest.mark.parametrize(
    ("metrics", "pair", "says"),
    [
        ("twon", False, r"^unknown metric 'twon' \(did you mean twonn\?\)"),
        ("cka_next", False, "^cka_next is of a layer and the next, two sets of vectors; leave it "),
        ("twonn", True, "^twonn is of one set of vectors; leave it out or give those$"),
        ("sink_rate", False, "^sink_rate takes the model that the vectors are of; measure that "),
        ("head", False, "^no metric is left to measure: head has none of one set of vectors$"),
        ("core", True, "^no metric is left to measure: core has none of two sets of vectors$"),
        ([], False, "^no metric is named; name at least one, or leave metrics out for all$"),
    ],
)
def test_metrics_that_vectors_cannot_have_are_refused(
    metrics: str | list[str], pair: bool, says: str
) -> None:
    measure = partial(embstore.measure_pair, X) if pair else embstore.measure
    with pytest.raises(UsageError, match=says):
        measure(X, metrics=metrics)


def test_a_poor_search_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = replace(measure_vectors(X), recall=0.9)
    monkeypatch.setattr("embstore.measuring.vectors.measure_vectors", lambda *_, **__: measured)
    assert any("0.900 of the neighbours" in note for note in embstore.measure(X).notes)


@pytest.mark.slow
@pytest.mark.parametrize("sample", [512, 256])
def test_a_sample_leaves_errors_as_they_are_also_with_sinks(sample: int) -> None:
    """16 windows of 64 vectors, the first of each a hundred times as long."""
    values: dict[str, list[float]] = {}
    errors: dict[str, list[float]] = {}
    # There are no directions beyond the hundredth.
    names = [
        name
        for name, metric in OF_VECTORS.items()
        if metric.family is spectral.FAMILY and name != "band_above_100"
    ]
    for seed in range(60):
        rng = np.random.default_rng(seed)
        Z = rng.normal(size=(16, 64, 32)) * np.arange(1, 33) ** -0.3 + 0.3
        Z[:, 0] *= 0.1
        Z[:, 0, 3] = 100 * np.exp(0.1 * rng.normal(size=16))
        found = embstore.measure(Z, sample=sample, metrics=names)
        for name in names:
            values.setdefault(name, []).append(found[name].value)
            errors.setdefault(name, []).append(found[name].std_error)
    for name in names:
        if not name.startswith("pca_dim"):
            ratio = float(np.mean(errors[name]) / np.std(values[name]))
            # 60 draws tell a spread to 9 %. The windows' slopes differ by chance alone, so that
            # the least error often stands for what is left after the sample's own chance.
            slope = name in ("alpha_req", "spectral_slope")
            assert 0.8 < ratio < (1.6 if slope else 1.3), (name, ratio)


def test_a_sample_beside_long_rows_says_what_all_rows_say() -> None:
    """Long rows are all kept, of others a fifth is drawn: against a sample of all rows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(8000, 16))
    X[::100] *= 20
    Y = X + 0.5 * np.abs(X[:, :1]) * rng.normal(size=X.shape)
    names = ["participation_ratio_corrected", "anisotropy", "participation_ratio"]
    part, whole = (embstore.measure(X, metrics=names, sample=size) for size in (1600, 8000))
    # An estimate without bias of isotropic vectors: their dimension. The rows that decide are in
    # both, and what a fifth of the others tells is a hundredth of the rest.
    assert whole["participation_ratio_corrected"].value == pytest.approx(16, rel=0.1)
    for name in names:
        assert part[name].value == pytest.approx(whole[name].value, rel=0.01)
        assert part[name].std_error == pytest.approx(whole[name].std_error, rel=0.05)
    part, whole = (
        embstore.measure_pair(X, Y, metrics=["cka_debiased_next"], sample=size)
        for size in (1600, 8000)
    )
    found, expected = part["cka_debiased_next"], whole["cka_debiased_next"]
    assert found.value == pytest.approx(expected.value, rel=0.01)
    assert found.std_error == pytest.approx(expected.std_error, rel=0.05)
