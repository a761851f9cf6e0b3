"""Shows what an ingest would do: for people with units, for programs in bytes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from embstore.cli.output import choose_format, write_table

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.preview import Preview

_FOR_PEOPLE = {"table", "md"}


def show(previews: Sequence["Preview"], format_: str, output: Path | None) -> None:
    """Write one row per model, in a format of ``FORMATS``."""
    chosen = choose_format(format_, output)
    write_table(_table(previews, units=chosen in _FOR_PEOPLE), chosen, output, upright=True)


def readable_bytes(n: int) -> str:
    """Write a size with three digits and a decimal unit.

    >>> readable_bytes(538_060_032), readable_bytes(1_234), readable_bytes(80_776_000_000)
    ('538 MB', '1.23 kB', '80.8 GB')
    """
    size, unit = float(n), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        # What would be written as 1000 belongs to the next unit.
        if size < 999.5:
            break
        size, unit = size / 1000, larger
    decimals = 0 if unit == "B" or size >= 99.95 else 1 if size >= 9.995 else 2
    return f"{size:.{decimals}f} {unit}"


def _table(previews: Sequence["Preview"], *, units: bool) -> "pa.Table":
    import pyarrow as pa

    rows = []
    for preview in previews:
        row: dict[str, object] = {
            "model": preview.model,
            "revision": preview.revision,
            "step": preview.step,
            "status": preview.status,
        }
        if work := preview.work:
            row |= {
                "run_id": work.run_id,
                "architecture": work.architecture,
                "windows": work.n_windows,
                "tokens": work.n_tokens,
                "layers": work.n_layers,
                "hidden_size": work.hidden_size,
                "parameters": work.n_parameters,
            }
            sizes = {"download_bytes": work.download_bytes, **work.memory.as_columns()}
            for name, size in sizes.items():
                shown = {name.removesuffix("_bytes"): readable_bytes(size)}
                row |= shown if units else {name: size}
        rows.append({**row, "duplicate_of": preview.duplicate_of, "reason": preview.reason})
    # A checkpoint that cannot be measured has fewer columns than others.
    columns = dict.fromkeys(name for row in rows for name in row)
    rows = [{name: row.get(name) for name in columns} for row in rows]
    table = pa.Table.from_pylist(rows)
    # Without a stored run the column would have no type.
    at = table.column_names.index("run_id")
    return table.set_column(at, "run_id", table["run_id"].cast(pa.string()))
