"""The time estimate: what it counts, and that a machine's pace is one."""

from dataclasses import replace

import pytest
import torch

from embstore.common.workers import n_workers
from embstore.ingestion.memory_estimate import Extent
from embstore.ingestion.time_estimate import Pace, estimate_seconds, probe_pace
from embstore.models.description import ModelSize

# One block of 64 dimensions, 12 d² weights.
SMALL = ModelSize(
    n_parameters=100_000, hidden_size=64, n_layers=(1,), widest=256, n_multiplied=12 * 64**2
)
EXTENT = Extent(n_windows=4, window=32, n_sample=100, n_scopes=1, pairs=False)
NO_GEOMETRY = Pace(linear=1.0, product=float("inf"))
NO_FORWARD = Pace(linear=float("inf"), product=1.0)


def test_the_forward_pass_counts_two_operations_per_weight_and_attention() -> None:
    linears = 2 * 12 * 64**2
    attention = 4 * 32 * 64
    assert estimate_seconds(SMALL, EXTENT, NO_GEOMETRY) == pytest.approx(
        1.3 * 128 * (linears + attention)
    )


def test_the_geometry_counts_search_sums_and_decompositions_of_each_state() -> None:
    search, sums, decompositions = 4 * 100**2 * 64, 2 * 128 * 64**2, 30 * 64**3
    one = search + 0.6 * (sums + decompositions)
    # Embedding, block, final norm.
    expected = 3 * one / n_workers()
    assert estimate_seconds(SMALL, EXTENT, NO_FORWARD) == pytest.approx(expected)
    three = estimate_seconds(SMALL, replace(EXTENT, n_scopes=3, pairs=True), NO_FORWARD)
    assert three == pytest.approx(3 * (search + 3 * (sums + decompositions)) / n_workers())


def test_the_forward_pass_grows_with_tokens_and_the_search_does_not() -> None:
    twice = replace(EXTENT, n_windows=8)
    assert estimate_seconds(SMALL, twice, NO_GEOMETRY) == pytest.approx(
        2 * estimate_seconds(SMALL, EXTENT, NO_GEOMETRY)
    )
    more = estimate_seconds(SMALL, twice, NO_FORWARD) - estimate_seconds(SMALL, EXTENT, NO_FORWARD)
    assert more == pytest.approx(3 * 0.6 * 2 * 128 * 64**2 / n_workers())


def test_a_machine_multiplies_between_a_million_and_a_quadrillion_times_a_second() -> None:
    pace = probe_pace(SMALL, torch.device("cpu"), torch.float32)
    assert 1e6 < pace.linear < 1e15
    assert 1e6 < pace.product < 1e15
