"""Shows what an ingest would do: for people with units, for programs in bytes."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from embstore.cli.output import choose_format, write_table
from embstore.cli.terminal import TERMINAL

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.ingestion.dry_run import Preview

_FOR_PEOPLE = {"table", "md"}
_IN_BRIEF = (
    *("model", "revision", "step", "shuffle", "status", "tokens", "download", "total", "seconds"),
    *("duplicate_of", "reason"),
)


def show(
    previews: Sequence["Preview"], format_: str, output: Path | None, *, n_devices: int = 1
) -> None:
    """Write one row per model, in a format of ``FORMATS``.

    Args:
        previews: what to show.
        format_: how.
        output: where to; None for standard output.
        n_devices: as many checkpoints are measured at once.
    """
    chosen = choose_format(format_, output)
    for_people = chosen in _FOR_PEOPLE
    table = _table(previews, units=for_people)
    if for_people and len(previews) > 1:
        # Several get a line each; one alone is shown upright, with every column.
        table = table.select([name for name in _IN_BRIEF if name in table.column_names])
    write_table(table, chosen, output, upright=len(previews) == 1)
    if len(previews) > 1:
        TERMINAL.say(_summary(previews, n_devices))


def _summary(previews: Sequence["Preview"], n_devices: int) -> str:
    """Say in one line what there is to do, and what it takes together."""
    counts: Counter[str] = Counter(preview.status for preview in previews)
    work = [p.work for p in previews if p.work is not None and p.status == "to do"]
    words = {"to do": "to do", "stored": "stored", "cannot": "cannot be measured"}
    said = ", ".join(f"{counts[status]:,} {words[status]}" for status in words if counts[status])
    if not work:
        return said
    download = sum(w.download_bytes for w in work)
    # At worst those that need most are measured at the same time.
    at_once = sorted((w.memory.total for w in work), reverse=True)[:n_devices]
    several = len(at_once) > 1
    return (
        f"{said}: {readable_bytes(download)} to download, {readable_bytes(sum(at_once))} of memory "
        f"at the peak{f' with {len(at_once)} at once' * several}, "
        f"about {readable_seconds(sum(w.seconds for w in work))} of measuring"
        f"{' one after the other' * several}"
    )


def readable_seconds(seconds: float) -> str:
    """Write a time as coarsely as it was estimated.

    >>> readable_seconds(0.4), readable_seconds(75), readable_seconds(4000)
    ('1 s', '1.2 min', '1.1 h')
    """
    if seconds < 60:
        return f"{max(round(seconds), 1)} s"
    return f"{seconds / 60:.2g} min" if seconds < 3600 else f"{seconds / 3600:.2g} h"


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
    any_shuffled = any(preview.shuffle != "none" for preview in previews)
    for preview in previews:
        row: dict[str, object] = {
            "model": preview.model,
            "revision": preview.revision,
            "step": preview.step,
            **({"shuffle": preview.shuffle} if any_shuffled else {}),
            "status": preview.status,
        }
        if work := preview.work:
            row |= {
                "run_id": work.run_id,
                "goes_on_from": work.goes_on_from,
                "metrics": work.measures,
                "architecture": work.architecture,
                "windows": work.n_windows,
                "tokens": work.n_tokens,
                **({} if work.n_texts is None else {"texts": work.n_texts}),
                "layers": work.n_layers,
                "hidden_size": work.hidden_size,
                "parameters": work.n_parameters,
            }
            sizes = {"download_bytes": work.download_bytes, **work.memory.as_columns()}
            row["seconds"] = readable_seconds(work.seconds) if units else round(work.seconds, 1)
            for name, size in sizes.items():
                shown = {name.removesuffix("_bytes"): readable_bytes(size)}
                row |= shown if units else {name: size}
        rows.append({**row, "duplicate_of": preview.duplicate_of, "reason": preview.reason})
    # A checkpoint that cannot be measured has fewer columns than others. Of none, some are known.
    columns = dict.fromkeys(name for row in rows for name in row) or dict.fromkeys(
        ("model", "revision", "step", "status", "duplicate_of", "reason")
    )
    table = pa.table({name: [row.get(name) for row in rows] for name in columns})
    # A column of nothing but missing values would have no type.
    fields = [
        field.with_type(pa.int64() if field.name == "step" else pa.string())
        if pa.types.is_null(field.type)
        else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
