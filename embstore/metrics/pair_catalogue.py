"""The two-layer metrics: one entry each. A value stands with the earlier layer's key."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from embstore.metrics import adjacent
from embstore.metrics.metric import Metric
from embstore.metrics.two_layers import Pair
from embstore.metrics.uncertainty import Clusters, Interval, Scale, clustered_sums, describe
from embstore.types import FloatArray, MetricInfo

# How much each window moves a number, summed over its units, and the windows.
Influence = Callable[[Pair, float], tuple[FloatArray, Clusters]]


def _pair_metric(
    info: MetricInfo,
    compute: Callable[[Pair], float],
    influence: Influence,
    *,
    scale: Scale,
    why: Callable[[Pair, int], str],
    count: Callable[[Pair], int] = lambda pair: pair.n,
) -> Metric[Pair]:
    def interval(pair: Pair, value: float) -> Interval | None:
        return clustered_sums(value, *influence(pair, value), scale=scale)

    return Metric(replace(info, uncertainty=describe(scale)), compute, count, interval, why)


def _linearity(pair: Pair) -> float:
    return adjacent.linearity(pair.fit, pair.n)


def _linearity_influence(pair: Pair, value: float) -> tuple[FloatArray, Clusters]:
    """The map is at its optimum, so a token counts by its own residual and length alone."""
    moved = (1.0 - value) * pair.squares - pair.residual_squares
    return pair.clusters.sums(moved / _mean_square(pair, pair.fit.total)), pair.clusters


def _linearity_residual(pair: Pair) -> float:
    return adjacent.linearity_residual(pair.fit, pair.change, pair.n)


def _linearity_residual_influence(pair: Pair, value: float) -> tuple[FloatArray, Clusters]:
    moved = (1.0 - value) * pair.change_squares - pair.residual_squares
    return pair.clusters.sums(moved / _mean_square(pair, pair.change)), pair.clusters


def _mean_square(pair: Pair, total: float) -> float:
    """A sum of squares over all tokens as a mean, in the units of the centred sample."""
    return total / pair.n * pair.scale**2


def _cka(pair: Pair) -> float:
    return adjacent.linear_cka(pair.x.scatter, pair.cross.scatter, pair.y.scatter)


def _cka_influence(pair: Pair, value: float) -> tuple[FloatArray, Clusters]:
    """Each norm moves by a quadratic form of the token's vectors, relative to its size."""
    n = pair.n
    joint = pair.joint / float(np.square(pair.cross.scatter * (pair.scale**2 / n)).sum())
    own = sum(
        spread / float(np.square(moments.scatter / (n - 1)).sum())
        for spread, moments in ((pair.spread_x, pair.x), (pair.spread_y, pair.y))
    )
    return value * (2 * pair.clusters.sums(joint) - own), pair.clusters


def _overlap(pair: Pair) -> float:
    return float(pair.overlap.shares.mean()) if len(pair.overlap.shares) else float("nan")


def _update_ratio(pair: Pair) -> float:
    return pair.steps.mean_ratio if pair.steps else float("nan")


def _adjacent_cosine(pair: Pair) -> float:
    return pair.steps.mean_cosine if pair.steps else float("nan")


def _ratios(pair: Pair, value: float) -> tuple[FloatArray, Clusters]:
    return _sums(pair, pair.steps.ratios if pair.steps else np.zeros(0), value)


def _cosines(pair: Pair, value: float) -> tuple[FloatArray, Clusters]:
    return _sums(pair, pair.steps.cosines if pair.steps else np.zeros(0), value)


def _sums(pair: Pair, values: FloatArray, mean: float) -> tuple[FloatArray, Clusters]:
    """Tokens without a value do not move the mean."""
    return pair.clusters.sums(np.where(np.isnan(values), mean, values)), pair.clusters


def _overlap_influence(pair: Pair, _value: float) -> tuple[FloatArray, Clusters]:
    overlap = pair.overlap
    return overlap.clusters.sums(overlap.shares), overlap.clusters


def _why_no_fit(pair: Pair, n: int) -> str:
    if pair.x.scatter.shape != pair.y.scatter.shape:
        return "the two layers differ in width"
    if n - 1 <= pair.fit.rank:
        return f"{n} tokens for rank {pair.fit.rank}: every map fits"
    return "the next layer does not vary, or adds nothing"


def _why_no_variance(_pair: Pair, n: int) -> str:
    return f"{n} tokens" if n < 2 else "all vectors of a layer are equal"


def _why_no_overlap(_pair: Pair, n: int) -> str:
    least = adjacent.OVERLAP_NEIGHBORS + 1
    return f"{n} points distinct in both layers, at least {least} needed"


def _why_no_step(pair: Pair, n: int) -> str:
    return f"{n} tokens with a direction" if pair.steps else "the two layers differ in width"


_RAZZHIGAEV = "Razzhigaev et al. 2024, arXiv 2405.12250"

PAIR_CATALOGUE: list[Metric[Pair]] = [
    _pair_metric(
        MetricInfo(
            name="linearity_next",
            version=1,
            title="Linearity to the next layer",
            symbol="L",
            formula="1 − ‖Y − XA‖²/‖Y‖², A the least-squares map, X and Y centred",
            unit="1",
            lower="0",
            upper="1",
            citation=_RAZZHIGAEV,
        ),
        _linearity,
        _linearity_influence,
        scale="logit",
        why=_why_no_fit,
    ),
    _pair_metric(
        MetricInfo(
            name="linearity_residual_next",
            version=1,
            title="Linearity of what the next layer adds",
            symbol="L_Δ",
            formula="linearity_next with Y − X in the place of Y",
            unit="1",
            lower="0",
            upper="1",
            citation=_RAZZHIGAEV,
        ),
        _linearity_residual,
        _linearity_residual_influence,
        scale="logit",
        why=_why_no_fit,
    ),
    _pair_metric(
        MetricInfo(
            name="cka_next",
            version=1,
            title="Linear CKA with the next layer",
            symbol="CKA",
            formula="‖C_xy‖²/(‖C_xx‖‖C_yy‖), Frobenius norms of covariances",
            unit="1",
            lower="0",
            upper="1",
            citation="Kornblith et al. 2019, arXiv 1905.00414",
        ),
        _cka,
        _cka_influence,
        scale="logit",
        why=_why_no_variance,
    ),
    _pair_metric(
        MetricInfo(
            name="neighbor_overlap_next",
            version=1,
            title="Neighbour overlap with the next layer",
            symbol="χ",
            formula="mean share of common nearest neighbours, k = 30",
            unit="1",
            lower="0",
            upper="1",
            citation="Valeriani et al. 2023, arXiv 2302.00294",
        ),
        _overlap,
        _overlap_influence,
        scale="logit",
        why=_why_no_overlap,
        count=lambda pair: len(pair.overlap.clusters.index),
    ),
    _pair_metric(
        MetricInfo(
            name="update_ratio",
            version=1,
            title="Relative size of the update",
            symbol="‖Δ‖/‖x‖",
            formula="mean over tokens of ‖y − x‖/‖x‖, y the same token one layer on",
            unit="1",
            lower="0",
            upper="inf",
            citation="Sun et al. 2025, The Curse of Depth, arXiv 2502.05795",
        ),
        _update_ratio,
        _ratios,
        scale="log",
        why=_why_no_step,
        count=lambda pair: pair.steps.n_ratios if pair.steps else 0,
    ),
    _pair_metric(
        MetricInfo(
            name="adjacent_cosine",
            version=1,
            title="Cosine with the next layer",
            symbol="cos(x, y)",
            formula="mean over tokens of cos(x, y), y the same token one layer on",
            unit="1",
            lower="-1",
            upper="1",
            citation="Gromov et al. 2024, arXiv 2403.17887",
        ),
        _adjacent_cosine,
        _cosines,
        scale="atanh",
        why=_why_no_step,
        count=lambda pair: pair.steps.n_cosines if pair.steps else 0,
    ),
]
