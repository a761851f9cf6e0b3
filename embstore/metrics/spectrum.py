"""Metrics of the covariance spectrum: how unevenly variance spreads over directions.

Every function takes the covariance eigenvalues, largest first, (d,), of which only
the shape matters, not the scale, and returns NaN where all variance is zero.

The ``…_gradient`` functions give a metric's derivatives with respect to the eigenvalues,
(d,). A token at x moves eigenvalue j by (v_j · (x − mean))² − λ_j to first order, v_j its
direction, so that is all that a standard error needs.
"""

import numpy as np

from embstore.types import FloatArray


def _shares(eigenvalues: FloatArray) -> FloatArray | None:
    """Each direction's share of the variance, (d,), or None without any variance."""
    total = eigenvalues.sum()
    return eigenvalues / total if total > 0 else None


def anisotropy(eigenvalues: FloatArray) -> float:
    """Tell which share of the variance lies along the first principal direction.

    λ₁ / Σλ, in [1/d, 1]: 1/d for a round cloud, 1 for points on a line.

    Razzhigaev et al. 2024, arXiv 2311.05928.

    >>> anisotropy(np.array([3.0, 1.0]))
    0.75
    """
    p = _shares(eigenvalues)
    return float(p[0]) if p is not None else float("nan")


def anisotropy_gradient(eigenvalues: FloatArray) -> FloatArray:
    """Differentiate ``anisotropy``."""
    total = eigenvalues.sum()
    gradient = np.full(len(eigenvalues), -eigenvalues[0] / total**2)
    gradient[0] += 1.0 / total
    return gradient


def participation_ratio(eigenvalues: FloatArray) -> float:
    """Count the directions that carry the variance, softly.

    (Σλ)² / Σλ², in [1, d]. Biased towards small values unless n is many times d.

    Gao et al. 2017, bioRxiv 214262; bias: Chun et al. 2025, arXiv 2509.26560.

    >>> participation_ratio(np.array([1.0, 1.0, 0.0]))
    2.0
    """
    p = _shares(eigenvalues)
    return float(1.0 / (p @ p)) if p is not None else float("nan")


def participation_ratio_gradient(eigenvalues: FloatArray) -> FloatArray:
    """Differentiate ``participation_ratio``."""
    total, squares = eigenvalues.sum(), eigenvalues @ eigenvalues
    return np.asarray(2 * total / squares * (1 - total * eigenvalues / squares))


def isoscore(eigenvalues: FloatArray) -> float:
    """Score how evenly the space is used: 0 for a line, 1 for a round cloud.

    (participation ratio - 1) / (d - 1), identical to the published definition.
    NaN in one dimension.

    Rudman et al. 2022, arXiv 2108.07344.

    >>> isoscore(np.array([1.0, 1.0, 0.0]))
    0.5
    """
    d = len(eigenvalues)
    return (participation_ratio(eigenvalues) - 1.0) / (d - 1) if d > 1 else float("nan")


def isoscore_gradient(eigenvalues: FloatArray) -> FloatArray:
    """Differentiate ``isoscore``."""
    return participation_ratio_gradient(eigenvalues) / (len(eigenvalues) - 1)


def effective_rank(eigenvalues: FloatArray) -> float:
    """Count directions by the entropy of the singular values.

    exp(-Σ q ln q) with q = σ/Σσ and σ = √λ, in [1, min(n, d)].

    Roy & Vetterli 2007; RankMe, Garrido et al. 2023, arXiv 2210.02885.

    >>> effective_rank(np.array([1.0, 1.0, 0.0]))
    2.0
    """
    sigma = np.sqrt(eigenvalues)
    q = _shares(sigma)
    return float(np.exp(_entropy(q))) if q is not None else float("nan")


def effective_rank_gradient(eigenvalues: FloatArray) -> FloatArray:
    """Differentiate ``effective_rank``; directions without variance stay without."""
    sigma = np.sqrt(eigenvalues)
    positive = sigma > 0
    q = sigma[positive] / sigma.sum()
    entropy = _entropy(q)
    gradient = np.zeros(len(eigenvalues))
    slope = -np.exp(entropy) * (np.log(q) + entropy) / sigma.sum()
    gradient[positive] = slope / (2 * sigma[positive])
    return gradient


def spectral_entropy(eigenvalues: FloatArray) -> float:
    """Measure the spread of variance over directions, in nats.

    -Σ p ln p with p = λ/Σλ, in [0, ln min(n, d)].

    Skean et al. 2025, arXiv 2502.02013.

    >>> round(spectral_entropy(np.array([1.0, 1.0])), 6)
    0.693147
    """
    p = _shares(eigenvalues)
    return _entropy(p) if p is not None else float("nan")


def spectral_entropy_gradient(eigenvalues: FloatArray) -> FloatArray:
    """Differentiate ``spectral_entropy``; directions without variance stay without."""
    total = eigenvalues.sum()
    positive = eigenvalues > 0
    p = eigenvalues[positive] / total
    gradient = np.zeros(len(eigenvalues))
    gradient[positive] = -(np.log(p) + _entropy(p)) / total
    return gradient


def pca_dim(eigenvalues: FloatArray, share: float) -> float:
    """Count the principal components needed to reach a share of the variance.

    The smallest m with λ₁ + … + λ_m >= share · Σλ, in [1, d].

    >>> pca_dim(np.array([8.0, 1.0, 1.0]), 0.9)
    2.0
    """
    p = _shares(eigenvalues)
    if p is None:
        return float("nan")
    # An exact share such as 8 + 1 of 10 must not fail by one rounding.
    reached = np.cumsum(p) >= share - 1e-12
    return float(np.argmax(reached) + 1)


def pca_dim_gradient(eigenvalues: FloatArray, share: float) -> FloatArray:
    """Differentiate ``pca_dim`` as if the number of components were continuous.

    One more component adds p_m to the variance reached, so m moves by minus the change
    of what the first m reach, over p_m.
    """
    total = eigenvalues.sum()
    m = int(pca_dim(eigenvalues, share))
    reached = eigenvalues[:m].sum() / total
    gradient = np.full(len(eigenvalues), reached / total)
    gradient[:m] -= 1.0 / total
    return np.asarray(gradient * (total / eigenvalues[m - 1]))


SLOPE_FIRST, SLOPE_LAST, _SLOPE_LEAST = 11, 100, 10


def spectral_slope(eigenvalues: FloatArray) -> float:
    """Measure how fast variance decays over directions, as the exponent of a power law.

    The least-squares slope of ln λ_i on ln i for 11 <= i <= 100, or as far as λ is above
    zero: the first few directions do not follow the law. Negative; -1 is the edge beyond
    which a representation is smooth. NaN with fewer than 10 such directions.

    Agrawal et al. 2022, α-ReQ, NeurIPS 35; the range after Stringer et al. 2019,
    doi 10.1038/s41586-019-1346-5.

    >>> round(spectral_slope(np.arange(1.0, 200.0) ** -1.5), 6)
    -1.5
    """
    tail = _tail(eigenvalues)
    if len(tail) < _SLOPE_LEAST:
        return float("nan")
    return float(_slope_weights(len(tail)) @ np.log(tail))


def spectral_slope_gradient(eigenvalues: FloatArray) -> FloatArray:
    """Differentiate ``spectral_slope``."""
    tail = _tail(eigenvalues)
    gradient = np.zeros(len(eigenvalues))
    gradient[SLOPE_FIRST - 1 : SLOPE_FIRST - 1 + len(tail)] = _slope_weights(len(tail)) / tail
    return gradient


def _tail(eigenvalues: FloatArray) -> FloatArray:
    tail = eigenvalues[SLOPE_FIRST - 1 : SLOPE_LAST]
    return tail[tail > 0]


def _slope_weights(n: int) -> FloatArray:
    """Weights whose product with n values is their least-squares slope on ln i."""
    x = np.log(np.arange(SLOPE_FIRST, SLOPE_FIRST + n))
    x -= x.mean()
    return np.asarray(x / (x @ x))


def _entropy(p: FloatArray) -> float:
    positive = p[p > 0]
    # The largest share can round to 1 + eps; an entropy is never negative.
    return max(0.0, float(-(positive @ np.log(positive))))
