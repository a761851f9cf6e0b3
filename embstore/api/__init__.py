"""The Python face: a store to ask, and functions that measure."""
