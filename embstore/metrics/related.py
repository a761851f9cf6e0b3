"""Which metrics rank the layers of real models alike: Spearman's correlations.

Made by benchmarks/related.py from every layer of SmolLM2-135M-Instruct and all-MiniLM-L6-v2 over
the text of make demo: run that again where a metric comes or changes. Those of .95 and more, the
closest first; a minus says that one falls where the other rises.
"""

from collections.abc import Mapping

RELATED: Mapping[str, tuple[tuple[str, float], ...]] = {
    "anisotropy": (
        ("stable_rank", -1.00),
        ("isoscore", -0.97),
        ("participation_ratio", -0.97),
        ("participation_ratio_corrected", -0.96),
    ),
    "effective_rank": (("pca_dim_90", 0.95),),
    "isoscore": (
        ("participation_ratio", 1.00),
        ("participation_ratio_corrected", 0.98),
        ("anisotropy", -0.97),
        ("stable_rank", 0.97),
    ),
    "participation_ratio": (
        ("isoscore", 1.00),
        ("participation_ratio_corrected", 0.98),
        ("anisotropy", -0.97),
        ("stable_rank", 0.97),
    ),
    "participation_ratio_corrected": (
        ("isoscore", 0.98),
        ("participation_ratio", 0.98),
        ("spectral_entropy", 0.96),
        ("spectral_rank", 0.96),
        ("anisotropy", -0.96),
        ("stable_rank", 0.96),
    ),
    "pca_dim_90": (
        ("pca_dim_95", 0.96),
        ("effective_rank", 0.95),
    ),
    "pca_dim_95": (("pca_dim_90", 0.96),),
    "band_above_100": (
        ("spectral_entropy", 0.98),
        ("spectral_rank", 0.98),
    ),
    "spectral_entropy": (
        ("spectral_rank", 1.00),
        ("band_above_100", 0.98),
        ("participation_ratio_corrected", 0.96),
    ),
    "spectral_rank": (
        ("spectral_entropy", 1.00),
        ("band_above_100", 0.98),
        ("participation_ratio_corrected", 0.96),
    ),
    "stable_rank": (
        ("anisotropy", -1.00),
        ("isoscore", 0.97),
        ("participation_ratio", 0.97),
        ("participation_ratio_corrected", 0.96),
    ),
    "lid_p05": (("twonn", 0.95),),
    "twonn": (
        ("twonn_ml", 1.00),
        ("lid_p05", 0.95),
    ),
    "twonn_ml": (("twonn", 1.00),),
    "cka_next": (("cka_debiased_next", 1.00),),
    "cka_debiased_next": (("cka_next", 1.00),),
}
