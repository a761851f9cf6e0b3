"""embstore's benchmarks: ``python -m benchmarks.suite`` from the top of a checkout."""
