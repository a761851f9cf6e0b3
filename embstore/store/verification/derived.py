"""Derived numbers that their spectrum does not give, or that were measured as well."""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from embstore.store.quoting import quoted_ids

if TYPE_CHECKING:
    from embstore.store.database import Database

# A spectrum is stored to the last bit, and only sums over it may be taken in another order.
_TOLERANCE = 1e-9
_AT_ONCE = 16

# Gives the rows of the fault, with how many each stands for as ``n``.
DERIVED_AND_MEASURED = """
SELECT run_id, derivation.metric, 1 AS n
FROM derivation JOIN run USING (run_id)
WHERE json_valid(run.metric_versions)
    AND list_contains(json_keys(run.metric_versions), derivation.metric)
"""
_NAMES = "SELECT run_id, metric, version FROM derivation SEMI JOIN run USING (run_id) ORDER BY ALL"
_NUMBERS = """
SELECT s.run_id, s.stack, s.layer, s.site, s.scope, s.eigenvalues, s.n, m.metric, m.value
FROM spectrum AS s
JOIN measurement AS m
    ON m.run_id = s.run_id AND m.stack = s.stack AND m.layer = s.layer AND m.site = s.site
    AND m.scope = s.scope
JOIN derivation AS d ON d.run_id = m.run_id AND d.metric = m.metric
WHERE s.run_id IN (SELECT unnest(string_split({runs}, ',')))
ORDER BY s.run_id, s.stack, s.layer, s.site, s.scope, m.metric
"""
_SHOWN = ("run_id", "stack", "layer", "scope", "metric", "value")


def other_numbers(database: "Database") -> Iterator[Mapping[str, object]]:
    """Give the derived numbers that differ from what their spectrum gives now.

    What a later embstore defined otherwise, or only that knows, is left alone.
    """
    names = database.select(_NAMES).to_pylist()
    if not names:
        return
    # Computing takes what asking does without: most stores have no derived numbers.
    from embstore.metrics.from_spectra import DERIVABLE
    from embstore.store.derived_numbers import from_row, version_of

    wanted = {
        (row["run_id"], row["metric"])
        for row in names
        if row["metric"] in DERIVABLE and row["version"] == version_of(row["metric"])
    }
    runs = sorted({run_id for run_id, _ in wanted})
    for start in range(0, len(runs), _AT_ONCE):
        chosen = quoted_ids(runs[start : start + _AT_ONCE])
        for row in database.select(_NUMBERS.format(runs=chosen)).to_pylist():
            if (row["run_id"], row["metric"]) in wanted:
                (expected,) = from_row(row, [row["metric"]])
                if not _alike(row["value"], expected.value):
                    yield {name: row[name] for name in _SHOWN}


def _alike(stored: float | None, expected: float | None) -> bool:
    if stored is None or expected is None:
        return stored is expected
    return math.isclose(stored, expected, rel_tol=_TOLERANCE, abs_tol=1e-300)
