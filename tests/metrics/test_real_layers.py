"""The traps as they are: every kind of layer of SmolLM2, against float64 on whole arrays.

Layer 0 is full of duplicates, blocks 12 to 28 have tokens of 30 to 170 times the usual norm.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from embstore.checkpoints.locate import locate
from embstore.choices import Scope
from embstore.demo import MODELS, TEXT, packaged
from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.inputs.corpus import open_corpus
from embstore.inputs.text_windows import draw_windows
from embstore.inputs.windows import Windows
from embstore.measuring.checkpoint import Choice, measure_batches
from embstore.metrics.registry import N_NEIGHBORS
from embstore.metrics.selection import Selection
from embstore.models.hidden_states import HiddenBatch, hidden_batches
from embstore.models.loaded import load_tokenizer
from embstore.types import LayerKey, Measured
from tests import tiny_models

pytestmark = pytest.mark.models

MASSIVE = (12, 16, 20, 24, 28)
LAYERS = (0, 1, 6, *MASSIVE, 29, 30)
D = 576


@pytest.fixture(scope="module")
def windows() -> Windows:
    with open_corpus(packaged(TEXT)) as text:
        tokenizer = load_tokenizer(locate(str(packaged(MODELS[0]))))
        return draw_windows(text, tokenizer, tokens=1024, window=256, seed=0)


@pytest.fixture(scope="module")
def batches(windows: Windows) -> list[HiddenBatch]:
    model = tiny_models.load(packaged(MODELS[0]))
    return list(hidden_batches(model, windows, batch_size=2))


@pytest.fixture(scope="module")
def layers(batches: list[HiddenBatch]) -> dict[int, NDArray[np.float32]]:
    """By layer, before the final norm, (1024, 576)."""
    keys = [key for key in batches[0].states if key.site != "final_norm"]
    parts = {key.layer: [batch.states[key].numpy() for batch in batches] for key in keys}
    return {layer: np.concatenate(found).reshape(-1, D) for layer, found in parts.items()}


def some_layers(batches: list[HiddenBatch], wanted: Iterable[int]) -> list[HiddenBatch]:
    """Only some layers, before the final norm: measuring all of them takes minutes."""
    return [
        replace(
            batch,
            states={
                key: states
                for key, states in batch.states.items()
                if key.layer in wanted and key.site != "final_norm"
            },
        )
        for batch in batches
    ]


@pytest.fixture(scope="module")
def measured(batches: list[HiddenBatch]) -> Measured:
    names = ["anisotropy", "participation_ratio", "effective_rank", "mean_cosine"]
    names += ["linearity_next", "linearity_residual_next"]
    wanted = {layer + step for layer in LAYERS for step in (0, 1)}
    choice = Choice(("all", "no_sinks"), Selection(tuple(names)))
    return measure_batches(some_layers(batches, wanted), np.arange(1024), choice)


def number(measured: Measured, layer: int, metric: str, scope: Scope = "all") -> float:
    (value,) = (
        m.value
        for m in measured.measurements
        if (m.key.layer, m.metric, m.scope) == (layer, metric, scope) and m.key.site != "final_norm"
    )
    assert value is not None
    return value


def test_the_layers_are_those_that_are_hard(layers: dict[int, NDArray[np.float32]]) -> None:
    assert len(np.unique(layers[0], axis=0)) < 0.6 * len(layers[0])
    for layer in MASSIVE:
        norms = np.linalg.norm(layers[layer], axis=1)
        assert norms.max() > 20 * np.median(norms)


@pytest.mark.parametrize("layer", LAYERS)
def test_distances_are_those_of_brute_force(
    layers: dict[int, NDArray[np.float32]], layer: int
) -> None:
    found = nearest_neighbors(layers[layer], N_NEIGHBORS)
    points = np.unique(layers[layer], axis=0).astype(np.float64)
    assert len(found.points) == len(points)
    expected = np.sort(cdist(found.points.astype(np.float64), points), axis=1)[:, 1:65]
    # Differences of 576 float64 coordinates, summed in another order.
    np.testing.assert_allclose(found.distances[:, :64], expected, rtol=1e-13)


@pytest.mark.parametrize("layer", LAYERS)
def test_spectrum_metrics_are_those_of_singular_values(
    layers: dict[int, NDArray[np.float32]], measured: Measured, layer: int
) -> None:
    X = torch.from_numpy(layers[layer]).double()
    sigma = torch.linalg.svdvals(X - X.mean(dim=0)).numpy()
    shares = sigma**2 / np.square(sigma).sum()
    q = sigma / sigma.sum()
    # One decomposes the matrix, the other its square: small directions lose digits.
    assert number(measured, layer, "anisotropy") == pytest.approx(shares[0], rel=1e-12)
    participation = number(measured, layer, "participation_ratio")
    assert participation == pytest.approx(1 / np.square(shares).sum(), rel=1e-12)
    rank = float(np.exp(-np.sum(q * np.log(q))))
    assert number(measured, layer, "effective_rank") == pytest.approx(rank, rel=1e-8)


@pytest.mark.parametrize("layer", LAYERS)
def test_mean_cosine_is_that_of_all_pairs(
    layers: dict[int, NDArray[np.float32]], measured: Measured, layer: int
) -> None:
    X = layers[layer].astype(np.float64)
    U = X / np.linalg.norm(X, axis=1, keepdims=True)
    pairs = (U @ U.T)[np.triu_indices(len(U), k=1)]
    assert number(measured, layer, "mean_cosine") == pytest.approx(pairs.mean(), abs=1e-12)


@pytest.mark.parametrize("layer", LAYERS[:-1])
def test_linearity_is_that_of_least_squares(
    layers: dict[int, NDArray[np.float32]], measured: Measured, layer: int
) -> None:
    X, Y = (layers[i].astype(np.float64) for i in (layer, layer + 1))
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    rest = float(np.square(Y - X @ np.linalg.lstsq(X, Y)[0]).sum())
    # Joint moments of ordinary tokens are products in float32, good to 1e-7.
    linearity = 1 - rest / float(np.square(Y).sum())
    assert number(measured, layer, "linearity_next") == pytest.approx(linearity, abs=1e-6)
    added = 1 - rest / float(np.square(Y - X).sum())
    assert number(measured, layer, "linearity_residual_next") == pytest.approx(added, abs=1e-6)


def test_sinks_make_the_bell(measured: Measured) -> None:
    for layer in MASSIVE:
        assert number(measured, layer, "anisotropy") > 0.9
        assert number(measured, layer, "anisotropy", "no_sinks") < 0.2


def test_one_broken_layer_leaves_the_others_as_they_were(batches: list[HiddenBatch]) -> None:
    """Float16 ends at 65,504: a state beyond is infinite there."""
    key = LayerKey("decoder", 16, "block")
    some = some_layers(batches, range(14, 19))
    broken = [
        replace(batch, states=batch.states | {key: (batch.states[key] * 4).half()})
        for batch in some
    ]
    expected, found = (measure_batches(states, np.arange(1024)) for states in (some, broken))
    before = {(m.key, m.scope, m.metric): m.value for m in expected.measurements}
    assert len(found.measurements) == len(before)
    for m in found.measurements:
        if m.key == key or (m.key.layer == 15 and "next" in m.metric):
            assert m.value is None
            assert "NaN or infinite" in (m.reason or "")
        elif m.metric == "angular_distance_next":
            # All layers are multiplied at once, and here they are fewer.
            assert m.value == pytest.approx(before[m.key, m.scope, m.metric], rel=1e-12)
        elif m.metric not in ("update_ratio", "adjacent_cosine") or m.key.layer != 15:
            assert m.value == before[m.key, m.scope, m.metric], m
