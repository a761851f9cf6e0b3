"""embstore: measure, store and query the geometry of transformer embeddings.

``open`` a store to ask it; ``ingest`` measures models into one. Names are loaded when
first used: asking never imports torch, and the command line starts at once.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embstore.api import Store, ingest, measure
    from embstore.api import open_store as open  # noqa: A004 - embstore.open, as in gzip.open
    from embstore.errors import (
        CorpusError,
        EmbstoreError,
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
    "CorpusError",
    "EmbstoreError",
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
    "measure",
    "open",
]

_IN_API = {"Store": "Store", "ingest": "ingest", "measure": "measure", "open": "open_store"}


def __getattr__(name: str) -> Any:
    if name in _IN_API:
        return getattr(importlib.import_module("embstore.api"), _IN_API[name])
    if name in __all__:
        return getattr(importlib.import_module("embstore.errors"), name)
    raise AttributeError(f"module 'embstore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
