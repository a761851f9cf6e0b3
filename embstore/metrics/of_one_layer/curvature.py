"""Curvature: how sharply a layer's path turns from token to token."""

from embstore.metrics.families.within_windows import mean_over_windows
from embstore.metrics.metric import Description

METRICS = [
    mean_over_windows(
        Description(
            name="curvature",
            title="Curvature from token to token",
            symbol="κ",
            formula=(
                "mean over windows of the mean angle between v(t+1) and v(t), v(t) = x(t+1) − x(t)"
            ),
            bounds=("0", "180"),
            unit="degrees",
            citation="Hosseini & Fedorenko 2023, arXiv 2311.04930",
            unchanged_by=("shift", "rotation"),
            notes="""
            A straight path has 0°, a random walk in many dimensions 90°, white noise 120°: there
            each step takes back what the last one did. Language models straighten their paths
            towards the middle (Hosseini & Fedorenko 2023, who report the change from the first
            layer). Only three tokens in a row count: where a scope leaves one out, the path is
            interrupted and not closed. The repository of Skean et al. 2025 has another quantity of
            that name, the angle between adjacent vectors.
            """,
        ),
        "curvature",
        "no window has three tokens in a row whose vectors differ",
        transform="linear",
    )
]
