"""TwoNN on the lowest fifth of the ratios, as the seed study's published code has it."""

from embstore.metrics.families.dimension import estimate
from embstore.metrics.metric import Description
from embstore.metrics.of_one_layer import twonn
from embstore.types import FloatArray


def twonn_low20(distances: FloatArray) -> float:
    """Estimate the intrinsic dimension as TwoNN does, from the lowest fifth of the ratios.

    The rule in the published code of Razzhigaev et al. 2024, for comparison with their
    figures; the smallest ratios are the most sensitive to near-duplicates.

    Args:
        distances: to at least two neighbours, (n, >= 2).

    Returns:
        A positive number, or NaN for fewer than five points or when more than a tenth of
        the ratios in the fit are 1.

    Facco et al. 2017; the rule: AIRI-Institute/LLM-Microscope on GitHub.
    """
    return twonn.fit(distances, kept_of(len(distances)))


def kept_of(n: int) -> int:
    """Count the smallest fifth of n ratios."""
    return n // 5


METRICS = [
    estimate(
        Description(
            name="twonn_low20",
            title="Intrinsic dimension (TwoNN, lowest fifth)",
            symbol="d₂ₙₙ low20",
            formula="the regression of twonn on the lowest 20 % of the ratios only",
            bounds=("0", "inf"),
            unit="dimensions",
            citation="Facco et al. 2017, doi 10.1038/s41598-017-11873-y; "
            "the rule: Razzhigaev et al. 2024, arXiv 2311.05928",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            The fit of the seed study's published code, kept to compare with its figures. It uses a
            fifth of the ratios, so its errors are larger. That code also leaves duplicates out
            only after the search, which is not repeated here; on a layer with many duplicates its
            figures are far higher.
            """,
        ),
        lambda cloud: twonn_low20(cloud.graph.distances),
        lambda cloud, value: twonn.influence(
            cloud.graph.distances, value, kept=kept_of(len(cloud.graph.distances))
        ),
        least=2,
    )
]
