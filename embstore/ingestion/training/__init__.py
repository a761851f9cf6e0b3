"""A model measured while it trains: in the training's own process, and never in its way."""
