"""Names of metrics that asking needs to know, without what computes them.

Made by make docs from the metrics' files: change those.
"""

# Estimates of dimension from the distances to neighbours.
NEIGHBOR_ESTIMATES = frozenset(
    {
        "corrint",
        "lid_p05",
        "lid_p25",
        "lid_p50",
        "lid_p75",
        "lid_p95",
        "mada",
        "mle",
        "mom",
        "twonn",
        "twonn_low20",
        "twonn_ml",
    }
)
