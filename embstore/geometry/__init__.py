"""From arrays of vectors to their sums and nearest neighbours."""
