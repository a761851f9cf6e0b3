"""The tests. Several processes run them side by side; each gets its share of the cores."""

import os

_workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if _workers > 1:
    # Read when numpy and torch are imported, so here, before anything imports them; processes
    # that tests start inherit it. Otherwise each worker would use all cores, and wait for them.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // _workers)))
