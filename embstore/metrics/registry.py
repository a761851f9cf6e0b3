"""The catalogue of metrics, of one layer and of two.

A metric is a function in one of the modules beside this one and an entry in
``catalogue`` or ``pair_catalogue``. Its name is its key in the store and permanent; a
changed definition raises its version, which gives new runs a new id.
"""

from embstore.metrics.catalogue import CATALOGUE
from embstore.metrics.dimension_by_scale import GRIDE_RANKS
from embstore.metrics.metric import Metric
from embstore.metrics.one_layer import Cloud
from embstore.metrics.pair_catalogue import PAIR_CATALOGUE
from embstore.metrics.two_layers import Pair
from embstore.types import MetricInfo

# Of one layer, and of a layer and the next.
METRICS: dict[str, Metric[Cloud]] = {metric.info.name: metric for metric in CATALOGUE}
PAIR_METRICS: dict[str, Metric[Pair]] = {metric.info.name: metric for metric in PAIR_CATALOGUE}

# The neighbours of the sample that the catalogue needs.
N_NEIGHBORS = 2 * max(GRIDE_RANKS)


def metric_infos(*, pairs: bool) -> tuple[MetricInfo, ...]:
    """Return what the metrics of a run mean, with those of two layers or without."""
    infos = [metric.info for metric in METRICS.values()]
    if pairs:
        infos += [metric.info for metric in PAIR_METRICS.values()]
    return tuple(infos)
