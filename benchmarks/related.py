"""Which metrics rank the layers of real models alike: ``python -m benchmarks.related STORE``.

The store has the two models that make demo measures, with every metric:

    embstore ingest DECODER --corpus TEXT --metrics all,head,attention --head --attention \
      --no-intervals --store STORE
    embstore ingest ENCODER --corpus TEXT --metrics all,attention --attention --no-intervals \
      --store STORE

Layers are ranked within one model and scope, so that neither a model's width nor its tokens count;
the correlations (Spearman's) are averaged over these, weighted by the layers. It writes
``embstore/metrics/related.py``, which says of each metric what it goes with.
"""

import itertools
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy import stats

import embstore
from embstore.metrics.selection import ALL

# From here on two metrics say the same of a model's layers.
ALIKE = 0.95
_WRITTEN = Path(__file__).parents[1] / "embstore" / "metrics" / "related.py"
_LAYERS = """
SELECT model, scope, metric, list(value ORDER BY stack, layer) AS numbers
FROM profile_latest
WHERE site <> 'final_norm'
GROUP BY model, scope, metric
HAVING count(value) >= 5
ORDER BY ALL
"""
_HEAD = '''"""Which metrics rank the layers of real models alike: Spearman's correlations.

Made by benchmarks/related.py from every layer of SmolLM2-135M-Instruct and all-MiniLM-L6-v2 over
the text of make demo: run that again where a metric comes or changes. Those of .95 and more, the
closest first; a minus says that one falls where the other rises.
"""

from collections.abc import Mapping

RELATED: Mapping[str, tuple[tuple[str, float], ...]] = {
'''


def profiles(store: str) -> dict[tuple[str, str], dict[str, Sequence[float | None]]]:
    """Return the numbers of each model's layers in each scope, by metric."""
    found: dict[tuple[str, str], dict[str, Sequence[float | None]]] = {}
    for row in embstore.open(store).sql(_LAYERS).to_pylist():
        found.setdefault((row["model"], row["scope"]), {})[row["metric"]] = row["numbers"]
    return found


def correlation(
    layers: Mapping[tuple[str, str], Mapping[str, Sequence[float | None]]], a: str, b: str
) -> float:
    """Return the mean rank correlation of two metrics; NaN where it is nowhere defined."""
    found, weights = [], []
    for numbers in layers.values():
        if a not in numbers or b not in numbers:
            continue
        # One of two layers has a number less: that of the last layer.
        pairs = np.array(list(zip(numbers[a], numbers[b], strict=False)), dtype=float)
        pairs = pairs[np.isfinite(pairs).all(axis=1)]
        if len(pairs) < 5 or (np.ptp(pairs, axis=0) == 0).any():
            continue
        found.append(float(stats.spearmanr(*pairs.T).statistic))
        weights.append(len(pairs))
    return float(np.average(found, weights=weights)) if found else float("nan")


def related(store: str) -> dict[str, list[tuple[str, float]]]:
    """Return of each metric those that it goes with, the closest first."""
    layers = profiles(store)
    found: dict[str, list[tuple[str, float]]] = {name: [] for name in ALL}
    for a, b in itertools.combinations(ALL, 2):
        # Which coordinate it is has no order.
        if "top_cosine_coordinate" in {a, b}:
            continue
        if abs(rho := correlation(layers, a, b)) >= ALIKE:
            found[a].append((b, rho))
            found[b].append((a, rho))
    return {
        name: sorted(others, key=lambda other: -abs(other[1]))
        for name, others in found.items()
        if others
    }


def main(store: str) -> None:
    """Write what goes with what."""
    lines = [
        f"    {name!r}: ({', '.join(f'({other!r}, {rho:.2f})' for other, rho in others)},),"
        for name, others in related(store).items()
    ]
    _WRITTEN.write_text(_HEAD + "\n".join(lines) + "\n}\n")
    subprocess.run(["ruff", "format", "--quiet", str(_WRITTEN)], check=True)


if __name__ == "__main__":
    main(sys.argv[1])
