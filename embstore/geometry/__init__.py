"""Arrays of vectors, to sums and nearest neighbours."""
