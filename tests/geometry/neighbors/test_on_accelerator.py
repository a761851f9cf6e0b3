"""The search that a graphics card makes, here on torch's own CPU, which is named cpu:0."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from embstore.geometry.neighbors import on_accelerator, search
from embstore.geometry.neighbors.on_accelerator import candidates_torch, exact_distances_torch
from embstore.geometry.neighbors.search import count_within, nearest_neighbors
from tests.geometry.neighbors.test_search import EXAMPLES, pairs_within

EACH = pytest.mark.parametrize(
    "name", ["noise", "huge", "tiny", "near duplicates", "massive", "grid"]
)


@pytest.fixture(autouse=True)
def _several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one smaller."""
    monkeypatch.setattr(on_accelerator, "_BLOCK_PRODUCTS", 200_000)
    monkeypatch.setattr(on_accelerator, "_BLOCK_DIFFERENCES", 200_000)


@EACH
def test_neighbors_are_those_of_the_search_without_torch(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "EXACT_LIMIT", 100)
    X = EXAMPLES[name]
    found = nearest_neighbors(X, 20, device="cpu:0")
    assert found.method == "exact"
    expected = nearest_neighbors(X, 20, method="exact")
    # The same differences, summed in another order.
    np.testing.assert_allclose(found.distances[:, :20], expected.distances[:, :20], rtol=1e-14)


@EACH
@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_counts_are_those_of_all_pairs(name: str, factor: float) -> None:
    found = nearest_neighbors(EXAMPLES[name], 20, device="cpu:0")
    n = len(found.points)
    member = np.array([np.full(n, True), np.arange(n) % 3 > 0])
    radii = factor * np.median(found.distances[:, [9, 19]], axis=0) * np.array([[1.0], [1.1]])
    radii[1, 1] = np.nan
    counts = count_within(found, radii, member)
    np.testing.assert_array_equal(counts, pairs_within(found.points, radii, member))
    rows = np.flatnonzero(np.arange(n) % 5 > 0)
    np.testing.assert_array_equal(count_within(found, radii, member, rows), counts[:, rows])


@pytest.mark.parametrize("squared", [1, 2, 3, 9])
def test_a_point_at_the_radius_counts(squared: int) -> None:
    found = nearest_neighbors(EXAMPLES["grid"] + np.float32(1000), 20, device="cpu:0")
    radii = np.array([[np.sqrt(squared), np.nextafter(np.sqrt(squared), 0)]])
    member = np.full((1, len(found.points)), True)
    counts = count_within(found, radii, member)
    np.testing.assert_array_equal(counts, pairs_within(found.points, radii, member))
    assert (counts[..., 0] > counts[..., 1]).any()


def test_of_equally_near_points_the_first_come_first() -> None:
    X = EXAMPLES["grid"].astype(np.float64)
    candidates = np.tile(np.arange(1, 41, dtype=np.int32), (len(X), 1))
    shuffled = np.random.default_rng(0).permuted(candidates, axis=1)
    found, again = candidates.copy(), shuffled.copy()
    for each in (found, again):
        exact_distances_torch(X, each, np.empty(each.shape), "cpu")
    assert (shuffled != candidates).any()
    np.testing.assert_array_equal(again, found)


def test_a_device_without_float64_leaves_distances_and_counts_to_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X = EXAMPLES["noise"]
    expected = nearest_neighbors(X, 20)

    def on_the_cpu(points: NDArray[np.floating], m: int, _device: str) -> object:
        return candidates_torch(points, m, "cpu")

    monkeypatch.setattr(search, "candidates_torch", on_the_cpu)
    found = nearest_neighbors(X, 20, device="mps")
    np.testing.assert_array_equal(found.distances[:, :20], expected.distances[:, :20])
    radii = np.full((1, 1), float(np.median(expected.distances[:, -1])))
    member = np.full((1, len(X)), True)
    np.testing.assert_array_equal(
        count_within(found, radii, member), count_within(expected, radii, member)
    )


@pytest.mark.parametrize(
    ("switch", "faster", "exact"),
    [("allow_tf32", True, False), ("fp32_precision", "tf32", "ieee")],
)
def test_products_are_float32_and_the_switch_is_put_back(
    switch: str, faster: object, exact: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    matmul = torch.backends.cuda.matmul
    if not hasattr(matmul, switch):
        pytest.skip("this torch knows only the older switch")
    seen = []
    from_numpy = torch.from_numpy

    def looking(array: NDArray[np.float32]) -> torch.Tensor:
        # The older one can be read: the two agree, so a device's product does not fail.
        seen.append((getattr(matmul, switch), matmul.allow_tf32))
        return from_numpy(array)

    monkeypatch.setattr(torch, "from_numpy", looking)
    before = getattr(matmul, switch)
    setattr(matmul, switch, faster)
    try:
        candidates_torch(EXAMPLES["noise"], 20, "cpu")
        assert seen == [(exact, False)] * 2
        assert getattr(matmul, switch) == faster
    finally:
        setattr(matmul, switch, before)


def test_roots_are_those_of_numpy_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    squares = np.concatenate(
        [np.arange(1000.0), rng.uniform(0, 100, 100_000), 10.0 ** rng.uniform(-290, 290, 10_000)]
    )
    found = on_accelerator._roots(torch.from_numpy(squares)).numpy()
    np.testing.assert_array_equal(found, np.sqrt(squares))
