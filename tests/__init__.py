"""The tests. Several processes run them side by side; each gets its share of the cores."""

import os

# Both are read when libraries are imported, and this file is imported before all others. The
# processes that tests start inherit them.

# A test never reaches the network: a Hub id is only looked for in the cache.
os.environ["HF_HUB_OFFLINE"] = "1"

_workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if _workers > 1:
    # Otherwise each worker's linear algebra would use all cores, and wait for them.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // _workers)))
