"""embstore: measure, store and query the geometry of transformer embeddings."""

__version__ = "0.1.0"

__all__ = ["__version__"]
