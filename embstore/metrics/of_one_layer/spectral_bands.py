"""Spectral bands: which share of the variance lies along directions of some ranks."""

from functools import partial

import numpy as np

from embstore.metrics.families.spectral import shares, spectral
from embstore.metrics.metric import Description
from embstore.types import FloatArray

# The first and last rank of each band; the first direction alone is `anisotropy`.
_BANDS = {
    "2_10": (2, 10, "2 … 10", "The next nine directions after that of `anisotropy`."),
    "11_100": (
        11,
        100,
        "11 … 100",
        "The directions that `alpha_req` and `spectral_slope` fit a power law to.",
    ),
    "above_100": (
        101,
        None,
        "beyond 100",
        "The tail. It is 0 where there are no more than 100 dimensions, or tokens.",
    ),
}


def band(eigenvalues: FloatArray, first: int, last: int | None) -> float:
    """Tell which share of the variance lies along directions of some ranks.

    Σλ_i/Σλ over first <= i <= last, in [0, 1]; 0 where there are no such directions.

    Which bands to take no paper defines; from the 11th on Stringer et al. 2019,
    doi 10.1038/s41586-019-1346-5, fit a power law.

    >>> band(np.array([5.0, 3.0, 1.0, 1.0]), 2, 3)
    0.4
    """
    p = shares(eigenvalues)
    return float(p[first - 1 : last].sum()) if p is not None else float("nan")


def gradient(eigenvalues: FloatArray, first: int, last: int | None) -> FloatArray:
    """Differentiate ``band``."""
    within = np.zeros(len(eigenvalues))
    within[first - 1 : last] = 1.0
    return np.asarray((within - band(eigenvalues, first, last)) / eigenvalues.sum())


METRICS = [
    spectral(
        Description(
            name=f"band_{name}",
            title=f"Share of the variance, directions {ranks}",
            symbol=f"p {ranks}",
            formula="Σλ_i/Σλ over i > 100" if last is None else f"Σλ_i/Σλ over i = {ranks}",
            bounds=("0", "1"),
            citation="bands of embstore; the 11th as start of the tail: Stringer et al. 2019, "
            "doi 10.1038/s41586-019-1346-5",
            unchanged_by=("shift", "rotation", "duplication"),
            notes=f"""
            {notes} `anisotropy`, `band_2_10`, `band_11_100` and `band_above_100` add up to 1. The
            literature has no standard bands: these are decades, of which the second begins where
            papers begin to fit a power law. Where large directions come from sinks, compare scope
            `no_sinks`.
            """,
        ),
        partial(band, first=first, last=last),
        partial(gradient, first=first, last=last),
        transform="logit",
    )
    for name, (first, last, ranks, notes) in _BANDS.items()
]
