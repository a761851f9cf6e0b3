"""The search whose products a graphics card computes, here on torch's own CPU."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from embstore.geometry.neighbors import on_accelerator, search
from embstore.geometry.neighbors.candidates import Candidates
from embstore.geometry.neighbors.on_accelerator import candidates_torch
from embstore.geometry.neighbors.search import nearest_neighbors
from tests.geometry.neighbors.test_search import EXAMPLES


@pytest.mark.parametrize("name", ["noise", "huge", "near duplicates", "massive", "grid"])
def test_neighbors_are_those_of_the_search_without_torch(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def on_the_cpu(points: NDArray[np.floating], m: int, device: str) -> Candidates:
        asked.append(device)
        return candidates_torch(points, m, "cpu")

    monkeypatch.setattr(search, "candidates_torch", on_the_cpu)
    # Several blocks, the last one smaller.
    monkeypatch.setattr(on_accelerator, "_BLOCK_VALUES", 200_000)
    monkeypatch.setattr(search, "EXACT_LIMIT", 100)
    X = EXAMPLES[name]
    found = nearest_neighbors(X, 20, device="cuda:0")
    assert asked == ["cuda:0"]
    assert found.method == "exact"
    expected = nearest_neighbors(X, 20, method="exact")
    # The same differences, summed in the same order.
    np.testing.assert_array_equal(found.distances[:, :20], expected.distances[:, :20])


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
