"""embstore: measure, store and query the geometry of transformer embeddings.

``open`` a store to ask it; ``ingest`` measures models into one. Names are loaded when
first used: asking never imports torch, and the command line starts at once.
"""

import importlib
from typing import TYPE_CHECKING, Any

from embstore._version import __version__

if TYPE_CHECKING:
    from embstore.api.convergence import convergence
    from embstore.api.ingest import ingest, ingest_study
    from embstore.api.kept_runs import take_in
    from embstore.api.metric_results import MetricResult, MetricResults
    from embstore.api.store import Store
    from embstore.api.store import open_store as open  # noqa: A004 - embstore.open, as in gzip.open
    from embstore.api.vectors import measure, measure_pair
    from embstore.asking.answer import Answer
    from embstore.errors import (
        CorpusError,
        EmbstoreError,
        IngestError,
        KeptError,
        MeasurementError,
        ModelError,
        QueryError,
        ScoreError,
        StoreError,
        StoreLockedError,
        StoreVersionError,
        UsageError,
    )
    from embstore.ingestion.training.recorder import Recorder

__all__ = [
    "Answer",
    "CorpusError",
    "EmbstoreError",
    "IngestError",
    "KeptError",
    "MeasurementError",
    "MetricResult",
    "MetricResults",
    "ModelError",
    "QueryError",
    "Recorder",
    "ScoreError",
    "Store",
    "StoreError",
    "StoreLockedError",
    "StoreVersionError",
    "UsageError",
    "__version__",
    "convergence",
    "ingest",
    "ingest_study",
    "measure",
    "measure_pair",
    "open",
    "take_in",
]

# Where each name is, and what it is called there.
_PLACES = {
    "Answer": ("asking.answer", "Answer"),
    "MetricResult": ("api.metric_results", "MetricResult"),
    "MetricResults": ("api.metric_results", "MetricResults"),
    "Recorder": ("ingestion.training.recorder", "Recorder"),
    "Store": ("api.store", "Store"),
    "open": ("api.store", "open_store"),
    "convergence": ("api.convergence", "convergence"),
    "ingest": ("api.ingest", "ingest"),
    "ingest_study": ("api.ingest", "ingest_study"),
    "take_in": ("api.kept_runs", "take_in"),
    "measure": ("api.vectors", "measure"),
    "measure_pair": ("api.vectors", "measure_pair"),
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        module, there = _PLACES[name]
        return getattr(importlib.import_module(f"embstore.{module}"), there)
    if name in __all__:
        return getattr(importlib.import_module("embstore.errors"), name)
    raise AttributeError(f"module 'embstore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
