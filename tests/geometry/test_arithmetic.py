"""torch's arithmetic, on the CPU here, against the compiled one and against closed forms."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.linalg import LinAlgError  # type: ignore[attr-defined]

from embstore.common.float32 import all_of_float32
from embstore.geometry.arithmetic import choose, matrices_on_torch, tensors
from embstore.geometry.arithmetic.choose import HOST, arithmetic_of, make_ready, vectors_of
from embstore.geometry.arithmetic.on_host import OnHost
from embstore.geometry.arithmetic.on_torch import OnTorch
from embstore.geometry.arithmetic.protocol import Within
from embstore.geometry.cross_moments import CrossMoments, slopes_between
from embstore.geometry.largest_coordinates import LargestCoordinates
from embstore.geometry.moments import Moments

DEVICE = OnTorch(torch.device("cpu"))
RNG = np.random.default_rng(0)
ORDINARY = RNG.normal(size=(300, 12)) * np.arange(1, 13) ** -0.5 + 3.0
WITH_ZEROS = np.where(np.arange(300)[:, None] % 7 == 0, 0.0, ORDINARY)
CLOUDS: dict[str, NDArray[np.floating]] = {
    "float64": ORDINARY,
    "float32": ORDINARY.astype(np.float32),
    "a sink": np.concatenate([ORDINARY, 1e3 * ORDINARY[:1]]),
    "rows of zeros": WITH_ZEROS,
    "equal rows": np.repeat(ORDINARY[:1], 300, axis=0),
    "one row": ORDINARY[:1],
    "huge": ORDINARY * 1e200,
    "tiny": ORDINARY * 1e-200,
    "denormal": np.full((4, 3), 1e-45, dtype=np.float32),
}


@pytest.fixture(autouse=True)
def _several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one smaller."""
    monkeypatch.setattr(tensors, "BLOCK_VALUES", 1000)


EACH = pytest.mark.parametrize("X", CLOUDS.values(), ids=list(CLOUDS))


def rows_of(X: NDArray[np.floating]) -> NDArray[np.int64]:
    return np.flatnonzero(np.arange(len(X)) % 3 != 1)


def next_of(X: NDArray[np.floating]) -> NDArray[np.floating]:
    d = X.shape[1]
    turn = np.random.default_rng(1).normal(size=(d, d)) / d**0.5
    return np.asarray(X + 0.3 * (X @ turn), dtype=X.dtype)


def alike(found: Any, expected: Any, rel: float = 1e-12) -> None:
    """Equal up to the rounding of sums, in units of the largest entry."""
    expected = np.asarray(expected)
    largest = float(np.abs(np.nan_to_num(expected)).max(initial=0.0))
    np.testing.assert_allclose(found, expected, rtol=rel, atol=rel * largest, equal_nan=True)


def test_vectors_are_taken_where_they_are() -> None:
    state = torch.zeros((2, 3, 4), dtype=torch.bfloat16)
    assert isinstance(vectors_of(state), np.ndarray)
    assert arithmetic_of(vectors_of(state)) is HOST
    assert isinstance(arithmetic_of(state), OnTorch)
    assert vectors_of(state).shape == (6, 4)


@EACH
def test_rows_alone(X: NDArray[np.floating]) -> None:
    T = torch.from_numpy(X)
    alike(DEVICE.lengths(T), HOST.lengths(X))
    alike(DEVICE.peaks(T), np.abs(X).max(axis=1), 0.0)
    assert DEVICE.n_bad(T) == HOST.n_bad(X) == 0
    rows = rows_of(X)
    for arithmetic, vectors in ((DEVICE, T), (HOST, X)):
        out = np.empty((len(rows), X.shape[1]))
        arithmetic.take(vectors, rows, out)  # type: ignore[arg-type]
        assert (out == X[rows]).all()


@EACH
def test_groups_of_rows_have_means(X: NDArray[np.floating]) -> None:
    rows = rows_of(X)
    ends = np.unique([*range(1, len(rows), 7), len(rows)])
    found = DEVICE.means(torch.from_numpy(X), rows, ends)
    groups = np.split(rows, ends[:-1])
    expected = [X[group].astype(np.longdouble).mean(axis=0) for group in groups]
    eps = float(np.finfo(X.dtype).eps)
    assert isinstance(found, torch.Tensor)
    for means in (found.numpy(), HOST.means(X, rows, ends)):
        assert means.dtype == X.dtype
        alike(means, expected, 4 * eps)
    # One row is its own mean, to the last bit.
    alone = np.arange(1, len(rows) + 1)
    assert (HOST.means(X, rows, alone) == X[rows]).all()
    assert (DEVICE.means(torch.from_numpy(X), rows, alone) == torch.from_numpy(X[rows])).all()


@pytest.mark.parametrize("name", ["float64", "float32", "a sink", "rows of zeros", "equal rows"])
@pytest.mark.parametrize("what", ["cosine", "entropy", "curvature"])
def test_groups_of_rows_are_measured_alone(name: str, what: Within) -> None:
    X = CLOUDS[name]
    rows = rows_of(X) if what != "curvature" else np.arange(len(X))
    ends = np.unique([*range(1, len(rows), 11), len(rows)])
    found = DEVICE.within_groups(torch.from_numpy(X), rows, ends, what)
    # An angle is as precise as the root of its cosine's rounding, near 0° and 180°.
    near = 1e-6 if what == "curvature" else 1e-12
    expected = HOST.within_groups(X, rows, ends, what)
    np.testing.assert_allclose(found, expected, rtol=near, atol=near)
    assert np.isnan(found[0])


@EACH
def test_layers_are_at_angles(X: NDArray[np.floating]) -> None:
    layers = [X, next_of(X), X[:, :2], 3 * X]
    rows = rows_of(X)
    found = HOST.angles(layers, rows)
    there = DEVICE.angles([torch.from_numpy(layer) for layer in layers], rows)
    # An angle near none is as precise as the root of its cosine's rounding.
    np.testing.assert_allclose(there, found, rtol=1e-7, atol=1e-7)
    usable = rows[np.abs(X[rows]).max(axis=1) > 0]
    alone = HOST.angles(layers, usable)
    assert np.isnan(alone[:, 2, [0, 1, 3]]).all()
    np.testing.assert_allclose(alone[:, 0, 3], 0, atol=1e-6)
    cosines = HOST.compare(X, next_of(X), usable)[1]
    np.testing.assert_allclose(np.cos(alone[:, 0, 1]), cosines, atol=1e-9)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_counted(value: float) -> None:
    X = ORDINARY.copy()
    X[[3, 5], 1] = value
    assert DEVICE.n_bad(torch.from_numpy(X)) == HOST.n_bad(X) == 2
    assert not np.isfinite(DEVICE.lengths(torch.from_numpy(X))[[3, 5]]).any()


@EACH
def test_rows_are_summed_up(X: NDArray[np.floating]) -> None:
    rows = rows_of(X)
    found, expected = DEVICE.describe(torch.from_numpy(X), rows), HOST.describe(X, rows)
    for name in ("mean", "unit_sum", "unit_squares"):
        alike(getattr(found, name), getattr(expected, name))
    assert found.n_zero == expected.n_zero
    assert found.abs_max == expected.abs_max
    assert found.norm_max == pytest.approx(expected.norm_max, rel=1e-12)
    alike(found.mean, np.longdouble(X[rows]).mean(axis=0))


def test_equal_rows_have_exactly_their_own_mean() -> None:
    X = CLOUDS["equal rows"]
    assert (DEVICE.describe(torch.from_numpy(X), np.arange(len(X))).mean == X[0]).all()


@EACH
def test_two_layers_are_compared(X: NDArray[np.floating]) -> None:
    Y, rows = next_of(X), rows_of(X)
    found = DEVICE.compare(torch.from_numpy(X), torch.from_numpy(Y), rows)
    for one, other in zip(found, HOST.compare(X, Y, rows), strict=True):
        alike(one, other)


def test_a_layer_followed_by_itself_has_turned_nowhere() -> None:
    T = torch.from_numpy(WITH_ZEROS)
    ratios, cosines = DEVICE.compare(T, T, np.arange(300))
    zero = np.arange(300) % 7 == 0
    assert np.isnan(ratios[zero]).all()
    assert np.isnan(cosines[zero]).all()
    assert (ratios[~zero] == 0).all()
    alike(cosines[~zero], np.ones((~zero).sum()))


@pytest.mark.parametrize("name", ["float64", "float32", "a sink", "rows of zeros", "equal rows"])
@pytest.mark.parametrize("blocks", [1, 5])
def test_moments_of_either_kind_are_alike(name: str, blocks: int) -> None:
    X = CLOUDS[name]
    here, there = Moments.empty(X.shape[1]), Moments.empty(X.shape[1])
    for part in np.array_split(np.arange(len(X)), blocks):
        here.add(X, part)
        there.add(torch.from_numpy(X), part)
    before: object = there.scatter
    assert isinstance(before, torch.Tensor)
    there = there.whole()
    alike(there.scatter, here.scatter)
    alike(there.mean, here.mean)
    centred = np.longdouble(X) - np.longdouble(X).mean(axis=0)
    alike(there.scatter, centred.T @ centred)
    assert there.n == len(X)


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("width", [12, 7])
def test_joint_moments_of_either_kind_are_alike(single: bool, width: int) -> None:
    X = CLOUDS["float32"]
    Y = next_of(X)[:, :width].copy()
    both = torch.from_numpy(X), torch.from_numpy(Y)
    rows = rows_of(X)
    slopes = slopes_between(X, Y, rows)
    # Rounded to float32, where sums in another order may end half a unit apart.
    alike(slopes_between(*both, rows), slopes, 1e-7)
    here, there = (CrossMoments.empty(12, width, slopes) for _ in range(2))
    for part in np.array_split(rows, 3):
        here.add(X, Y, part, single=single)
        there.add(*both, part, single=single)
    there = there.on_host()
    alike(there.scatter, here.scatter, 1e-6 if single else 1e-12)
    alike(there.squares, here.squares)
    alike(there.mean_rest, here.mean_rest)
    exact = np.longdouble(X[rows]), np.longdouble(Y[rows])
    x, y = (Z - Z.mean(axis=0) for Z in exact)
    alike(there.joint((x.T @ x).astype(np.float64)), x.T @ y, 1e-6 if single else 1e-12)


def test_sums_that_find_no_room_beside_the_vectors_are_made_on_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(OnTorch, "room_for", lambda _self, _shape: None)
    X = CLOUDS["float64"]
    here, there = Moments.of(X), Moments.empty(12)
    cross_here, cross_there = CrossMoments.empty(12, 12), CrossMoments.empty(12, 12)
    cross_here.add(X, next_of(X))
    for part in np.array_split(np.arange(len(X)), 4):
        there.add(torch.from_numpy(X), part)
        cross_there.add(torch.from_numpy(X), torch.from_numpy(next_of(X)), part)
    assert type(there.scatter) is np.ndarray
    alike(there.scatter, here.scatter)
    alike(cross_there.scatter, cross_here.scatter)


def test_sums_follow_to_where_their_vectors_are() -> None:
    """As those of vectors that were kept on the host until they were many."""
    X = CLOUDS["float64"]
    Y = next_of(X)
    first, later = np.arange(100), np.arange(100, 300)
    for packed in (False, True):
        moments = Moments.empty(12, packed=packed)
        moments.add(X, first)
        moments.add(torch.from_numpy(X), later)
        there: object = moments.scatter
        assert isinstance(there, torch.Tensor)
        alike(moments.whole().scatter, Moments.of(X).scatter)
    cross, expected = CrossMoments.empty(12, 12), CrossMoments.empty(12, 12)
    cross.add(X, Y, first)
    cross.add(torch.from_numpy(X), torch.from_numpy(Y), later)
    expected.add(X, Y)
    joint: object = cross.scatter
    assert isinstance(joint, torch.Tensor)
    alike(cross.on_host().scatter, expected.scatter)


def test_sums_are_fetched_from_a_device_once(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = Moments.empty(12, packed=True)
    moments.add(torch.from_numpy(ORDINARY))
    first = moments.whole()
    monkeypatch.setattr(OnHost, "matrix", None)
    again = moments.whole()
    assert (again.scatter == first.scatter).all()
    assert again.scatter is not first.scatter


def test_what_a_devices_solver_gives_up_is_decomposed_on_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def give_up(_matrix: object) -> None:
        raise LinAlgError("failed to converge")

    for name in ("eigh", "eigvalsh"):
        monkeypatch.setattr(torch.linalg, name, give_up)
    matrix = np.cov(ORDINARY.T)
    values, vectors = matrices_on_torch.eigh(matrix, "cpu")
    alike(vectors * values @ vectors.T, matrix)
    alike(matrices_on_torch.eigvalsh(matrix, "cpu"), values)


def test_solvers_are_loaded_by_one_thread_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    inside = threading.Lock()

    def eigh(matrix: torch.Tensor) -> None:
        assert inside.acquire(blocking=False)
        time.sleep(0.02)
        calls.append(len(matrix))
        inside.release()

    monkeypatch.setattr(matrices_on_torch, "_loaded", set())
    monkeypatch.setattr(torch.linalg, "eigh", eigh)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make_ready, ["cpu:0"] * 4))
    make_ready("cpu")
    assert calls == [2]


def test_the_largest_coordinates_are_the_same_wherever_vectors_are() -> None:
    here, there = LargestCoordinates(), LargestCoordinates()
    for part in np.array_split(np.arange(len(WITH_ZEROS)), 3):
        here.add(WITH_ZEROS[part], part)
        there.add(torch.from_numpy(WITH_ZEROS[part]), part)
    for name in ("values", "tokens", "coordinates"):
        assert (getattr(here, name) == getattr(there, name)).all()


@pytest.mark.parametrize("name", [name for name in CLOUDS if name != "huge"])
def test_half_of_a_product_is_what_the_whole_has(name: str) -> None:
    X = CLOUDS[name]
    rows = rows_of(X)
    mean = X[rows].mean(axis=0, dtype=np.float64)
    centred = X[rows].astype(np.longdouble) - mean
    expected = (centred.T @ centred).astype(np.float64)
    whole = HOST.product(X, rows, mean).copy()
    alike(whole, expected)
    assert (whole == whole.T).all()
    T = torch.from_numpy(X)
    alike(DEVICE.product(T, rows, mean), expected)
    for half in (HOST.product(X, rows, mean, half=True), DEVICE.product(T, rows, mean, half=True)):
        alike(np.triu(half), np.triu(expected))


def test_a_covariance_is_decomposed_alike() -> None:
    matrix = np.cov(ORDINARY.T)
    values, vectors = matrices_on_torch.eigh(matrix, "cpu")
    alike(values, np.linalg.eigvalsh(matrix))
    alike(vectors @ np.diag(values) @ vectors.T, matrix)
    alike(matrices_on_torch.eigvalsh(matrix, "cpu"), np.linalg.eigvalsh(matrix))


@pytest.mark.parametrize("device", ["cpu", "mps", "mps:0"])
def test_a_device_without_float64_leaves_the_decomposition_to_the_cpu(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrices_on_torch, "eigh", None)
    monkeypatch.setattr(matrices_on_torch, "eigvalsh", None)
    matrix = np.cov(ORDINARY.T)
    assert (choose.eigh(matrix, device)[0] == np.linalg.eigh(matrix)[0]).all()
    assert (choose.eigvalsh(matrix, device) == np.linalg.eigvalsh(matrix)).all()


def test_the_precision_of_products_goes_back_when_the_last_thread_has_left() -> None:
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    matmul.allow_tf32 = True
    try:
        with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
            first.enter_context(all_of_float32())
            second.enter_context(all_of_float32())
            assert not matmul.allow_tf32
            first.close()
            assert not matmul.allow_tf32
        assert matmul.allow_tf32
    finally:
        matmul.allow_tf32 = before
