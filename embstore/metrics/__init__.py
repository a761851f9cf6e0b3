"""Metrics: what each measures, how it is computed, how sure it is.

``registry`` lists them all; ``names`` can be imported at no cost.
"""
