"""Metrics of two layers to a millionth of float64 least squares, however layers are shaped."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from embstore.measuring.checkpoint import Choice, measure_batches
from embstore.models.hidden_states import HiddenBatch
from embstore.types import LayerKey

if TYPE_CHECKING:
    from embstore.choices import Scope

KEYS = (LayerKey("decoder", 1, "block"), LayerKey("decoder", 2, "block"))
WINDOW, D = 40, 16
Vectors = NDArray[np.float64]
Layers = tuple[Vectors, Vectors]


def usual(n: int, rng: np.random.Generator) -> Vectors:
    return rng.normal(size=(n, D)) * rng.uniform(0.3, 3, size=D) + 1.0


def update(X: Vectors, rng: np.random.Generator) -> Vectors:
    """Half of it linear in x, half noise, each coordinate about as large as the others."""
    linear = X / np.abs(X).max(axis=0) @ rng.normal(size=(D, D))
    return np.asarray(0.3 * rng.normal(size=X.shape) + 0.3 * linear)


def small_update(size: float, offset: float = 0.0) -> Callable[[int], Layers]:
    def made(n: int) -> Layers:
        rng = np.random.default_rng(1)
        X = usual(n, rng) + offset
        return X, X + size * update(X, rng)

    return made


def tower(height: float, what: str) -> Callable[[int], Layers]:
    """One ordinary coordinate is ``height`` times the others."""

    def made(n: int) -> Layers:
        rng = np.random.default_rng(2)
        X = usual(n, rng)
        added = update(X, rng)
        if what == "written":
            Y = X + added
            Y[:, 3] *= height
            return X, Y
        X[:, 3] *= height
        Y = X + added
        if what == "erased":
            Y[:, 3] = added[:, 3]
        elif what == "shrunk":
            Y[:, 3] -= 0.3 * X[:, 3]
        return X, Y

    return made


def sinks(length: float) -> Callable[[int], Layers]:
    """The first token of each window is so many times as long, and one more in every fourth."""

    def made(n: int) -> Layers:
        rng = np.random.default_rng(3)
        X = usual(n, rng)
        X[::WINDOW] *= length
        X[7 :: 4 * WINDOW] *= length
        return X, X + 0.1 * (X @ rng.normal(size=(D, D)) / 4 + rng.normal(size=X.shape))

    return made


def other(what: str) -> Callable[[int], Layers]:
    def made(n: int) -> Layers:
        rng = np.random.default_rng(4)
        X = usual(n, rng)
        if what == "copied":
            X[:, 3] = X[:, 5]
        elif what == "silent":
            X[:, 3] = 7.0
        elif what == "flat":
            X = rng.normal(size=(n, 4)) @ rng.normal(size=(4, D))
        elif what == "along one line":
            X = 0.02 * X + rng.normal(size=(n, 1))
        elif what == "heavy tails":
            X = rng.standard_t(2, size=(n, D))
        Y = X + 0.1 * (X @ rng.normal(size=(D, D)) / 4 + rng.normal(size=X.shape))
        factors = {"much shorter": 1e-3, "much longer": 1e3, "turned round": -1.0}
        return X, Y * factors.get(what, 1.0)

    return made


CASES: dict[str, Callable[[int], Layers]] = {
    **{
        f"tower of {height:g}, {what}": tower(height, what)
        for height in (1e2, 1e4, 1e5)
        for what in ("kept", "shrunk", "erased", "written")
    },
    **{f"update of {size:g}": small_update(size) for size in (1e-2, 1e-4, 1e-5)},
    "small update far from the origin": small_update(1e-3, offset=100.0),
    **{f"sinks of {length:g}": sinks(length) for length in (30.0, 3000.0)},
    **{
        what: other(what)
        for what in (
            *("copied", "silent", "flat", "along one line", "heavy tails"),
            *("much shorter", "much longer", "turned round"),
        )
    },
}


def least_squares(X: Vectors, Y: Vectors) -> dict[str, float]:
    """The three metrics from whole arrays, NumPy alone."""
    D = Y - X
    D, X, Y = D - D.mean(axis=0), X - X.mean(axis=0), Y - Y.mean(axis=0)
    spread = X.std(axis=0)
    usable = spread > 1e-12 * spread.max()
    # Directions that rounding to float32 made count for neither.
    scaled = np.where(usable, X / np.where(usable, spread, 1.0), 0.0)
    rest = np.square(D - scaled @ np.linalg.lstsq(scaled, D, rcond=3e-5)[0]).sum()
    joint = np.square(X.T @ Y).sum()
    return {
        "linearity_next": float(1 - rest / np.square(Y).sum()),
        "linearity_residual_next": float(1 - rest / np.square(D).sum()),
        "cka_next": float(joint / np.linalg.norm(X.T @ X) / np.linalg.norm(Y.T @ Y)),
    }


# Below D/2 windows their first tokens are added to what all scopes share; from there on every
# scope is computed from sums of its own.
@pytest.mark.slow
@pytest.mark.parametrize("n_windows", [6, 12])
@pytest.mark.parametrize("case", CASES)
def test_two_layers_are_those_of_float64(case: str, n_windows: int) -> None:
    n = n_windows * WINDOW
    X, Y = (Z.astype(np.float32) for Z in CASES[case](n))
    shape = (n_windows, WINDOW, D)
    batches = [
        HiddenBatch(
            start=start,
            states={
                key: torch.from_numpy(Z.reshape(shape)[start : start + 2])
                for key, Z in zip(KEYS, (X, Y), strict=True)
            },
            mask=np.ones((2, WINDOW), dtype=bool),
            ids={"decoder": np.zeros((2, WINDOW), dtype=np.int64)},
            seconds=0.0,
        )
        for start in range(0, n_windows, 2)
    ]
    scopes: tuple[Scope, ...] = ("all", "no_first")
    # The sample does not move these numbers: a few tokens keep the search short.
    found = measure_batches(iter(batches), np.arange(0, n, 8), Choice(scopes=scopes))
    numbers = {(m.scope, m.metric): m for m in found.measurements if m.key == KEYS[0]}
    later = np.arange(n) % WINDOW > 0
    for scope, of in zip(scopes, (later | True, later), strict=True):
        for name, expected in least_squares(X[of].astype(float), Y[of].astype(float)).items():
            measurement = numbers[scope, name]
            assert measurement.n == of.sum()
            assert measurement.value == pytest.approx(expected, abs=1e-6), (scope, name)
            # So near to one, an error would be less than what single products round.
            if expected < 0.999:
                assert measurement.std_error is not None
                assert np.isfinite(measurement.std_error)


def test_a_constant_added_is_nothing_added() -> None:
    """Only its rounding to float32 varies, which a fit must not be asked about."""
    X = usual(240, np.random.default_rng(5)).astype(np.float32)
    Y = X + np.linspace(-3, 3, D, dtype=np.float32)
    states = {k: torch.from_numpy(Z.reshape(6, 40, D)) for k, Z in zip(KEYS, (X, Y), strict=True)}
    mask = np.ones((6, 40), dtype=bool)
    batch = HiddenBatch(0, states, mask, {"decoder": np.zeros((6, 40), dtype=np.int64)}, 0.0)
    found = measure_batches(iter([batch]), np.arange(240), Choice(scopes=("all",)))
    numbers = {m.metric: m for m in found.measurements if m.key == KEYS[0]}
    assert numbers["linearity_residual_next"].value is None
    assert (
        numbers["linearity_residual_next"].reason == "the next layer does not vary, or adds nothing"
    )
    assert numbers["linearity_next"].value == pytest.approx(1.0, abs=1e-12)
