"""Names of metrics that asking and checking need, without what computes them.

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
        "ph_dim",
        "tle",
        "twonn",
        "twonn_low20",
        "twonn_ml",
    }
)

# Dimensions of neighbourhoods: in the embedding those of the words that were read:
# peaks, and what is said of the layers, leave it out.
PEAKS_WITHOUT_EMBEDDING = frozenset(
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
        "ph_dim",
        "tle",
        "twonn",
        "twonn_low20",
        "twonn_ml",
        "ess",
        "local_pca",
    }
)

# Those that a few points far from all others may decide: then they have no interval.
MOVED_BY_FAR_POINTS = frozenset(
    {
        "mada",
        "mle",
        "mom",
        "tle",
    }
)

# Biased unless the vectors are many times the dimensions.
NEED_MANY = frozenset(
    {
        "alpha_req",
        "anisotropy",
        "effective_rank",
        "isoscore",
        "participation_ratio",
        "pca_dim_90",
        "pca_dim_95",
        "pca_dim_99",
        "rankme",
        "band_2_10",
        "band_11_100",
        "band_above_100",
        "spectral_entropy",
        "spectral_rank",
        "spectral_slope",
        "stable_rank",
        "cka_next",
        "linearity_next",
        "linearity_residual_next",
    }
)

# Computed from all eigenvalues of the covariance, which are stored as well.
NEED_SPECTRUM = frozenset(
    {
        "alpha_req",
        "effective_rank",
        "isoscore",
        "participation_ratio",
        "pca_dim_90",
        "pca_dim_95",
        "pca_dim_99",
        "rankme",
        "band_2_10",
        "band_11_100",
        "band_above_100",
        "spectral_entropy",
        "spectral_rank",
        "spectral_slope",
        "stable_rank",
    }
)

# Computed from these eigenvalues alone, so they can be had of a stored run, too.
OF_SPECTRUM = frozenset(
    {
        "alpha_req",
        "anisotropy",
        "effective_rank",
        "isoscore",
        "output_variance",
        "participation_ratio",
        "pca_dim_90",
        "pca_dim_95",
        "pca_dim_99",
        "band_2_10",
        "band_11_100",
        "band_above_100",
        "spectral_entropy",
        "spectral_rank",
        "spectral_slope",
        "stable_rank",
    }
)

# Computed from nearest neighbours, and so is the dimension by scale.
NEED_NEIGHBORS = frozenset(
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
        "ph_dim",
        "tle",
        "twonn",
        "twonn_low20",
        "twonn_ml",
        "ess",
        "hubness",
        "local_pca",
        "neighbor_overlap_next",
    }
)

# With a number for each layer.
OF_ONE_LAYER = frozenset(
    {
        "alpha_req",
        "anisotropy",
        "effective_rank",
        "isoscore",
        "output_variance",
        "participation_ratio",
        "participation_ratio_corrected",
        "pca_dim_90",
        "pca_dim_95",
        "pca_dim_99",
        "rankme",
        "band_2_10",
        "band_11_100",
        "band_above_100",
        "spectral_entropy",
        "spectral_rank",
        "spectral_slope",
        "stable_rank",
        "mean_cosine",
        "normalized_std",
        "self_clustering",
        "top_cosine_share",
        "top_cosine_coordinate",
        "uniformity",
        "massive_ratio",
        "norm_max",
        "norm_p01",
        "norm_p50",
        "norm_p99",
        "corrint",
        "lid_p05",
        "lid_p25",
        "lid_p50",
        "lid_p75",
        "lid_p95",
        "mada",
        "mle",
        "mom",
        "ph_dim",
        "tle",
        "twonn",
        "twonn_low20",
        "twonn_ml",
        "ess",
        "hubness",
        "local_pca",
        "curvature",
        "window_cosine",
        "window_entropy",
        "window_matrix_entropy",
        "window_twonn_ml",
        "lens_entropy",
        "lens_kl",
        "window_loss",
        "attention_entropy",
        "first_token_norm",
        "sink_rate",
    }
)

# With a number for each layer and the next.
OF_TWO_LAYERS = frozenset(
    {
        "adjacent_cosine",
        "angular_distance_next",
        "cka_next",
        "cka_debiased_next",
        "linearity_next",
        "linearity_residual_next",
        "neighbor_overlap_next",
        "update_ratio",
    }
)
