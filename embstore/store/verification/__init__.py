"""Looks for what no store should have; changes nothing."""
