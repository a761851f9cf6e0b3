"""The single-layer metrics: one entry each, the one place that lists them."""

from functools import partial

from embstore.metrics import cosine, dimension, dimension_by_scale, influence, norms, spectrum
from embstore.metrics.families import (
    dimension_info,
    directional,
    info_of,
    length,
    local,
    local_quantile,
    spectral,
)
from embstore.metrics.metric import Metric
from embstore.metrics.one_layer import Cloud
from embstore.types import FloatArray

_FACCO = "Facco et al. 2017, doi 10.1038/s41598-017-11873-y"
_LEVINA = "Levina & Bickel 2004, NeurIPS 17"
_TIMKEY = "Timkey & van Schijndel 2021, arXiv 2109.04404"
_NORM = f"Euclidean norm; see {_TIMKEY}"


def _top_share_influence(cloud: Cloud, value: float) -> FloatArray:
    top = int(cosine.top_cosine_coordinate(cloud.moments.unit_sum, cloud.moments.unit_squares))
    mean = cloud.moments.unit_sum / cloud.n_unit
    return influence.top_cosine_share(value, cloud.directions_at(top), cloud.to_mean, mean, top)


def _twonn_low20_influence(cloud: Cloud, value: float) -> FloatArray:
    distances = cloud.graph.distances
    return influence.twonn(distances, value, kept=dimension.low20_kept(len(distances)))


CATALOGUE: list[Metric[Cloud]] = [
    spectral(
        info_of(
            "anisotropy",
            title="Anisotropy",
            symbol="λ₁/Σλ",
            formula="largest covariance eigenvalue / sum of all",
            bounds=("1/d", "1"),
            citation="Razzhigaev et al. 2024, arXiv 2311.05928",
        ),
        spectrum.anisotropy,
        spectrum.anisotropy_gradient,
        "logit",
    ),
    directional(
        info_of(
            "mean_cosine",
            title="Mean cosine similarity",
            symbol="⟨cos⟩",
            formula="(‖Σu‖² − N)/(N(N − 1)), u = x/‖x‖, not centred, over all pairs",
            bounds=("-1/(n - 1)", "1"),
            citation="Ethayarajh 2019, arXiv 1909.00512",
        ),
        lambda c: cosine.mean_cosine(c.moments.unit_sum, c.n_unit),
        lambda c, _value: influence.mean_cosine(c.to_mean),
        "atanh",
    ),
    directional(
        info_of(
            "top_cosine_share",
            title="Largest share of one coordinate in mean cosine",
            symbol="max share",
            formula="max_i (s_i² − Σu_i²)/Σ_j(s_j² − Σu_j²), s = Σu",
            bounds=("1/d", "inf"),
            citation=_TIMKEY,
        ),
        lambda c: cosine.top_cosine_share(c.moments.unit_sum, c.moments.unit_squares),
        _top_share_influence,
        "log",
    ),
    directional(
        info_of(
            "top_cosine_coordinate",
            title="Coordinate with the largest share in mean cosine",
            symbol="argmax share",
            formula="the i of top_cosine_share, from 0",
            bounds=("0", "d - 1"),
            unit="index",
            citation=_TIMKEY,
        ),
        lambda c: cosine.top_cosine_coordinate(c.moments.unit_sum, c.moments.unit_squares),
        None,
    ),
    spectral(
        info_of(
            "participation_ratio",
            title="Participation ratio",
            symbol="PR",
            formula="(Σλ)²/Σλ²",
            bounds=("1", "d"),
            unit="dimensions",
            citation="Gao et al. 2017, doi 10.1101/214262; "
            "bias: Chun et al. 2025, arXiv 2509.26560",
        ),
        spectrum.participation_ratio,
        spectrum.participation_ratio_gradient,
        "log",
    ),
    spectral(
        info_of(
            "isoscore",
            title="IsoScore",
            symbol="ι",
            formula="(participation_ratio − 1)/(d − 1)",
            bounds=("0", "1"),
            citation="Rudman et al. 2022, arXiv 2108.07344",
        ),
        spectrum.isoscore,
        spectrum.isoscore_gradient,
        "logit",
    ),
    spectral(
        info_of(
            "effective_rank",
            title="Effective rank",
            symbol="erank",
            formula="exp(−Σ q ln q), q = σ/Σσ",
            bounds=("1", "min(n, d)"),
            unit="dimensions",
            citation="Roy & Vetterli 2007; Garrido et al. 2023, arXiv 2210.02885",
        ),
        spectrum.effective_rank,
        spectrum.effective_rank_gradient,
        "log",
    ),
    spectral(
        info_of(
            "spectral_entropy",
            title="Spectral entropy",
            symbol="H",
            formula="−Σ p ln p, p = λ/Σλ",
            bounds=("0", "log(min(n, d))"),
            unit="nats",
            citation="Skean et al. 2025, arXiv 2502.02013",
        ),
        spectrum.spectral_entropy,
        spectrum.spectral_entropy_gradient,
        "log",
    ),
    spectral(
        info_of(
            "spectral_slope",
            title="Spectral slope",
            symbol="−α",
            formula="least-squares slope of ln λ_i on ln i, i = 11 … 100",
            bounds=("-inf", "0"),
            citation="Agrawal et al. 2022, NeurIPS 35; Stringer et al. 2019, "
            "doi 10.1038/s41586-019-1346-5",
        ),
        spectrum.spectral_slope,
        spectrum.spectral_slope_gradient,
        "linear",
    ),
    *(
        spectral(
            info_of(
                f"pca_dim_{percent}",
                title=f"Components for {percent} % of the variance",
                symbol=f"m{percent}",
                formula=f"smallest m with λ₁ + … + λ_m ≥ 0.{percent} Σλ",
                bounds=("1", "d"),
                unit="dimensions",
                citation="Jolliffe 2002, Principal Component Analysis, ch. 6",
            ),
            partial(spectrum.pca_dim, share=percent / 100),
            partial(spectrum.pca_dim_gradient, share=percent / 100),
            "count",
        )
        for percent in (90, 95, 99)
    ),
    *(
        length(
            info_of(
                f"norm_p{percent:02d}",
                title=f"Norm, {label}",
                symbol=f"‖x‖ p{percent:02d}",
                formula=f"{percent} % quantile of ‖x‖",
                bounds=("0", "inf"),
                citation=_NORM,
            ),
            partial(lambda q, c: norms.norm_quantile(c.sample_norms, q), percent / 100),
            quantile=percent / 100,
        )
        for percent, label in ((1, "1st percentile"), (50, "median"), (99, "99th percentile"))
    ),
    length(
        info_of(
            "norm_max",
            title="Norm, largest",
            symbol="max ‖x‖",
            formula="max ‖x‖",
            bounds=("0", "inf"),
            citation=_NORM,
        ),
        lambda c: c.moments.norm_max if c.n else float("nan"),
    ),
    length(
        info_of(
            "massive_ratio",
            title="Massive activation ratio",
            symbol="max|x|/med|x|",
            formula="largest absolute coordinate / median absolute coordinate",
            bounds=("0", "inf"),
            citation="Sun et al. 2024, arXiv 2402.17762",
        ),
        lambda c: norms.massive_ratio(c.moments.abs_max, c.sample_abs_median),
    ),
    local(
        dimension_info(
            "twonn",
            title="Intrinsic dimension (TwoNN)",
            symbol="d₂ₙₙ",
            formula="slope through the origin of −ln(1 − F) on ln(r₂/r₁), largest 10 % discarded",
            citation=_FACCO,
        ),
        lambda c: dimension.twonn(c.graph.distances),
        lambda c, value: influence.twonn(c.graph.distances, value),
        least=2,
    ),
    local(
        dimension_info(
            "twonn_low20",
            title="Intrinsic dimension (TwoNN, lowest fifth)",
            symbol="d₂ₙₙ low20",
            formula="the regression of twonn on the lowest 20 % of the ratios only",
            citation=f"{_FACCO}; the rule: Razzhigaev et al. 2024, arXiv 2311.05928",
        ),
        lambda c: dimension.twonn_low20(c.graph.distances),
        _twonn_low20_influence,
        least=2,
    ),
    local(
        dimension_info(
            "twonn_ml",
            title="Intrinsic dimension (TwoNN, maximum likelihood)",
            symbol="d₂ₙₙ ml",
            formula="m/(Σ_{i≤m} x_i + (n − m)x_m), x = ln(r₂/r₁) ascending, m = 90 % of n",
            citation=f"{_FACCO}; Denti et al. 2022, doi 10.1038/s41598-022-20991-1",
        ),
        lambda c: dimension.twonn_ml(c.graph.distances),
        lambda c, value: influence.twonn_ml(c.graph.distances, value),
        least=2,
    ),
    local(
        dimension_info(
            "corrint",
            title="Intrinsic dimension (correlation integral)",
            symbol="d_corr",
            formula="ln(C(b)/C(a))/ln(b/a), C(r) share of pairs within r, "
            "a, b medians of r_10, r_20",
            citation="Grassberger & Procaccia 1983, doi 10.1016/0167-2789(83)90298-1",
        ),
        lambda c: dimension_by_scale.corrint(c.graph.within, c.graph.radii),
        lambda c, value: influence.corrint(value, c.graph.within, c.graph.radii, c.graph.distances),
    ),
    local(
        dimension_info(
            "mom",
            title="Intrinsic dimension (method of moments)",
            symbol="d_mom",
            formula="mean over tokens of r̄/(r_k − r̄), r̄ the mean of r_1 … r_k, k = 20",
            citation="Amsaleg et al. 2018, doi 10.1007/s10618-018-0578-6",
        ),
        lambda c: dimension.mom(c.graph.distances),
        lambda c, _value: dimension.local_moments(c.graph.distances),
    ),
    local(
        dimension_info(
            "mada",
            title="Intrinsic dimension (manifold-adaptive)",
            symbol="d_mada",
            formula="mean over tokens of ln 2/ln(r_k/r_{k/2}), k = 20",
            citation="Farahmand et al. 2007, doi 10.1145/1273496.1273530",
        ),
        lambda c: dimension.mada(c.graph.distances),
        lambda c, _value: dimension.local_widenings(c.graph.distances),
    ),
    local(
        dimension_info(
            "mle",
            title="Intrinsic dimension (maximum likelihood)",
            symbol="d_mle",
            formula="harmonic mean over tokens of [1/(k − 1) · Σ_{j<k} ln(r_k/r_j)]⁻¹, k = 20",
            citation=f"{_LEVINA}; MacKay & Ghahramani 2005",
        ),
        lambda c: dimension.mle(c.local_dimensions),
        lambda c, value: influence.harmonic_mean(c.local_dimensions, value),
    ),
    *(
        local_quantile(
            dimension_info(
                f"lid_p{percent:02d}",
                title=f"Local intrinsic dimension, {percent} % quantile",
                symbol=f"LID p{percent:02d}",
                formula=f"{percent} % quantile over tokens of the local estimate, k = 20",
                citation=_LEVINA,
            ),
            percent / 100,
        )
        for percent in (5, 25, 50, 75, 95)
    ),
]
