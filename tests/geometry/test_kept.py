"""What torch makes of kept vectors, on the CPU here, against the compiled and against float64."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from torch.utils._python_dispatch import TorchDispatchMode

from embstore.geometry.arithmetic import tensors
from embstore.geometry.arithmetic.factor import FactorOnHost, factor_of
from embstore.geometry.arithmetic.matrices_on_torch import FactorOnTorch
from embstore.geometry.kept.choose import kept_arithmetic_of, placed
from embstore.geometry.kept.on_host import KeptOnHost
from embstore.geometry.kept.on_torch import KeptOnTorch
from embstore.geometry.kept.protocol import KeptArithmetic, PairShift

if TYPE_CHECKING:
    from embstore.geometry.arithmetic.protocol import Vectors

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
N, D = 300, 12
X = (RNG.normal(size=(N, D)) * np.arange(1, D + 1) ** -0.5 + 3.0).astype(np.float32)
X[7] *= 1e3
Y = (X + RNG.normal(size=(N, D))).astype(np.float32)
MEAN = X.astype(np.float64).mean(axis=0)
CELLS = np.where(np.arange(N) % 11 == 0, -1, np.arange(N) // 40)
# float32 has 24 bits; sums of a dozen products lose two of them.
CLOSE = 3e-7

HOST, DEVICE = KeptOnHost(), KeptOnTorch(torch.device("cpu"))


@pytest.fixture(autouse=True)
def _several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one smaller."""
    monkeypatch.setattr(tensors, "BLOCK_VALUES", 1000)


def alike(found: object, expected: NDArray[np.floating], rel: float = CLOSE) -> None:
    """Equal within rounding, in units of the largest entry."""
    array = found.numpy() if isinstance(found, torch.Tensor) else found
    atol = rel * float(np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(array, expected, rtol=rel, atol=atol)  # type: ignore[call-overload]


def both(Z: NDArray[np.float32]) -> tuple[NDArray[np.float32], torch.Tensor]:
    return Z.copy(), torch.from_numpy(Z.copy())


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_without_float64_vectors_stay_where_they_are(device: str) -> None:
    assert placed(X, device) is X
    assert isinstance(kept_arithmetic_of(X), KeptOnHost)


def test_vectors_on_a_device_are_multiplied_there() -> None:
    there = placed(X, "cpu:0")
    assert isinstance(there, torch.Tensor)
    assert isinstance(kept_arithmetic_of(there), KeptOnTorch)


def test_rows_are_centred_in_float64_and_rounded_at_the_end() -> None:
    expected = ((X.astype(np.float64) - MEAN) * 0.7).astype(np.float32)
    np.testing.assert_array_equal(HOST.centred(X, MEAN, 0.7, "x"), expected)
    np.testing.assert_array_equal(DEVICE.centred(torch.from_numpy(X), MEAN, 0.7, "x"), expected)


@pytest.mark.parametrize("width", [D, 7])
def test_what_is_left_of_the_next_layer(width: int) -> None:
    to, slopes = Y[:, :width].copy(), np.linspace(0.5, 1.5, width)
    mean = to.astype(np.float64).mean(axis=0)
    carried = slopes * X.astype(np.float64) if width == D else 0.0
    expected = ((to.astype(np.float64) - carried) - mean) * 0.3
    here = HOST.rest(X, to, slopes, mean, 0.3, "rest")
    pair = torch.from_numpy(X), torch.from_numpy(to)
    there = DEVICE.rest(*pair, slopes, mean, 0.3, "rest")
    assert there.dtype == torch.float32
    alike(here, expected)
    alike(there, expected)


def test_products_with_a_matrix_a_vector_and_another_row() -> None:
    matrix = RNG.normal(size=(D, 5))
    here, there = both(X)
    expected = X.astype(np.float64) @ matrix
    alike(HOST.times(here, matrix, "p"), expected)
    alike(DEVICE.times(there, matrix, "p"), expected)
    for columns in (matrix, matrix[:, 0], matrix[:, :0]):
        alike(HOST.along(here, columns), X.astype(np.float64) @ columns)
        alike(DEVICE.along(there, columns), X.astype(np.float64) @ columns)
    products = (X.astype(np.float64) * Y.astype(np.float64)).sum(axis=1)
    alike(DEVICE.row_products(there, torch.from_numpy(Y)), products, 1e-14)
    alike(HOST.row_products(here, Y), products, 1e-14)
    lengths = np.linalg.norm(X.astype(np.float64), axis=1)
    alike(DEVICE.lengths(there), lengths, 1e-14)
    alike(HOST.lengths(here), lengths, 1e-14)


@pytest.mark.parametrize("added", [0.0, 2.5])
def test_squares_are_summed_by_cell(added: float) -> None:
    more = np.full(D, added)
    expected = np.zeros((8, D))
    for i, cell in enumerate(CELLS):
        if cell >= 0:
            expected[cell] += (X[i].astype(np.float64) + added) ** 2
    here, there = both(X)
    alike(HOST.square_sums(here, more, CELLS, 8), expected)
    alike(DEVICE.square_sums(there, more, CELLS, 8), expected, 1e-14)


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes how many values the largest tensor has that is made."""

    n = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        found = func(*args, **(kwargs or {}))
        if isinstance(found, torch.Tensor):
            self.n = max(self.n, found.numel())
        return found


def test_many_cells_take_no_more_room_than_the_vectors() -> None:
    """As where windows are short texts, of which there are more than dimensions."""
    cells, n_cells = np.arange(N) % 200, 200
    expected = np.zeros((n_cells, D))
    np.add.at(expected, cells, X.astype(np.float64) ** 2)
    with Largest() as largest:  # type: ignore[no-untyped-call]
        found = DEVICE.square_sums(torch.from_numpy(X), np.zeros(D), cells, n_cells)
    alike(found, expected, 1e-14)
    assert largest.n <= N * D


@pytest.mark.parametrize("k", [0, 3])
def test_terms_of_a_pair(k: int) -> None:
    mapped, turned = (RNG.normal(size=(N, D)).astype(np.float32) for _ in range(2))
    vectors = [RNG.normal(size=D) for _ in range(5)]
    shift = PairShift(
        x=vectors[0],
        rest=vectors[1],
        slopes=vectors[2],
        unit=1.7,
        leverage=RNG.normal(size=(N, k)).astype(np.float32),
        change=RNG.normal(size=(k, D)),
        fixed=vectors[3],
        turned=vectors[4],
    )
    x = (X.astype(np.float64) + shift.x) * shift.unit
    left = Y.astype(np.float64) + shift.rest
    y = left + shift.slopes * x
    missed = left - mapped - shift.leverage @ shift.change - shift.fixed
    expected = np.stack(
        [
            np.square(y).sum(axis=1),
            np.square(missed).sum(axis=1),
            (y * (turned + shift.turned)).sum(axis=1),
            np.square(y - x).sum(axis=1),
        ],
        axis=1,
    )
    there = [torch.from_numpy(array) for array in (X, Y, mapped, turned)]
    for found in (
        HOST.pair_terms(X, Y, mapped, turned, shift),
        DEVICE.pair_terms(there[0], there[1], there[2], there[3], shift),
    ):
        for one, other in zip(found.T, expected.T, strict=True):
            alike(one, other)


def test_products_of_all_pairs_within_neighbourhoods_and_groups() -> None:
    Z = (X.astype(np.float64) * np.arange(1, N + 1)[:, np.newaxis] ** 0.2).astype(np.float32)
    Z[11], Z[13] = 0.0, Z[12]
    there = torch.from_numpy(Z)
    double = Z.astype(np.float64)
    norms = np.linalg.norm(double, axis=1)
    U = double / np.where(norms > 0, norms, 1.0)[:, np.newaxis]
    windows = np.arange(N) // 7
    near = np.exp(-2 * cdist(U, U, "sqeuclidean"))
    near[windows[:, np.newaxis] == windows] = 0.0
    near[11] = near[:, 11] = 0.0
    rows = RNG.permutation(N)[:90]
    origins, neighbors = RNG.integers(0, N, size=50), RNG.integers(0, N, size=(50, 6))
    away = double[neighbors] - double[origins, np.newaxis]
    away /= np.abs(away).max(axis=(1, 2), keepdims=True)
    groups = RNG.integers(0, N, size=(9, 5))
    from_mean = double[groups] - MEAN
    places: tuple[tuple[KeptArithmetic[Any, Any], Vectors], ...] = ((HOST, Z), (DEVICE, there))
    for kept, vectors in places:
        alike(kept.squared_cosines(vectors, norms), np.square(U @ U.T).sum(axis=1), 1e-12)
        few = kept.squared_cosines(vectors[:8], norms[:8])
        alike(few, np.square(U[:8] @ U[:8].T).sum(axis=1), 1e-12)
        sums = kept.gaussian_sums(vectors, norms, windows, t=2.0)
        alike(sums, near.sum(axis=1), 1e-12)
        alike(kept.pair_distances(vectors, rows), cdist(double[rows], double[rows]), 1e-13)
        # By a power of two, which rounds nothing; their squares leave float32's range.
        far = vectors * 2.0**100
        alike(kept.pair_distances(far, rows), cdist(double[rows], double[rows]) * 2.0**100, 1e-13)
        found = [products for _, products in kept.inner_products(vectors, origins, neighbors)]
        alike(np.concatenate(found), away @ away.transpose(0, 2, 1), 1e-13)
        products = kept.group_products(vectors, groups, MEAN)
        alike(products, from_mean @ from_mean.transpose(0, 2, 1), 1e-13)


@pytest.mark.parametrize("d", [1, 5, 200])
def test_factors_solve_as_numpy_does(d: int) -> None:
    A = RNG.normal(size=(2 * d + 3, d))
    matrix, right = A.T @ A, RNG.normal(size=(d, 4))
    here, there = factor_of(matrix), factor_of(matrix, "cpu:0")
    assert isinstance(here, FactorOnHost)
    assert isinstance(there, FactorOnTorch)
    lower = np.linalg.cholesky(matrix)
    for factor in (here, there):
        assert factor.least_pivot == pytest.approx(np.diag(lower).min(), rel=1e-10)
        alike(factor.solve(right), np.linalg.solve(lower, right), 1e-9)
        alike(factor.solve_transposed(right[:, ::2]), np.linalg.solve(lower.T, right[:, ::2]), 1e-9)


def test_what_has_no_factor_has_none_anywhere() -> None:
    matrix = np.diag([1.0, -1.0])
    assert factor_of(matrix) is factor_of(matrix, "cpu:0") is factor_of(matrix, "mps") is None
