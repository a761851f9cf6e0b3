"""Lays rows out for people: columns that line up, numbers of a readable length."""

from collections.abc import Callable, Iterator, Sequence
from html import escape

from rich.cells import cell_len, set_cell_size

from embstore.common.messages import visible
from embstore.tables.looks import Chunks, Look, looks_of, texts

_GAP = "  "
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
    blocks, hidden = aligned_blocks(
        names, _one_chunk(names, rows), width=width, bold=bold, upright=upright
    )
    return "".join(blocks), hidden


def aligned_blocks(
    names: Sequence[str],
    chunks: Chunks,
    *,
    width: int | None = None,
    bold: bool = False,
    upright: bool = False,
) -> tuple[Iterator[str], tuple[str, ...]]:
    """Lay rows out as ``aligned`` does, some at a time."""
    looks = looks_of(chunks, len(names))
    heads = [visible(name) for name in names]
    if upright:
        return _upright(heads, chunks, looks, width, bold), ()
    numeric = [look.numeric for look in looks]
    widths = [cell_len(head) for head in heads]
    for chunk in chunks():
        for place, (column, look) in enumerate(zip(chunk, looks, strict=True)):
            widths[place] = max(widths[place], *map(cell_len, set(_cells(column, look))))
    shown = len(widths)
    if width is not None:
        widths, shown = _fitted(heads, widths, numeric, width)
    return _aligned(heads, chunks, looks, widths[:shown], bold), tuple(names[shown:])


def _aligned(
    heads: Sequence[str],
    chunks: Chunks,
    looks: Sequence[Look],
    widths: Sequence[int],
    bold: bool,
) -> Iterator[str]:
    numeric = [look.numeric for look in looks]
    head = _line(heads[: len(widths)], widths, numeric).rstrip()
    yield f"\x1b[1m{head}\x1b[0m\n" if bold else f"{head}\n"
    yield _GAP.join("─" * width for width in widths) + "\n"
    for chunk in chunks():
        cells = [
            _padded(_cells(column, look), width, look.numeric)
            for column, look, width in zip(chunk, looks, widths, strict=False)
        ]
        yield "".join(f"{_GAP.join(row).rstrip()}\n" for row in zip(*cells, strict=True))


def markdown(names: Sequence[str], rows: Rows) -> str:
    """Lay rows out as a Markdown table, numbers to the right."""
    return "".join(markdown_blocks(names, _one_chunk(names, rows)))


def markdown_blocks(names: Sequence[str], chunks: Chunks) -> Iterator[str]:
    """Lay rows out as ``markdown`` does, some at a time."""
    looks = looks_of(chunks, len(names))
    rules = ["---:" if look.numeric else "---" for look in looks]
    for line in ([_escaped(name) for name in names], rules):
        yield f"| {' | '.join(line)} |\n"
    for chunk in chunks():
        cells = [
            _each(texts(column, look), _escaped) for column, look in zip(chunk, looks, strict=True)
        ]
        yield "".join(f"| {' | '.join(row)} |\n" for row in zip(*cells, strict=True))


def html(names: Sequence[str], rows: Rows) -> str:
    """Lay rows out as an HTML table, numbers to the right; every text is escaped."""
    chunks = _one_chunk(names, rows)
    looks = looks_of(chunks, len(names))
    sides = ["right" if look.numeric else "left" for look in looks]

    def line(tag: str, cells: Sequence[str]) -> str:
        shown = (
            f'<{tag} style="text-align:{side}">{escape(visible(cell))}</{tag}>'
            for cell, side in zip(cells, sides, strict=True)
        )
        return f"<tr>{''.join(shown)}</tr>"

    columns = [
        texts(column, look) for chunk in chunks() for column, look in zip(chunk, looks, strict=True)
    ]
    body = "\n".join(line("td", cells) for cells in zip(*columns, strict=True))
    return f"<table>\n<thead>{line('th', names)}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def even(cells: Sequence[str], most: int) -> list[str]:
    """Bring texts to the width of the longest, or to ``most`` characters.

    >>> even(["all", "without sinks"], 8)
    ['all     ', 'without…']
    """
    shown = [visible(cell) for cell in cells]
    width = min(max(map(cell_len, shown), default=0), most)
    return [_cell(cell, width, is_number=False) for cell in shown]


def _one_chunk(names: Sequence[str], rows: Rows) -> Chunks:
    columns = [[row[place] for row in rows] for place in range(len(names))]
    return lambda: [columns] if rows else []


def _cells(column: Sequence[object], look: Look) -> list[str]:
    """Write a column's values so that they cannot drive a terminal."""
    return _each(texts(column, look), visible)


def _each(texts: list[str], change: Callable[[str], str]) -> list[str]:
    """Change texts, each different one once."""
    changed = {text: change(text) for text in set(texts)}
    return [changed[text] for text in texts]


def _padded(cells: Sequence[str], width: int, is_number: bool) -> list[str]:
    padded = {cell: _cell(cell, width, is_number) for cell in set(cells)}
    return [padded[cell] for cell in cells]


def _escaped(text: str) -> str:
    """Keep Markdown and HTML in a value from taking effect."""
    shown = visible(text).replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`")
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _fitted(
    heads: Sequence[str], widths: Sequence[int], numeric: Sequence[bool], width: int
) -> tuple[list[int], int]:
    """Narrow the text columns, then leave out the last columns, until a line fits.

    What room is left then goes to the text that was cut.
    """
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
    left = width - sum(fitted[:shown]) - len(_GAP) * (shown - 1)
    for place in range(shown):
        given = min(widths[place] - fitted[place], left)
        fitted[place] += given
        left -= given
    return fitted, shown


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    return _GAP.join(map(_cell, cells, widths, numeric))


def _cell(cell: str, width: int, is_number: bool) -> str:
    missing = width - cell_len(cell)
    if missing < 0:
        return set_cell_size(cell, width - 1) + "…"
    return " " * missing + cell if is_number else cell + " " * missing


def _upright(
    heads: Sequence[str], chunks: Chunks, looks: Sequence[Look], width: int | None, bold: bool
) -> Iterator[str]:
    label = max(map(cell_len, heads), default=0)
    room = None if width is None else max(width - label - len(_GAP), 8)
    between = ""
    for chunk in chunks():
        columns = [_cells(column, look) for column, look in zip(chunk, looks, strict=True)]
        for row in zip(*columns, strict=True):
            yield between
            between = "\n"
            for head, cell in zip(heads, row, strict=True):
                fits = room is None or cell_len(cell) <= room
                kept = cell if fits else f"{set_cell_size(cell, (room or 0) - 1)}…"
                shown = set_cell_size(head, label)
                shown = f"\x1b[1m{shown}\x1b[0m" if bold else shown
                yield f"{shown}{_GAP}{kept}\n"
