"""Says where an answer puts numbers side by side that were not measured alike."""

from typing import TYPE_CHECKING

from embstore.asking.literal_sql import literal

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.store.connection import Database

_DISTINCT = """
SELECT
    list(DISTINCT tokens ORDER BY tokens) AS tokens,
    list(DISTINCT window_size ORDER BY window_size) AS "tokens per window",
    list(DISTINCT sample_size ORDER BY sample_size) AS "tokens kept",
    list(DISTINCT dtype ORDER BY dtype) AS dtype,
    list(DISTINCT seed ORDER BY seed) AS seed
FROM run
WHERE run_id IN (SELECT unnest(string_split({runs}, ',')))
"""
# What makes a row one of measured numbers, and not one about a run.
_MEASURED = {"depth", "layer", "value", "peak_value", "scope"}
_SHOWN = 4


def unequal_runs(database: "Database", table: "pa.Table") -> str | None:
    """Return what the runs behind an answer differ in besides model and text, or None.

    Args:
        database: the store that gave the answer.
        table: the answer; without a column ``run_id`` nothing is known of its runs.

    Raises:
        StoreError: the store cannot be read.
    """
    names = set(table.column_names)
    if "run_id" not in names or not names & _MEASURED:
        return None
    runs = [run for run in table["run_id"].unique().to_pylist() if run is not None]
    if len(runs) < 2:
        return None
    # Written in, for DuckDB imports pandas to bind a value, and as one text: of thousands of
    # runs a list takes longer to parse than the answer to find.
    written = literal(",".join(map(str, runs)), "VARCHAR")
    (found,) = database.select(_DISTINCT.format(runs=written)).to_pylist()
    unlike = [
        f"{what} ({', '.join(map(str, values[:_SHOWN]))}{', …' * (len(values) > _SHOWN)})"
        for what, values in found.items()
        if values is not None and len(values) > 1
    ]
    if not unlike:
        return None
    return f"These runs differ in {', '.join(unlike)}: their numbers differ for that reason too."
