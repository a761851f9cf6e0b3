"""Which metrics rank the layers of real models alike: Spearman's correlations.

Made by benchmarks/related.py from every layer of SmolLM2-135M-Instruct and all-MiniLM-L6-v2 over
the text of make demo: run that again where a metric comes or changes. Those of .95 and more, the
closest first; a minus says that one falls where the other rises.
"""

from collections.abc import Mapping

RELATED: Mapping[str, tuple[tuple[str, float], ...]] = {
    "anisotropy": (
        ("stable_rank", -1.00),
        ("isoscore", -0.98),
        ("participation_ratio", -0.98),
        ("first_token_norm", 0.96),
        ("participation_ratio_corrected", -0.96),
    ),
    "effective_rank": (
        ("pca_dim_90", 0.97),
        ("pca_dim_95", 0.97),
    ),
    "isoscore": (
        ("participation_ratio", 1.00),
        ("participation_ratio_corrected", 0.99),
        ("anisotropy", -0.98),
        ("stable_rank", 0.98),
        ("first_token_norm", -0.96),
    ),
    "participation_ratio": (
        ("isoscore", 1.00),
        ("participation_ratio_corrected", 0.99),
        ("anisotropy", -0.98),
        ("stable_rank", 0.98),
        ("first_token_norm", -0.96),
    ),
    "participation_ratio_corrected": (
        ("isoscore", 0.99),
        ("participation_ratio", 0.99),
        ("spectral_entropy", 0.97),
        ("spectral_rank", 0.97),
        ("anisotropy", -0.96),
        ("stable_rank", 0.96),
    ),
    "pca_dim_90": (
        ("effective_rank", 0.97),
        ("pca_dim_95", 0.97),
    ),
    "pca_dim_95": (
        ("effective_rank", 0.97),
        ("pca_dim_90", 0.97),
        ("pca_dim_99", 0.96),
        ("rankme", 0.95),
    ),
    "pca_dim_99": (("pca_dim_95", 0.96),),
    "rankme": (("pca_dim_95", 0.95),),
    "band_above_100": (
        ("spectral_entropy", 0.98),
        ("spectral_rank", 0.98),
    ),
    "spectral_entropy": (
        ("spectral_rank", 1.00),
        ("band_above_100", 0.98),
        ("participation_ratio_corrected", 0.97),
    ),
    "spectral_rank": (
        ("spectral_entropy", 1.00),
        ("band_above_100", 0.98),
        ("participation_ratio_corrected", 0.97),
    ),
    "stable_rank": (
        ("anisotropy", -1.00),
        ("isoscore", 0.98),
        ("participation_ratio", 0.98),
        ("first_token_norm", -0.96),
        ("participation_ratio_corrected", 0.96),
    ),
    "mean_cosine": (
        ("self_clustering", 0.99),
        ("uniformity", 0.98),
    ),
    "self_clustering": (
        ("uniformity", 0.99),
        ("mean_cosine", 0.99),
    ),
    "uniformity": (
        ("self_clustering", 0.99),
        ("mean_cosine", 0.98),
    ),
    "norm_max": (("first_token_norm", 0.99),),
    "lid_p25": (("mle", 0.96),),
    "mle": (("lid_p25", 0.96),),
    "twonn": (("twonn_ml", 1.00),),
    "twonn_ml": (("twonn", 1.00),),
    "ess": (("local_pca", 0.99),),
    "local_pca": (("ess", 0.99),),
    "lens_kl": (("window_loss", 1.00),),
    "window_loss": (("lens_kl", 1.00),),
    "first_token_norm": (
        ("norm_max", 0.99),
        ("anisotropy", 0.96),
        ("stable_rank", -0.96),
        ("isoscore", -0.96),
        ("participation_ratio", -0.96),
    ),
    "adjacent_cosine": (("angular_distance_next", -0.98),),
    "angular_distance_next": (("adjacent_cosine", -0.98),),
    "cka_next": (("cka_debiased_next", 0.99),),
    "cka_debiased_next": (("cka_next", 0.99),),
}
