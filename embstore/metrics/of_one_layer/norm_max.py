"""The largest norm: whether there are sinks."""

from embstore.metrics.families.length import extreme
from embstore.metrics.metric import Description

METRICS = [
    extreme(
        Description(
            name="norm_max",
            title="Norm, largest",
            symbol="max ‖x‖",
            formula="max ‖x‖",
            bounds=("0", "inf"),
            citation="Euclidean norm; see Timkey & van Schijndel 2021, arXiv 2109.04404",
            unchanged_by=("rotation", "duplication"),
            degree=1,
            notes="""
            An extreme of one token: it has no standard error and grows with n.
            """,
        ),
        lambda cloud: cloud.moments.norm_max if cloud.n else float("nan"),
    )
]
