"""What runs that were just measured have found, in a line for each main metric."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from embstore.metrics.names import PEAKS_WITHOUT_EMBEDDING
from embstore.tables.looks import text_of

if TYPE_CHECKING:
    from embstore.store.database import Database

_NAMED = {"anisotropy": "anisotropy", "twonn": "intrinsic dimension (TwoNN)"}
# Of each stack; of several layers with the same value the lowest.
_PEAKS = """
SELECT
    run_id, metric, stack, n_stack_layers.n_layers,
    max(value) FILTER (scope = 'all') AS peak,
    first(layer ORDER BY value DESC, layer) FILTER (scope = 'all') AS layer,
    max(value) FILTER (scope = 'no_sinks') AS peak_no_sinks,
    first(layer ORDER BY value DESC, layer) FILTER (scope = 'no_sinks') AS layer_no_sinks
FROM measurement JOIN n_stack_layers USING (run_id, stack)
WHERE list_contains($runs, run_id) AND list_contains($metrics, metric)
    AND value IS NOT NULL
    -- The dimension of an embedding is that of the vocabulary read, not of what layers make of it.
    AND (site = 'block' OR site = 'embedding' AND NOT list_contains($of_blocks, metric))
GROUP BY ALL
ORDER BY stack
"""
_MOST_RUNS = 4


def run_findings(database: "Database", runs: Mapping[str, str]) -> list[str]:
    """Say where anisotropy and the intrinsic dimension peak in some runs, a line for each.

    Args:
        database: the store that has them.
        runs: what each is called, by its id. Of more than four the first and the last are named.
    """
    chosen = list(runs)
    if len(chosen) > _MOST_RUNS:
        chosen = [chosen[0], chosen[-1]]
    params = {
        "runs": chosen,
        "metrics": list(_NAMED),
        "of_blocks": sorted(PEAKS_WITHOUT_EMBEDDING),
    }
    found: dict[tuple[str, str], list[Mapping[str, object]]] = {}
    for row in database.select(_PEAKS, params).to_pylist():
        found.setdefault((row["metric"], row["run_id"]), []).append(row)
    lines = []
    for metric, name in _NAMED.items():
        parts = [
            _peak(row, runs[run] if len(runs) > 1 else "", one_stack=len(rows) == 1)
            for run in chosen
            for rows in [found.get((metric, run), [])]
            for row in rows
        ]
        if said := ", ".join(filter(None, parts)):
            lines.append(f"{name} peaks at {said}")
    return lines


def what_to_draw(database: "Database", runs: Iterable[str]) -> tuple[str, str] | None:
    """Return the metric and the scope that show some runs best; None where they have no number.

    A main metric and all tokens, else what comes first.
    """
    sql = (
        "SELECT DISTINCT metric, scope FROM measurement "
        "WHERE list_contains($runs, run_id) AND value IS NOT NULL ORDER BY metric, scope"
    )
    found = [
        (row["metric"], row["scope"])
        for row in database.select(sql, {"runs": list(runs)}).to_pylist()
    ]
    measured, scopes = ({pair[i] for pair in found} for i in (0, 1))
    if not found:
        return None
    metric = next(name for name in (*_NAMED, *sorted(measured)) if name in measured)
    return metric, next(scope for scope in ("all", *sorted(scopes)) if (metric, scope) in found)


def _peak(row: Mapping[str, object], label: str, *, one_stack: bool) -> str:
    if row["peak"] is None:
        return ""
    stack = "" if one_stack else f" of the {row['stack']}"
    where = f"layer {row['layer']} of {row['n_layers']}" if row["layer"] else "the embedding"
    said = f"{text_of(row['peak'])} in {where}{stack}"
    # Said where sinks make the peak, or move it.
    if row["metric"] == "anisotropy" and row["peak_no_sinks"] is not None:
        other = f"layer {row['layer_no_sinks']}" if row["layer_no_sinks"] else "the embedding"
        where = f", {other}" if row["layer_no_sinks"] != row["layer"] else ""
        said += f" (without sinks {text_of(row['peak_no_sinks'])}{where})"
    return f"{said} for {label}" if label else said
