"""Nearest neighbours of a token sample: exact, approximate, and how many lie within a radius."""
