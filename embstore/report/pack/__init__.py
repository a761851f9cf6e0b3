"""Measurements in few bytes that a browser reads."""
