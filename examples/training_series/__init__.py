"""A small training, measured while it runs and again from what it saved."""
