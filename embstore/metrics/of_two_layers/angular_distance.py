"""Angular distance: how far a block turns each token, as an angle."""

import numpy as np

from embstore.metrics.families.next_layer import FAMILY
from embstore.metrics.metric import Description, Metric
from embstore.metrics.two_layers import Pair
from embstore.metrics.uncertainty import Interval, describe


def compute(pair: Pair) -> float:
    """Return the mean angle, over π; NaN where no token has a direction in both layers."""
    found = pair.distance
    return float("nan") if found is None or found.distance is None else found.distance


def interval(pair: Pair, _number: float) -> Interval | None:
    """Return the error of the mean, whose units are the windows."""
    found = pair.distance
    if found is None or found.std_error is None or found.ci_low is None or found.ci_high is None:
        return None
    none = np.zeros(0, dtype=np.int64)
    return Interval(found.std_error, found.ci_low, found.ci_high, windows=None, numbers=none)


def why(pair: Pair, n: int) -> str:
    """Say why there is none."""
    return f"{n} tokens with a direction" if pair.steps else "the two layers differ in width"


METRICS = [
    Metric(
        Description(
            name="angular_distance_next",
            title="Angular distance to the next layer",
            symbol="∠(x, y)/π",
            formula="mean over tokens of arccos(cos(x, y))/π, y the same token one layer on",
            bounds=("0", "1"),
            citation="Gromov et al. 2024, arXiv 2403.17887",
            unchanged_by=("rotation", "duplication"),
            notes="""
            Small where a block hardly turns its input; such blocks are candidates for removal. With
            it the distances between all layers of a stack are stored, in table `angular_distance`
            (question `angular_distance`): Gromov et al. look for the n layers in a row across which
            the last token of a text, scope `last`, turns least. `adjacent_cosine` is its twin, but
            that there cosines are averaged. Measured if asked for.
            """,
        ),
        FAMILY,
        describe("linear"),
        compute=compute,
        count=lambda pair: pair.distance.n if pair.distance else 0,
        interval=interval,
        why=why,
        needs=frozenset({"layer distances"}),
    )
]
