"""A question, an SQL file, to its answer."""
