"""Lays rows out for people: columns that line up, numbers of a readable length."""

import math
from collections.abc import Sequence
from html import escape

from rich.cells import cell_len, set_cell_size

from embstore.common.messages import visible

_MISSING = "—"
_GAP = "  "
_DIGITS = 4
# Where a line is too long, text columns are cut to these widths in turn; numbers never are.
_TEXT_WIDTHS = (48, 32, 20)

Rows = Sequence[Sequence[object]]


def aligned(
    names: Sequence[str],
    rows: Rows,
    *,
    width: int | None = None,
    bold: bool = False,
    upright: bool = False,
) -> tuple[str, tuple[str, ...]]:
    """Lay rows out in columns, or upright as ``name value`` lines.

    Args:
        names: the columns' names.
        rows: values that are text, numbers, lists or None.
        width: how many characters a line may have; None for as many as it takes.
        bold: set the column names in bold.
        upright: one line per value, for few rows of many columns.

    Returns:
        The text, and the names of the columns that did not fit.
    """
    cells = [
        [visible(cell) for cell in _column([row[i] for row in rows])] for i in range(len(names))
    ]
    heads = [visible(name) for name in names]
    if upright:
        return _upright(heads, cells, width, bold), ()
    numeric = [_is_numeric([row[i] for row in rows]) for i in range(len(names))]
    widths = [
        max(map(cell_len, [head, *column])) for head, column in zip(heads, cells, strict=True)
    ]
    shown = len(widths)
    if width is not None:
        widths, shown = _fitted(heads, widths, numeric, width)
    lines = [
        _line(heads[:shown], widths, numeric),
        _GAP.join("─" * column_width for column_width in widths[:shown]),
        *(_line(row, widths, numeric) for row in zip(*cells[:shown], strict=True)),
    ]
    if bold:
        lines[0] = f"\x1b[1m{lines[0]}\x1b[0m"
    return "".join(f"{line.rstrip()}\n" for line in lines), tuple(names[shown:])


def markdown(names: Sequence[str], rows: Rows) -> str:
    """Lay rows out as a Markdown table, numbers to the right."""
    columns = [_column([row[i] for row in rows]) for i in range(len(names))]
    rules = ["---:" if _is_numeric([row[i] for row in rows]) else "---" for i in range(len(names))]
    lines = [[_escaped(name) for name in names], rules]
    lines += [[_escaped(cell) for cell in row] for row in zip(*columns, strict=True)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def html(names: Sequence[str], rows: Rows) -> str:
    """Lay rows out as an HTML table, numbers to the right; every text is escaped."""
    columns = [_column([row[i] for row in rows]) for i in range(len(names))]
    sides = [
        "right" if _is_numeric([row[i] for row in rows]) else "left" for i in range(len(names))
    ]

    def line(tag: str, cells: Sequence[str]) -> str:
        shown = (
            f'<{tag} style="text-align:{side}">{escape(visible(cell))}</{tag}>'
            for cell, side in zip(cells, sides, strict=True)
        )
        return f"<tr>{''.join(shown)}</tr>"

    body = "\n".join(line("td", cells) for cells in zip(*columns, strict=True))
    return f"<table>\n<thead>{line('th', names)}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _column(values: Sequence[object]) -> list[str]:
    """Write a column's values; its floats with one number of decimals if that reads well."""
    numbers = [abs(value) for value in values if isinstance(value, float) and math.isfinite(value)]
    largest = max(numbers, default=0.0)
    # Below this a number is the rounding left over from a difference.
    smallest = min((number for number in numbers if number > 1e-12 * largest), default=largest)
    decimals = _decimals(largest)
    # With two digits of the smallest in sight, a fixed point compares at a glance.
    fixed = smallest >= 10.0 ** (1 - decimals) or not largest
    return [_text(value, decimals if fixed else None) for value in values]


def _decimals(number: float) -> int:
    if not number:
        return 1
    return min(max(_DIGITS - 1 - math.floor(math.log10(number)), 0), _DIGITS)


def _text(value: object, decimals: int | None) -> str:
    if value is None:
        return _MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        if decimals is not None:
            return f"{value:.{decimals}f}"
        if 1e-4 <= abs(value) < 1e6:
            return f"{value:.{max(_DIGITS - 1 - math.floor(math.log10(abs(value))), 0)}f}"
        return f"{value:.{_DIGITS - 1}e}" if value else "0"
    if isinstance(value, list):
        return ", ".join(_text(item, None) for item in value)
    return str(value)


def _escaped(text: str) -> str:
    """Keep Markdown and HTML in a value from taking effect."""
    shown = visible(text).replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`")
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _is_numeric(values: Sequence[object]) -> bool:
    kinds = {type(value) for value in values if value is not None}
    return bool(kinds) and kinds <= {int, float}


def _fitted(
    heads: Sequence[str], widths: Sequence[int], numeric: Sequence[bool], width: int
) -> tuple[list[int], int]:
    """Narrow the text columns, then leave out the last columns, until a line fits."""
    fitted = list(widths)
    for limit in _TEXT_WIDTHS:
        if sum(fitted) + len(_GAP) * (len(fitted) - 1) <= width:
            break
        fitted = [
            natural if is_number else min(natural, max(limit, cell_len(head)))
            for natural, is_number, head in zip(widths, numeric, heads, strict=True)
        ]
    shown, used = 0, -len(_GAP)
    for column_width in fitted:
        used += column_width + len(_GAP)
        if used > width:
            break
        shown += 1
    if not shown and fitted:
        return [min(fitted[0], width), *fitted[1:]], 1
    return fitted, shown


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    padded = []
    for cell, width, is_number in zip(cells, widths, numeric, strict=False):
        missing = width - cell_len(cell)
        if missing < 0:
            padded.append(set_cell_size(cell, width - 1) + "…")
        elif is_number:
            padded.append(" " * missing + cell)
        else:
            padded.append(cell + " " * missing)
    return _GAP.join(padded)


def _upright(
    heads: Sequence[str], cells: Sequence[Sequence[str]], width: int | None, bold: bool
) -> str:
    label = max(map(cell_len, heads), default=0)
    blocks = []
    for row in zip(*cells, strict=True):
        lines = []
        for head, cell in zip(heads, row, strict=True):
            room = None if width is None else max(width - label - len(_GAP), 8)
            kept = cell if room is None or cell_len(cell) <= room else set_cell_size(cell, room - 1)
            shown = set_cell_size(head, label)
            shown = f"\x1b[1m{shown}\x1b[0m" if bold else shown
            lines.append(f"{shown}{_GAP}{kept}{'…' if kept != cell else ''}\n")
        blocks.append("".join(lines))
    return "\n".join(blocks)
