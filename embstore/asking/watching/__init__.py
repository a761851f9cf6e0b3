"""The newest numbers of a training, while it runs."""
