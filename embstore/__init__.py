"""embstore: measure, store and query the geometry of transformer embeddings.

``open`` a store to ask it; ``ingest`` measures models into one. Names are loaded when
first used: asking never imports torch, and the command line starts at once.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embstore.answer import Answer
    from embstore.api import Store
    from embstore.api import open_store as open  # noqa: A004 - embstore.open, as in gzip.open
    from embstore.commands import ingest, ingest_study, measure
    from embstore.errors import (
        CorpusError,
        EmbstoreError,
        IngestError,
        MeasurementError,
        ModelError,
        QueryError,
        StoreError,
        StoreLockedError,
        StoreVersionError,
        UsageError,
    )

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "CorpusError",
    "EmbstoreError",
    "IngestError",
    "MeasurementError",
    "ModelError",
    "QueryError",
    "Store",
    "StoreError",
    "StoreLockedError",
    "StoreVersionError",
    "UsageError",
    "__version__",
    "ingest",
    "ingest_study",
    "measure",
    "open",
]

# Where each name is, and what it is called there.
_PLACES = {
    "Answer": ("answer", "Answer"),
    "Store": ("api", "Store"),
    "open": ("api", "open_store"),
    "ingest": ("commands", "ingest"),
    "ingest_study": ("commands", "ingest_study"),
    "measure": ("commands", "measure"),
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
