"""Names of metrics that asking needs to know, without what computes them."""

# Estimates from the distances to neighbours: they fall short above a dimension of 20.
NEIGHBOR_ESTIMATES = frozenset(
    {
        *("twonn", "twonn_low20", "twonn_ml", "corrint", "mom", "mada", "mle"),
        *("lid_p05", "lid_p25", "lid_p50", "lid_p75", "lid_p95"),
    }
)
