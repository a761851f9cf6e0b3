"""RankMe: the effective rank of the vectors as they are."""

from embstore.metrics.families.spectral import spectral_about_origin
from embstore.metrics.metric import Description
from embstore.metrics.of_one_layer.effective_rank import effective_rank, gradient

METRICS = [
    spectral_about_origin(
        Description(
            name="rankme",
            title="RankMe",
            symbol="RankMe",
            formula="exp(−Σ q ln q), q = s/Σs, s the singular values of X, not centred",
            bounds=("1", "min(n, d)"),
            unit="dimensions",
            citation="Garrido et al. 2023, arXiv 2210.02885",
            unchanged_by=("rotation", "duplication"),
            notes="""
            `effective_rank` without centring: a direction that all vectors share counts as the
            largest, so it is low where `mean_cosine` is high, and sees a collapse onto one vector,
            which centred metrics do not. Compare it with papers that measure one vector a text.
            Their 1e-7, added to each share, is left out. reptrix calls `spectral_rank` RankMe.
            """,
        ),
        effective_rank,
        gradient,
        transform="log",
    )
]
