"""The public names of callbacks that measure a model while a trainer trains it."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embstore.ingestion.training.alerts import Alert
    from embstore.ingestion.training.lightning_callback import EmbstoreLightningCallback
    from embstore.ingestion.training.trainer_callback import EmbstoreCallback

__all__ = ["Alert", "EmbstoreCallback", "EmbstoreLightningCallback"]

# Each takes its own trainer's library, which need not be there.
_PLACES = {
    "Alert": "alerts",
    "EmbstoreCallback": "trainer_callback",
    "EmbstoreLightningCallback": "lightning_callback",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'embstore.callback' has no attribute {name!r}")
    return getattr(importlib.import_module(f"embstore.ingestion.training.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
