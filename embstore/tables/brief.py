"""What a reader needs of a table: columns that say the same in every row go to a caption."""

from collections.abc import Collection, Mapping
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
    table: "pa.Table",
    asked_for: Collection[str] = (),
    keep: Collection[str] = (),
    *,
    width: int = 80,
) -> "tuple[pa.Table, str]":
    """Leave out of a table what every row, or another column, says already.

    Args:
        table: of two rows or more; a shorter one is returned as it is.
        asked_for: columns that stay where they tell rows apart, also those for programs.
        keep: columns that stay where they say anything, also the same in all rows.
        width: how many characters a line of the caption may have.

    Returns:
        The table, and in a line or two what is the same in all rows, numbers last:
        ``metric twonn · each: layers 12 · runs 1``. Where it is too much, first what was not
        asked for is left out.
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
        if name in keep and any(value is not None for value in values):
            shown.append(place)
        elif all(value == values[0] for value in values):
            value = values[0]
            # Also where another says "coordinate 507".
            told = {value, f"{name} {value}"} & _texts(same) if _is_plain(value) else False
            if _says_something(value) and not told and not name.endswith(_FOR_PROGRAMS):
                same[name] = value
        elif name.endswith(_FOR_PROGRAMS) and name not in asked_for:
            continue
        elif not _is_told(values, [columns[other] for other in shown]):
            shown.append(place)
    if not shown:
        return table, ""
    return table.select(shown), _caption(same, asked_for, width)


def _says_something(value: object) -> bool:
    """Tell whether a reader learns from a value: not from marks alone, such as ``+-``."""
    return value is not None and any(map(str.isalnum, text_of(value)))


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float)


def _texts(same: Mapping[str, object]) -> set[object]:
    return {value for value in same.values() if isinstance(value, str)}


def _parts(same: Mapping[str, object]) -> list[str]:
    """Say what rows share; a number is one of each row, and no total."""
    numbers = [name for name, value in same.items() if _is_number(value)]
    return [
        f"{'each: ' * (name in numbers[:1])}{visible(name)} {visible(text_of(value))}"
        for name, value in same.items()
    ]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_told(values: list[object], others: list[list[object]]) -> bool:
    """Tell a column of text that another one has already."""
    return isinstance(values[0], str) and values in others


def _caption(same: Mapping[str, object], asked_for: Collection[str], width: int) -> str:
    """Fill two lines, numbers last; what was not asked for makes room for what was."""
    names = sorted(same, key=lambda name: _is_number(same[name]))
    others = [name for name in names if name not in asked_for]
    while True:
        lines, left = _filled(_parts({name: same[name] for name in names}), width)
        if not others or all(names[place] in others for place in left):
            return "\n".join(lines)
        names.remove(others.pop())


def _filled(parts: list[str], width: int) -> tuple[list[str], list[int]]:
    """Return up to two lines, and the places of the parts that do not fit them."""
    lines = [""]
    left = []
    for place, part in enumerate(parts):
        longer = f"{lines[-1]}{_BETWEEN}{part}" if lines[-1] else part
        if len(longer) <= width:
            lines[-1] = longer
        elif len(lines) < _MOST_LINES and len(part) <= width:
            lines.append(part)
        else:
            left.append(place)
    return [line for line in lines if line], left
