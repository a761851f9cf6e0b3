"""Says why values are missing from an answer."""

from typing import TYPE_CHECKING

from embstore.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.store.database import Database

_NEEDED = ("run_id", "layer", "scope", "metric")
_FURTHER = ("stack", "site")

_REASONS = """
SELECT run_id, layer, scope, metric, stack, site, reason
FROM measurement
WHERE list_contains($runs::VARCHAR[], run_id) AND reason IS NOT NULL
ORDER BY ALL
"""


def with_reasons(database: "Database", table: "pa.Table") -> "pa.Table":
    """Put a column ``reason`` beside ``value``: why a value is missing.

    An answer that already has the column keeps it.

    Raises:
        UsageError: the columns do not identify the measurements.
    """
    import pyarrow as pa

    names = list(table.column_names)
    if "reason" in names:
        reasons = table["reason"]
        table = table.drop_columns(["reason"])
    else:
        lacking = [name for name in _NEEDED if name not in names]
        if lacking:
            raise UsageError(
                f"reasons for missing values need the columns {', '.join(_NEEDED)}; this answer "
                f"has no {', '.join(lacking)}"
            )
        reasons = pa.array(_found(database, table), type=pa.string())
    names = list(table.column_names)
    place = names.index("value") + 1 if "value" in names else len(names)
    return table.add_column(place, "reason", reasons)


def _found(database: "Database", table: "pa.Table") -> list[str | None]:
    keys = [name for name in (*_NEEDED, *_FURTHER) if name in table.column_names]
    runs = table["run_id"].unique().to_pylist()
    known: dict[tuple[object, ...], list[str]] = {}
    for row in database.select(_REASONS, {"runs": runs}).to_pylist():
        said = known.setdefault(tuple(row[key] for key in keys), [])
        if row["reason"] not in said:
            said.append(row["reason"])
    columns = [table[key].to_pylist() for key in keys]
    found = ["; ".join(known.get(key, [])) or None for key in zip(*columns, strict=True)]
    if "value" not in table.column_names:
        return found
    values = table["value"].to_pylist()
    return [None if v is not None else why for v, why in zip(values, found, strict=True)]
