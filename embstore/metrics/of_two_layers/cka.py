"""Linear CKA: whether two layers have the same geometry."""

import numpy as np

from embstore.metrics.clusters import Totals
from embstore.metrics.families.next_layer import JOINT, of_next_layer
from embstore.metrics.metric import Description
from embstore.metrics.two_layers import Pair
from embstore.types import FloatArray


def linear_cka(xx: FloatArray, xy: FloatArray, yy: FloatArray) -> float:
    """Compare two layers' geometry regardless of rotation and scale.

    ‖XᵀY‖²_F/(‖XᵀX‖_F ‖YᵀY‖_F) for centred X and Y, in [0, 1]; 1 if one is the other turned
    and scaled. NaN where either has no variance.

    Args:
        xx: XᵀX, (d_x, d_x), or the covariance.
        xy: XᵀY, (d_x, d_y).
        yy: YᵀY, (d_y, d_y).

    Kornblith et al. 2019, arXiv 1905.00414.

    >>> round(linear_cka(np.eye(2), 2 * np.eye(2), 4 * np.eye(2)), 12)
    1.0
    """
    product = float(np.linalg.norm(xx)) * float(np.linalg.norm(yy))
    return min(1.0, float(np.vdot(xy, xy)) / product) if product > 0 else float("nan")


def totals(pair: Pair, value: float) -> Totals | None:
    """Each norm moves by a quadratic form of the token's vectors, relative to its size."""
    n = pair.n
    unit = pair.core.factor_x * pair.factor / n
    joint = pair.joint / (float(np.vdot(pair.joint_scatter, pair.joint_scatter)) * unit**2)
    own = sum(
        spread * (n / (n - 1)) / (float(np.vdot(moments.scatter, moments.scatter)) / (n - 1) ** 2)
        for spread, moments in ((pair.spread_x, pair.x), (pair.spread_y, pair.y))
    )
    sums = value * (2 * pair.clusters.sums(joint) - own)
    return pair.clusters.totals(sums)


def _why_undefined(_pair: Pair, n: int) -> str:
    return f"{n} tokens" if n < 2 else "all vectors of a layer are equal"


METRICS = [
    of_next_layer(
        Description(
            name="cka_next",
            title="Linear CKA with the next layer",
            symbol="CKA",
            formula="‖C_xy‖²/(‖C_xx‖‖C_yy‖), Frobenius norms of covariances",
            bounds=("0", "1"),
            citation="Kornblith et al. 2019, arXiv 1905.00414",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            Similarity up to rotation and one scale. Dominated by the largest directions: with
            sinks it is near 1 whatever else changes. With few tokens it is too high:
            `cka_debiased_next` is not.
            """,
        ),
        lambda pair: linear_cka(pair.x.scatter, pair.joint_scatter, pair.y.scatter),
        totals,
        transform="logit",
        why=_why_undefined,
        needs=JOINT | {"spread"},
        needs_many=True,
    )
]
