"""Which metrics are measured: chosen by name, family or preset, and what that takes."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from embstore.common.messages import unknown
from embstore.errors import UsageError
from embstore.metrics.metric import Metric, Need
from embstore.metrics.one_layer import Cloud
from embstore.metrics.registry import FAMILIES, METRICS, PAIR_METRICS
from embstore.metrics.two_layers import Pair
from embstore.types import MetricInfo

ALL = (*METRICS, *PAIR_METRICS)
# The command that lists them.
LISTING = "embstore ls metrics"

# What the study measured that embstore grew from, and nothing else: see Razzhigaev et al. 2024,
# arXiv 2311.05928.
_CORE = (
    *("anisotropy", "mean_cosine", "twonn", "mle"),
    *("lid_p05", "lid_p25", "lid_p50", "lid_p75", "lid_p95"),
)
# Metrics that take a pass of their own, which no other shares: products of tokens of one window, a
# second decomposition, the pairs within a distance, all pairs of directions, the shape of every
# neighbourhood, trees, each window alone, and any two layers.
_ASKED_FOR = (
    *("rankme", "corrint", "participation_ratio_corrected", "cka_debiased_next"),
    *("uniformity", "self_clustering"),
    *("tle", "ess", "local_pca", "ph_dim"),
    *("window_cosine", "window_entropy", "window_matrix_entropy", "curvature"),
    *("window_twonn_ml", "angular_distance_next"),
)
# What ranks real layers as a metric does that is measured anyway (metrics/related.py), and can be
# derived from the stored spectrum later.
SAID_ALREADY = ("band_above_100",)
# What no preset has: the model is loaded with its head for it, or runs with eager attention, which
# moves the last digits of all other numbers.
_OF_THE_MODEL = ("head", "attention")

_OF_STATES = tuple(
    name
    for name in ALL
    if (METRICS.get(name) or PAIR_METRICS[name]).family.name not in _OF_THE_MODEL
)

PRESETS: dict[str, tuple[str, ...]] = {
    "core": _CORE,
    "default": tuple(name for name in _OF_STATES if name not in (*_ASKED_FOR, *SAID_ALREADY)),
    "all": _OF_STATES,
}


@dataclass(frozen=True)
class Selection:
    """The chosen metrics.

    Attributes:
        names: of them, in the order of the catalogue, each once.
        intervals: whether each number gets its error.
    """

    names: tuple[str, ...] = _OF_STATES
    intervals: bool = True

    def __reduce__(self) -> tuple[type["Selection"], tuple[object, ...]]:
        # Another process is sent the names: what they stand for are functions.
        return Selection, (self.names, self.intervals)

    @cached_property
    def of_layer(self) -> tuple[Metric[Cloud], ...]:
        """Those of one layer."""
        return tuple(METRICS[name] for name in self.names if name in METRICS)

    @cached_property
    def of_pair(self) -> tuple[Metric[Pair], ...]:
        """Those of a layer and the next."""
        return tuple(PAIR_METRICS[name] for name in self.names if name in PAIR_METRICS)

    @cached_property
    def _needs(self) -> frozenset[Need]:
        of_layer = (metric.needs for metric in self.of_layer)
        return frozenset().union(*of_layer, *(metric.needs for metric in self.of_pair))

    def needs(self, what: Need) -> bool:
        """Tell whether any of them takes this."""
        return what in self._needs

    @property
    def eigen(self) -> Literal["directions", "values", "first"]:
        """How much of each covariance's decomposition they take.

        Errors of a spectral metric look along the directions; without one the first is enough.
        """
        if not self.needs("spectrum"):
            return "first"
        return "directions" if self.intervals else "values"

    @property
    def infos(self) -> tuple[MetricInfo, ...]:
        """What each of them means."""
        of_layer = (metric.info for metric in self.of_layer)
        return (*of_layer, *(metric.info for metric in self.of_pair))


def of_vectors(terms: Iterable[str] | None, *, pair: bool) -> Selection:
    """Return the metrics that some names choose of those that vectors alone have.

    Args:
        terms: names of metrics, families or presets; None for all.
        pair: whether those of a layer and the next are meant, else those of one.

    Raises:
        UsageError: an unknown name, or one of a metric that these vectors cannot have.
    """
    which = PAIR_METRICS if pair else METRICS
    if terms is None:
        return Selection(tuple(name for name in PRESETS["all"] if name in which))
    terms = list(terms)
    if not terms:
        raise UsageError("no metric is named; name at least one, or leave metrics out for all")
    chosen = choose_metrics(terms)
    for term in terms:
        if term in ALL and term not in PRESETS["all"]:
            raise UsageError(
                f"{term} takes the model that the vectors are of; measure that with an ingest"
            )
        if term in ALL and term not in which:
            needs = "one set of vectors" if pair else "a layer and the next, two sets of vectors"
            raise UsageError(f"{term} is of {needs}; leave it out or give those")
    names = tuple(name for name in chosen if name in which and name in PRESETS["all"])
    if not names:
        of = "two sets of vectors" if pair else "one set of vectors"
        raise UsageError(f"no metric is left to measure: {', '.join(terms)} has none of {of}")
    return Selection(names)


def choose_metrics(terms: Iterable[str], *, pairs: bool = True) -> tuple[str, ...]:
    """Return the metrics that some names choose, in the order of the catalogue, each once.

    Args:
        terms: names of metrics, families or presets.
        pairs: whether those of a layer and the next may be among them.

    Raises:
        UsageError: an unknown name; a metric of two layers is named, but pairs are not wanted; or
            nothing is left.

    >>> choose_metrics(["length", "anisotropy"])
    ('anisotropy', 'massive_ratio', 'norm_max', 'norm_p01', 'norm_p50', 'norm_p99')
    """
    families = {
        family.name: [
            name for name in ALL if (METRICS.get(name) or PAIR_METRICS[name]).family is family
        ]
        for family in FAMILIES
    }
    chosen: set[str] = set()
    for term in terms:
        if term in families or term in PRESETS:
            chosen.update(families.get(term) or PRESETS[term])
        elif term not in ALL:
            groups = (
                f"the presets {', '.join(PRESETS)}, the families {', '.join(families)}, and the "
                f"names that {LISTING} lists"
            )
            known = (*PRESETS, *families, *ALL)
            raise UsageError(unknown("metric", term, known, groups=groups, ls=LISTING))
        elif term in PAIR_METRICS and not pairs:
            raise UsageError(
                f"{term} compares each layer with the next, but pairs are not wanted; leave out "
                "one of the two"
            )
        else:
            chosen.add(term)
    left = tuple(name for name in ALL if name in chosen and (pairs or name in METRICS))
    if not left:
        raise UsageError("no metric is left to measure: all that are named compare two layers")
    return left
