"""What a reader needs of a table: columns that say the same in every row go to a caption."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from embstore.common.messages import visible
from embstore.tables.looks import text_of
from embstore.tables.values import plain_values

if TYPE_CHECKING:
    import pyarrow as pa

_BETWEEN = " · "
_MOST_LINES = 2
# For programs, which read all columns.
_FOR_PROGRAMS = ("_id", "_ids", "_sha256")


def brief(
    table: "pa.Table", keep: Collection[str] = (), *, width: int = 80
) -> "tuple[pa.Table, str]":
    """Leave out of a table what every row, or another column, says already.

    Args:
        table: of two rows or more; a shorter one is returned as it is.
        keep: columns that stay, whatever they say: what was asked for.
        width: how many characters a line of the caption may have.

    Returns:
        The table, and in a line or two what is the same in all rows: ``metric twonn · step 3``.
    """
    if table.num_rows < 2:
        return table, ""
    columns = {
        place: [value for chunk in column.chunks for value in plain_values(chunk)]
        for place, column in enumerate(table.columns)
    }
    shown: list[int] = []
    same: dict[str, object] = {}
    for place, name in enumerate(table.column_names):
        values = columns[place]
        if name in keep:
            shown.append(place)
        elif all(value == values[0] for value in values):
            value = values[0]
            told = isinstance(value, str) and value in same.values()
            if value not in (None, "") and not told and not name.endswith(_FOR_PROGRAMS):
                same[name] = value
        elif not _is_told(values, [columns[other] for other in shown]):
            shown.append(place)
    # For programs last, so that they are the first to go where a line is too short.
    shown.sort(key=lambda place: table.column_names[place].endswith(_FOR_PROGRAMS))
    if not shown:
        return table, ""
    parts = [f"{visible(name)} {visible(text_of(value))}" for name, value in same.items()]
    return table.select(shown), _caption(parts, width)


def _is_told(values: list[object], others: list[list[object]]) -> bool:
    """Tell a column of text that another one has already."""
    return isinstance(values[0], str) and values in others


def _caption(parts: list[str], width: int) -> str:
    """Fill two lines; what does not fit them is left out."""
    lines = [""]
    for part in parts:
        longer = f"{lines[-1]}{_BETWEEN}{part}" if lines[-1] else part
        if len(longer) <= width:
            lines[-1] = longer
        elif len(lines) < _MOST_LINES and len(part) <= width:
            lines.append(part)
    return "\n".join(line for line in lines if line)
