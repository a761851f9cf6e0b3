"""embstore against other people's answers: recorded ones, and ones worked out anew."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from embstore.checkpoints.locate import locate
from embstore.demo import MODELS, TEXT, packaged
from embstore.geometry.moments import Moments
from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.inputs.corpus import open_corpus
from embstore.inputs.text_windows import draw_windows
from embstore.measuring.evaluate import curve_point
from embstore.measuring.graphs import graph_of
from embstore.metrics.gride import gride_score
from embstore.metrics.neighbor_ratios import log_ratios
from embstore.metrics.of_one_layer.anisotropy import anisotropy
from embstore.metrics.of_one_layer.twonn import twonn
from embstore.models.hidden_states import hidden_batches
from embstore.models.loaded import load_tokenizer
from embstore.types import LayerKey
from tests import manifolds, tiny_models

# Written by benchmarks/dadapy_answers.py.
DADAPY = json.loads(Path(__file__).with_name("data").joinpath("dadapy.json").read_text())


@pytest.fixture(scope="module")
def minilm_layer() -> NDArray[np.float32]:
    """Block 3 of 6 of all-MiniLM-L6-v2 on 1,024 tokens of Wikipedia, (1024, 384)."""
    located = locate(str(packaged(MODELS[1])))
    with open_corpus(packaged(TEXT)) as text:
        windows = draw_windows(text, load_tokenizer(located), tokens=1024, window=128, seed=0)
    model = tiny_models.load(packaged(MODELS[1]))
    batches = hidden_batches(model, windows, batch_size=8)
    states = [batch.states[LayerKey("encoder", 3, "block")].numpy() for batch in batches]
    return np.concatenate(states).reshape(1024, -1)


@pytest.mark.parametrize("name", DADAPY["clouds"])
def test_twonn_equals_dadapy(name: str) -> None:
    recorded = DADAPY["clouds"][name]
    X = _cloud(recorded)
    # A changed recipe is no error of the estimate; rounding leaves 1e-12.
    assert np.square(X).sum(axis=1).mean() == pytest.approx(
        recorded["mean_squared_norm"], rel=1e-12
    )
    answer = recorded["twonn"]
    found = nearest_neighbors(X, 2).distances
    # Its distances come from norms and products and its slope from an iterative fit;
    # both stop near 1e-8.
    assert twonn(found, discard=1 - answer["mu_fraction"]) == pytest.approx(
        answer["dimension"], rel=1e-7
    )
    assert found[:, :2].mean() == pytest.approx(answer["mean_distance"], rel=1e-9)


@pytest.mark.parametrize("name", DADAPY["clouds"])
def test_the_scale_curve_equals_dadapy(name: str) -> None:
    recorded = DADAPY["clouds"][name]
    X = _cloud(recorded)
    graph = graph_of(nearest_neighbors(X, 64), np.arange(len(X)))
    for answer in recorded["gride"]:
        point = curve_point(LayerKey("decoder", 1, "block"), "all", graph, answer["n"])
        # To be unbiased at n = 1 the peer puts N - 1 for N into N/d + … = 0, the equation
        # of the maximum, so at its answer embstore's sum is 1/d. It solves to some 3e-7 d,
        # which N terms make 3e-4.
        x = log_ratios(graph.distances, rank=answer["n"])
        scores, _ = gride_score(x, answer["n"], answer["dimension"])
        assert scores.sum() * answer["dimension"] == pytest.approx(1, abs=5e-4)
        assert point.dimension == pytest.approx(answer["dimension"], rel=1.1 / len(X))
        assert point.mean_distance == pytest.approx(answer["mean_distance"], rel=1e-9)
        # Its error is the likelihood's, for independent ratios from a uniform density;
        # embstore's is the spread of the scores themselves, which overlap at larger ranks.
        if answer["n"] == 1:
            assert point.std_error == pytest.approx(answer["std_error"], rel=0.15)


@pytest.mark.models
def test_anisotropy_of_a_real_layer_equals_its_singular_values(
    minilm_layer: NDArray[np.float32],
) -> None:
    X = torch.from_numpy(minilm_layer).double()
    squares = torch.linalg.svdvals(X - X.mean(dim=0)).square()
    # Both in float64, one through the covariance: d rounding errors at most.
    assert anisotropy(Moments.of(minilm_layer).eigenvalues()) == pytest.approx(
        float(squares[0] / squares.sum()), rel=384 * np.finfo(np.float64).eps
    )


@pytest.mark.models
def test_twonn_of_a_real_layer_equals_all_pairs_and_least_squares(
    minilm_layer: NDArray[np.float32],
) -> None:
    X = torch.from_numpy(minilm_layer).double()
    pairs = torch.cdist(X, X, compute_mode="donot_use_mm_for_euclid_dist")
    r = pairs.fill_diagonal_(torch.inf).sort(dim=1).values[:, :2].numpy()
    found = nearest_neighbors(minilm_layer, 2)
    assert found.n_duplicates == 0  # or r₁ = 0 above
    # Both from float64 differences of 384 coordinates, summed in another order.
    np.testing.assert_allclose(found.distances[:, :2], r, rtol=1e-13)
    n = len(r)
    kept = n * 9 // 10
    logs = np.sort(np.log(r[:, 1] / r[:, 0]))[:kept]
    empirical = np.arange(1, kept + 1) / n
    slope = np.linalg.lstsq(logs[:, None], -np.log(1 - empirical))[0][0]
    # A ratio close to 1 loses digits to its logarithm, the sums of 921 terms few more.
    assert twonn(found.distances) == pytest.approx(slope, rel=1e-11)


def _cloud(recorded: Mapping[str, object]) -> NDArray[np.float64]:
    function, arguments = recorded["function"], recorded["arguments"]
    assert isinstance(function, str)
    cloud: NDArray[np.float64] = getattr(manifolds, function)(**arguments)  # type: ignore[arg-type]
    return cloud
