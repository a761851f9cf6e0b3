"""Several devices: checkpoints of a series measured side by side, each in a process of its own."""
