"""Layers, scopes and metrics brought together: one pass in, every measurement out."""
