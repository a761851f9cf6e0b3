"""Every metric, found in the folders ``of_one_layer`` and ``of_two_layers``.

A metric is one file there: its function, how its error is made, and its description, in a
list ``METRICS`` of one entry or a few alike. They stand in the order of their families, in
a family by the names of their files.
"""

import pkgutil
from importlib import import_module
from types import ModuleType

from embstore.metrics import of_one_layer, of_two_layers
from embstore.metrics.families import (
    attention,
    dimension,
    directional,
    head,
    length,
    neighborhood,
    next_layer,
    spectral,
    within_windows,
)
from embstore.metrics.gride import GRIDE_RANKS
from embstore.metrics.metric import Family, Metric, Subject
from embstore.metrics.one_layer import Cloud
from embstore.metrics.two_layers import Pair
from embstore.types import MetricInfo

FAMILIES: tuple[Family, ...] = (
    spectral.FAMILY,
    directional.FAMILY,
    length.FAMILY,
    dimension.FAMILY,
    neighborhood.FAMILY,
    within_windows.FAMILY,
    head.FAMILY,
    attention.FAMILY,
    next_layer.FAMILY,
)


def find_metrics(folder: ModuleType, _subject: type[Subject]) -> dict[str, Metric[Subject]]:
    """Return the metrics of every module in a folder, by name.

    Args:
        folder: a package whose modules each have a list ``METRICS``.

    Raises:
        ValueError: two metrics have the same name.
    """
    modules = sorted(module.name for module in pkgutil.iter_modules(folder.__path__))
    found: list[Metric[Subject]] = []
    for module in modules:
        found += import_module(f"{folder.__name__}.{module}").METRICS
    found.sort(key=lambda metric: FAMILIES.index(metric.family))
    metrics = {metric.name: metric for metric in found}
    if len(metrics) < len(found):
        names = [metric.name for metric in found]
        raise ValueError(f"two metrics are called {max(names, key=names.count)!r}")
    return metrics


# Of one layer, and of a layer and the next.
METRICS = find_metrics(of_one_layer, Cloud)
PAIR_METRICS = find_metrics(of_two_layers, Pair)

# How many neighbours of each point the metrics and the curve of dimensions need.
N_NEIGHBORS = 2 * max(GRIDE_RANKS)


def metric_infos(*, pairs: bool) -> tuple[MetricInfo, ...]:
    """Return what the metrics of a run mean, with those of two layers or without."""
    infos = [metric.info for metric in METRICS.values()]
    if pairs:
        infos += [metric.info for metric in PAIR_METRICS.values()]
    return tuple(infos)
