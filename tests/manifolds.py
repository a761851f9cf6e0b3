"""Point clouds whose dimension is known, laid into a larger space."""

import numpy as np
from numpy.typing import NDArray


def rotation(rows: int, columns: int, seed: int) -> NDArray[np.float64]:
    """Orthonormal columns, (rows, columns): an isometry into more dimensions."""
    gaussian = np.random.default_rng(seed).normal(size=(rows, columns))
    q: NDArray[np.float64] = np.linalg.qr(gaussian)[0]
    return q


def gaussian(n: int, d: int, embedded_in: int, seed: int = 0) -> NDArray[np.float64]:
    """A d-dimensional standard normal cloud in ``embedded_in`` dimensions."""
    points = np.random.default_rng(seed).normal(size=(n, d))
    return points @ rotation(embedded_in, d, seed + 1).T


def ball(n: int, d: int, embedded_in: int, seed: int = 0) -> NDArray[np.float64]:
    """Points uniform in a d-dimensional unit ball in ``embedded_in`` dimensions."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(n, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    points = directions * rng.random((n, 1)) ** (1 / d)
    return points @ rotation(embedded_in, d, seed + 1).T


def swiss_roll(n: int, embedded_in: int, seed: int = 0) -> NDArray[np.float64]:
    """A curved two-dimensional sheet in ``embedded_in`` dimensions."""
    rng = np.random.default_rng(seed)
    t = 1.5 * np.pi * (1 + 2 * rng.random(n))
    points = np.stack([t * np.cos(t), 21 * rng.random(n), t * np.sin(t)], axis=1)
    return points @ rotation(embedded_in, 3, seed + 1).T
