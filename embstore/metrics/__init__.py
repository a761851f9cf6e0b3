"""The catalogue of metrics: one entry each, the one place that lists them.

A metric is a function in one of the modules beside this one and an entry here.
Its name is its key in the store and permanent; a changed definition raises its
version, which gives new runs a new id.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from embstore.metrics import cosine, dimension, norms, spectrum
from embstore.metrics.cloud import Cloud
from embstore.types import MetricInfo

# The neighbours of the sample that the catalogue needs.
N_NEIGHBORS = dimension.MLE_NEIGHBORS

Source = Literal["tokens", "directions", "sample", "distances"]


@dataclass(frozen=True)
class Metric:
    """A catalogue entry: what the number means and how it is made.

    ``source`` says which vectors are behind the number: all tokens, those with a
    direction, the kept sample, or its distinct points.
    """

    info: MetricInfo
    source: Source
    compute: Callable[[Cloud], float]


@dataclass(frozen=True)
class Value:
    """A metric's value with the number of vectors behind it; None with a reason."""

    value: float | None
    n: int
    reason: str | None = None


def evaluate(metric: Metric, cloud: Cloud) -> Value:
    """Compute one metric of one cloud; an undefined value comes with its reason."""
    n = {
        "tokens": cloud.n,
        "directions": cloud.n_unit,
        "sample": len(cloud.sample_norms),
        "distances": len(cloud.distances),
    }[metric.source]
    number = metric.compute(cloud)
    if number - number == 0:  # finite
        return Value(number, n)
    return Value(None, n, _why_undefined(metric, cloud, n))


def _why_undefined(metric: Metric, cloud: Cloud, n: int) -> str:
    if metric.source == "distances":
        wanted = 2 if metric.info.name.startswith("twonn") else N_NEIGHBORS
        if cloud.distances.shape[1] < wanted or n < 3:
            return f"{n} distinct points in the sample, at least {wanted + 1} needed"
        return "neighbours lie at equal distances"
    if n < 2:
        return f"{n} {'vectors with a direction' if metric.source == 'directions' else 'tokens'}"
    if cloud.eigenvalues[0] == 0:
        return "all vectors are equal"
    if cloud.d == 1:
        return "needs more than one dimension"
    if metric.info.name == "spectral_slope":
        return "fewer than 10 directions with variance from the 11th on"
    if metric.source == "directions":
        return "the mean cosine is zero"
    return "more than half of all coordinates are zero"


def _metric(
    name: str,
    compute: Callable[[Cloud], float],
    source: Source,
    *,
    title: str,
    symbol: str,
    formula: str,
    bounds: tuple[str, str],
    citation: str,
    unit: str = "1",
) -> Metric:
    info = MetricInfo(name, 1, title, symbol, formula, unit, bounds[0], bounds[1], citation)
    return Metric(info, source, compute)


_FACCO = "Facco et al. 2017, doi 10.1038/s41598-017-11873-y"
_LEVINA = "Levina & Bickel 2004, NeurIPS 17"
_TIMKEY = "Timkey & van Schijndel 2021, arXiv 2109.04404"
_NORM = f"Euclidean norm; see {_TIMKEY}"

_CATALOGUE = [
    _metric(
        "anisotropy",
        lambda c: spectrum.anisotropy(c.eigenvalues),
        "tokens",
        title="Anisotropy",
        symbol="λ₁/Σλ",
        formula="largest covariance eigenvalue / sum of all",
        bounds=("1/d", "1"),
        citation="Razzhigaev et al. 2024, arXiv 2311.05928",
    ),
    _metric(
        "mean_cosine",
        lambda c: cosine.mean_cosine(c.unit_sum, c.n_unit),
        "directions",
        title="Mean cosine similarity",
        symbol="⟨cos⟩",
        formula="(‖Σu‖² − N)/(N(N − 1)), u = x/‖x‖, not centred, over all pairs",
        bounds=("-1/(n - 1)", "1"),
        citation="Ethayarajh 2019, arXiv 1909.00512",
    ),
    _metric(
        "top_cosine_share",
        lambda c: cosine.top_cosine_share(c.unit_sum, c.unit_squares),
        "directions",
        title="Largest share of one coordinate in mean cosine",
        symbol="max share",
        formula="max_i (s_i² − Σu_i²)/Σ_j(s_j² − Σu_j²), s = Σu",
        bounds=("1/d", "inf"),
        citation=_TIMKEY,
    ),
    _metric(
        "top_cosine_coordinate",
        lambda c: cosine.top_cosine_coordinate(c.unit_sum, c.unit_squares),
        "directions",
        title="Coordinate with the largest share in mean cosine",
        symbol="argmax share",
        formula="the i of top_cosine_share, from 0",
        bounds=("0", "d - 1"),
        unit="index",
        citation=_TIMKEY,
    ),
    _metric(
        "participation_ratio",
        lambda c: spectrum.participation_ratio(c.eigenvalues),
        "tokens",
        title="Participation ratio",
        symbol="PR",
        formula="(Σλ)²/Σλ²",
        bounds=("1", "d"),
        unit="dimensions",
        citation="Gao et al. 2017, doi 10.1101/214262; bias: Chun et al. 2025, arXiv 2509.26560",
    ),
    _metric(
        "isoscore",
        lambda c: spectrum.isoscore(c.eigenvalues),
        "tokens",
        title="IsoScore",
        symbol="ι",
        formula="(participation_ratio − 1)/(d − 1)",
        bounds=("0", "1"),
        citation="Rudman et al. 2022, arXiv 2108.07344",
    ),
    _metric(
        "effective_rank",
        lambda c: spectrum.effective_rank(c.eigenvalues),
        "tokens",
        title="Effective rank",
        symbol="erank",
        formula="exp(−Σ q ln q), q = σ/Σσ",
        bounds=("1", "min(n, d)"),
        unit="dimensions",
        citation="Roy & Vetterli 2007; Garrido et al. 2023, arXiv 2210.02885",
    ),
    _metric(
        "spectral_entropy",
        lambda c: spectrum.spectral_entropy(c.eigenvalues),
        "tokens",
        title="Spectral entropy",
        symbol="H",
        formula="−Σ p ln p, p = λ/Σλ",
        bounds=("0", "log(min(n, d))"),
        unit="nats",
        citation="Skean et al. 2025, arXiv 2502.02013",
    ),
    _metric(
        "spectral_slope",
        lambda c: spectrum.spectral_slope(c.eigenvalues),
        "tokens",
        title="Spectral slope",
        symbol="−α",
        formula="least-squares slope of ln λ_i on ln i, i = 11 … 100",
        bounds=("-inf", "0"),
        citation="Agrawal et al. 2022, NeurIPS 35; Stringer et al. 2019, "
        "doi 10.1038/s41586-019-1346-5",
    ),
    *(
        _metric(
            f"pca_dim_{percent}",
            partial(lambda share, c: spectrum.pca_dim(c.eigenvalues, share), percent / 100),
            "tokens",
            title=f"Components for {percent} % of the variance",
            symbol=f"m{percent}",
            formula=f"smallest m with λ₁ + … + λ_m ≥ 0.{percent} Σλ",
            bounds=("1", "d"),
            unit="dimensions",
            citation="Jolliffe 2002, Principal Component Analysis, ch. 6",
        )
        for percent in (90, 95, 99)
    ),
    *(
        _metric(
            f"norm_p{percent:02d}",
            partial(lambda q, c: norms.norm_quantile(c.sample_norms, q), percent / 100),
            "sample",
            title=f"Norm, {label}",
            symbol=f"‖x‖ p{percent:02d}",
            formula=f"{percent} % quantile of ‖x‖",
            bounds=("0", "inf"),
            citation=_NORM,
        )
        for percent, label in ((1, "1st percentile"), (50, "median"), (99, "99th percentile"))
    ),
    _metric(
        "norm_max",
        lambda c: c.norm_max,
        "tokens",
        title="Norm, largest",
        symbol="max ‖x‖",
        formula="max ‖x‖",
        bounds=("0", "inf"),
        citation=_NORM,
    ),
    _metric(
        "massive_ratio",
        lambda c: norms.massive_ratio(c.abs_max, c.sample_abs_median),
        "tokens",
        title="Massive activation ratio",
        symbol="max|x|/med|x|",
        formula="largest absolute coordinate / median absolute coordinate",
        bounds=("0", "inf"),
        citation="Sun et al. 2024, arXiv 2402.17762",
    ),
    _metric(
        "twonn",
        lambda c: dimension.twonn(c.distances),
        "distances",
        title="Intrinsic dimension (TwoNN)",
        symbol="d₂ₙₙ",
        formula="slope through the origin of −ln(1 − F) on ln(r₂/r₁), largest 10 % discarded",
        bounds=("0", "inf"),
        unit="dimensions",
        citation=_FACCO,
    ),
    _metric(
        "twonn_low20",
        lambda c: dimension.twonn_low20(c.distances),
        "distances",
        title="Intrinsic dimension (TwoNN, lowest fifth)",
        symbol="d₂ₙₙ low20",
        formula="the regression of twonn on the lowest 20 % of the ratios only",
        bounds=("0", "inf"),
        unit="dimensions",
        citation=f"{_FACCO}; the rule: Razzhigaev et al. 2024, arXiv 2311.05928",
    ),
    _metric(
        "twonn_ml",
        lambda c: dimension.twonn_ml(c.distances),
        "distances",
        title="Intrinsic dimension (TwoNN, maximum likelihood)",
        symbol="d₂ₙₙ ml",
        formula="m/(Σ_{i≤m} x_i + (n − m)x_m), x = ln(r₂/r₁) ascending, m = 90 % of n",
        bounds=("0", "inf"),
        unit="dimensions",
        citation=f"{_FACCO}; Denti et al. 2022, doi 10.1038/s41598-022-20991-1",
    ),
    _metric(
        "mom",
        lambda c: dimension.mom(c.distances),
        "distances",
        title="Intrinsic dimension (method of moments)",
        symbol="d_mom",
        formula="mean over tokens of r̄/(r_k − r̄), r̄ the mean of r_1 … r_k, k = 20",
        bounds=("0", "inf"),
        unit="dimensions",
        citation="Amsaleg et al. 2018, doi 10.1007/s10618-018-0578-6",
    ),
    _metric(
        "mada",
        lambda c: dimension.mada(c.distances),
        "distances",
        title="Intrinsic dimension (manifold-adaptive)",
        symbol="d_mada",
        formula="mean over tokens of ln 2/ln(r_k/r_{k/2}), k = 20",
        bounds=("0", "inf"),
        unit="dimensions",
        citation="Farahmand et al. 2007, doi 10.1145/1273496.1273530",
    ),
    _metric(
        "mle",
        lambda c: dimension.mle(c.local_dimensions),
        "distances",
        title="Intrinsic dimension (maximum likelihood)",
        symbol="d_mle",
        formula="harmonic mean over tokens of [1/(k − 1) · Σ_{j<k} ln(r_k/r_j)]⁻¹, k = 20",
        bounds=("0", "inf"),
        unit="dimensions",
        citation=f"{_LEVINA}; MacKay & Ghahramani 2005",
    ),
    *(
        _metric(
            f"lid_p{percent:02d}",
            partial(lambda q, c: dimension.lid_quantile(c.local_dimensions, q), percent / 100),
            "distances",
            title=f"Local intrinsic dimension, {percent} % quantile",
            symbol=f"LID p{percent:02d}",
            formula=f"{percent} % quantile over tokens of the local estimate, k = 20",
            bounds=("0", "inf"),
            unit="dimensions",
            citation=_LEVINA,
        )
        for percent in (5, 25, 50, 75, 95)
    ),
]

METRICS: dict[str, Metric] = {metric.info.name: metric for metric in _CATALOGUE}
