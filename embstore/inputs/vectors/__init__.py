"""Files of vectors: arrays, tables and word vectors, from where they lie to an array."""
