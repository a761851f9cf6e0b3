"""Answers against the definitions, worked out in float64 without embstore's shortcuts."""

import torch
from torch import Tensor

from benchmarks.saved_states import Cloud, clouds
from benchmarks.scale import Scale
from benchmarks.sections import Bar, Section, Table
from embstore.geometry.moments import Moments
from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.metrics.least_squares import RANK_CUTOFF
from embstore.metrics.of_one_layer.anisotropy import anisotropy
from embstore.metrics.of_one_layer.effective_rank import effective_rank
from embstore.metrics.of_one_layer.mean_cosine import mean_cosine
from embstore.metrics.of_one_layer.participation_ratio import participation_ratio
from embstore.metrics.of_two_layers.linearity import linearity_of

_K = 20
_BLOCK_ROWS = 256
_HEADER = (
    *("layer", "n x d", "distinct", "r_1 … r_20", "anisotropy", "participation ratio"),
    *("effective rank", "mean cosine (absolute)", "linearity (absolute)"),
)


def run(scale: Scale) -> Section:
    """Measure the largest error of each quantity on every layer."""
    rows = []
    errors: list[list[float]] = []
    for cloud in clouds(scale):
        found, n_distinct = _errors(cloud)
        errors.append(found)
        cells = (cloud.name, cloud.size, f"{n_distinct:,}", *(f"{x:.0e}" for x in found))
        rows.append(cells)
    distances, *spectra, cosine, linearity = (max(column) for column in zip(*errors, strict=True))
    text = (
        "Largest relative error over all tokens of the distances, from float64 differences of "
        "all pairs of distinct tokens; of spectrum metrics, from the singular values of the "
        "centred layer in float64; absolute error of mean cosine, from all pairs, and of "
        "linearity, from float64 least squares by singular vectors, with embstore's rank cut-off."
    )
    return Section(
        "Accuracy",
        text,
        (Table(_HEADER, tuple(rows), n_names=2),),
        (
            Bar("distances", distances),
            Bar("spectrum", max(spectra)),
            Bar("mean cosine", cosine),
            Bar("linearity error", linearity),
        ),
    )


def _errors(cloud: Cloud) -> tuple[list[float], int]:
    X, Y = (torch.from_numpy(Z).double() for Z in (cloud.X, cloud.Y))
    moments = Moments.of(cloud.X)
    found = nearest_neighbors(cloud.X, _K)
    points = torch.from_numpy(found.points).double()
    k = min(_K, len(points) - 1)
    expected = _all_pairs(points, k)
    distances = (torch.from_numpy(found.distances[:, :k]) / expected - 1).abs().max()
    sigma = torch.linalg.svdvals(X - X.mean(dim=0))
    p, q = sigma.square() / sigma.square().sum(), sigma / sigma.sum()
    entropy = -(q[q > 0] * q[q > 0].log()).sum()
    eigenvalues, _ = moments.eigen()
    relative = [
        abs(ours / float(exact) - 1)
        for ours, exact in (
            (anisotropy(eigenvalues), p[0]),
            (participation_ratio(eigenvalues), 1 / p.square().sum()),
            (effective_rank(eigenvalues), entropy.exp()),
        )
    ]
    cosine = mean_cosine(moments.unit_sum, moments.n - moments.n_zero) - _cosine_of_pairs(X)
    linearity = linearity_of(cloud.X, cloud.Y) - _least_squares(X, Y)
    return [float(distances), *relative, abs(cosine), abs(linearity)], len(points)


def _all_pairs(points: Tensor, k: int) -> Tensor:
    """Distances to the ``k`` nearest other points from differences to all, (n, k)."""
    rows = []
    for start in range(0, len(points), _BLOCK_ROWS):
        block = points[start : start + _BLOCK_ROWS]
        pairs = torch.cdist(block, points, compute_mode="donot_use_mm_for_euclid_dist")
        pairs[torch.arange(len(block)), start + torch.arange(len(block))] = torch.inf
        rows.append(pairs.topk(k, largest=False).values)
    return torch.cat(rows)


def _cosine_of_pairs(X: Tensor) -> float:
    norms = X.norm(dim=1)
    U = X[norms > 0] / norms[norms > 0, None]
    n = len(U)
    cosines = U @ U.T
    return float((cosines.sum() - cosines.diagonal().sum()) / (n * (n - 1)))


def _least_squares(X: Tensor, Y: Tensor) -> float:
    """1 - ‖Y - XA‖²/‖Y‖², both centred, by projection on the columns of X."""
    X, Y = X - X.mean(dim=0), Y - Y.mean(dim=0)
    # Coordinates differ by orders of magnitude; scaled ones span the same space.
    lengths = X.norm(dim=0)
    U, S, _ = torch.linalg.svd(X[:, lengths > 0] / lengths[lengths > 0], full_matrices=False)
    # Layer norm leaves one direction to rounding; fitting it or not is a definition.
    U = U[:, S.square() > RANK_CUTOFF * S[0].square()]
    residual = Y - U @ (U.T @ Y)
    return float(1 - residual.square().sum() / Y.square().sum())
