"""Populations of token vectors whose windows are independent draws, for coverage."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from embstore.types import FloatArray

# One layer's vectors, (windows, window, d), from a generator and that shape.
Draw = Callable[[np.random.Generator, tuple[int, int, int]], FloatArray]

# How far windows differ: in scale, and in the share of the variance that their means have.
WINDOW_EFFECT = 0.05
SINK_LENGTH = 100.0


def _spread(d: int) -> FloatArray:
    """A power law of standard deviations, as of hidden states, and nothing near zero."""
    return np.asarray(np.arange(1, d + 1) ** -0.5)


def _placed(noise: FloatArray) -> FloatArray:
    """Give noise of variance one the spread of a layer, and a mean."""
    centre = np.zeros(noise.shape[-1])
    centre[:2] = 1.0, -0.5
    return np.asarray(noise * _spread(noise.shape[-1]) + centre)


def _iid(rng: np.random.Generator, shape: tuple[int, int, int]) -> FloatArray:
    return _placed(rng.normal(size=shape))


def _autoregressive(share: float) -> Draw:
    """Tokens that keep a share of the one before."""

    def draw(rng: np.random.Generator, shape: tuple[int, int, int]) -> FloatArray:
        noise = rng.normal(size=shape)
        for t in range(1, shape[1]):
            noise[:, t] *= np.sqrt(1 - share**2)
            noise[:, t] += share * noise[:, t - 1]
        return _placed(noise)

    return draw


def _window_effects(rng: np.random.Generator, shape: tuple[int, int, int]) -> FloatArray:
    """Windows with a mean of their own, 5 % of the variance, and scales 5 % apart."""
    means = WINDOW_EFFECT**0.5 * rng.normal(size=(shape[0], 1, shape[2]))
    noise = (1 - WINDOW_EFFECT) ** 0.5 * rng.normal(size=shape)
    return _placed(means + noise * np.exp(WINDOW_EFFECT * rng.normal(size=(shape[0], 1, 1))))


def _heavy_tails(rng: np.random.Generator, shape: tuple[int, int, int]) -> FloatArray:
    """Multivariate t with 5 degrees of freedom."""
    scale = np.sqrt(rng.chisquare(5, size=(*shape[:2], 1)) / 3)
    return _placed(rng.normal(size=shape) / scale)


def _sinks(rng: np.random.Generator, shape: tuple[int, int, int]) -> FloatArray:
    """The first token of each window a hundred times as long, by 5 % more or less."""
    X = _iid(rng, shape)
    X[:, 0] *= 0.1
    X[:, 0, 2 % shape[2]] = SINK_LENGTH * np.exp(0.05 * rng.normal(size=shape[0]))
    return X


POPULATIONS: dict[str, Draw] = {
    "iid": _iid,
    "AR(1) .5": _autoregressive(0.5),
    "AR(1) .9": _autoregressive(0.9),
    "windows 5 %": _window_effects,
    "t5": _heavy_tails,
    "sinks": _sinks,
}


def next_layer(rng: np.random.Generator, X: FloatArray) -> NDArray[np.floating]:
    """A block's output: the input, a bent map of it, and some noise; lengths stay."""
    d = X.shape[-1]
    turn = np.random.default_rng(7).normal(size=(d, d)) / np.sqrt(d)
    update = np.tanh(X @ turn) * 0.4 + 0.1 * rng.normal(size=X.shape)
    return np.asarray(X + update * _spread(d))
