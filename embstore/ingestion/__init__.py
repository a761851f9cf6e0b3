"""Checkpoints into a store: planned, fetched ahead, measured and recorded."""
