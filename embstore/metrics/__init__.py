"""Metrics: what each measures, how it is computed, how sure it is.

A metric is one file in ``of_one_layer`` or ``of_two_layers``; ``registry`` finds them all.
``names`` and ``conventions`` can be imported at no cost.
"""
