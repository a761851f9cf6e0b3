"""Several machines: checkpoints of a series measured as tasks of a Ray cluster."""
