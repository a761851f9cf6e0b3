"""Two models, checkpoints or runs, side by side."""
