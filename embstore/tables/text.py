"""Lays rows out for people: columns that line up, numbers of a readable length."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from embstore.common.messages import visible
from embstore.tables.fitting import GAP, Column, fitted
from embstore.tables.looks import Chunks, Look, looks_of, texts
from embstore.tables.shorten import begin_of, shortening, width_of

_GAP = " " * GAP
# Different texts that are enough to know what those of a column have in common.
_MANY = 10_000
_END = 300
Rows = Sequence[Sequence[object]]


def aligned(
    names: Sequence[str],
    rows: Rows,
    *,
    width: int | None = None,
    keep: Collection[str] = (),
    bold: bool = False,
    upright: bool = False,
) -> tuple[str, tuple[str, ...]]:
    """Lay rows out in columns, or upright as ``name value`` lines.

    Args:
        names: the columns' names.
        rows: values that are text, numbers, lists or None.
        width: how many characters a line may have; None for as many as it takes.
        keep: columns that are shown however narrow a line is; their texts are shortened only
            once all others are left out.
        bold: set the column names in bold.
        upright: one line per value, for few rows of many columns.

    Returns:
        The text, and the names of the columns that did not fit.
    """
    blocks, hidden = aligned_blocks(
        names, _one_chunk(names, rows), width=width, keep=keep, bold=bold, upright=upright
    )
    return "".join(blocks), hidden


def aligned_blocks(
    names: Sequence[str],
    chunks: Chunks,
    *,
    width: int | None = None,
    keep: Collection[str] = (),
    bold: bool = False,
    upright: bool = False,
) -> tuple[Iterator[str], tuple[str, ...]]:
    """Lay rows out as ``aligned`` does, some at a time."""
    looks = looks_of(chunks, len(names))
    heads = [visible(name) for name in names]
    if upright:
        return _upright(heads, chunks, looks, width, bold), ()
    widths = [width_of(head) for head in heads]
    words: list[set[str]] = [set() for _ in heads]
    for chunk in chunks():
        for place, (column, look) in enumerate(zip(chunk, looks, strict=True)):
            cells = set(_cells(column, look, whole=width is None))
            widths[place] = max(widths[place], *map(width_of, cells))
            if not look.numeric and len(words[place]) < _MANY:
                words[place] |= cells
    shown = list(range(len(widths)))
    if width is not None:
        columns = [
            Column(head, natural, frozenset(texts), name in keep)
            for name, head, natural, texts in zip(names, heads, widths, words, strict=True)
        ]
        widths, shown = fitted(columns, width)
    hidden = tuple(name for place, name in enumerate(names) if place not in shown)
    parts = [
        _Part(place, heads[place], fit, looks[place], shortening(words[place], fit))
        for place, fit in zip(shown, widths, strict=True)
    ]
    return _aligned(parts, chunks, bold, whole=width is None), hidden


@dataclass(frozen=True)
class _Part:
    """A column that is shown: which of the table, how wide, and how its texts get there."""

    place: int
    head: str
    width: int
    look: Look
    shorten: Callable[[str], str]


def _aligned(parts: Sequence[_Part], chunks: Chunks, bold: bool, *, whole: bool) -> Iterator[str]:
    heads = (_cell(part.head, part.width, part.look.numeric) for part in parts)
    head = _GAP.join(heads).rstrip()
    yield f"\x1b[1m{head}\x1b[0m\n" if bold else f"{head}\n"
    yield _GAP.join("─" * part.width for part in parts) + "\n"
    for chunk in chunks():
        cells = [_padded(_cells(chunk[part.place], part.look, whole=whole), part) for part in parts]
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
    ['all     ', 'with…nks']
    """
    shown = [visible(cell) for cell in cells]
    width = min(max(map(width_of, shown), default=0), most)
    shorten = shortening(shown, width)
    return [_cell(shorten(cell), width, is_number=False) for cell in shown]


def _one_chunk(names: Sequence[str], rows: Rows) -> Chunks:
    columns = [[row[place] for row in rows] for place in range(len(names))]
    return lambda: [columns] if rows else []


def _cells(column: Sequence[object], look: Look, *, whole: bool = True) -> list[str]:
    """Write a column's values so that they cannot drive a terminal.

    Where they are to be shortened, of texts longer than any line only both ends are kept: it takes
    long to find out how best to cut a megabyte.
    """
    return _each(texts(column, look), visible if whole else _ends)


def _ends(text: str) -> str:
    if len(text) > 2 * _END:
        text = f"{text[:_END]}…{text[-_END:]}"
    return visible(text)


def _each(texts: list[str], change: Callable[[str], str]) -> list[str]:
    """Change texts, each different one once."""
    changed = {text: change(text) for text in set(texts)}
    return [changed[text] for text in texts]


def _padded(cells: Sequence[str], part: _Part) -> list[str]:
    padded = {cell: _cell(part.shorten(cell), part.width, part.look.numeric) for cell in set(cells)}
    return [padded[cell] for cell in cells]


def _escaped(text: str) -> str:
    """Keep Markdown and HTML in a value from taking effect."""
    shown = visible(text).replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`")
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cell(cell: str, width: int, is_number: bool) -> str:
    missing = width - width_of(cell)
    if missing < 0:
        return shortening([cell], width)(cell)
    return " " * missing + cell if is_number else cell + " " * missing


def _upright(
    heads: Sequence[str], chunks: Chunks, looks: Sequence[Look], width: int | None, bold: bool
) -> Iterator[str]:
    label = max(map(width_of, heads), default=0)
    room = None if width is None else max(width - label - len(_GAP), 8)
    between = ""
    for chunk in chunks():
        columns = [_cells(column, look) for column, look in zip(chunk, looks, strict=True)]
        for row in zip(*columns, strict=True):
            yield between
            between = "\n"
            for head, cell in zip(heads, row, strict=True):
                kept = cell if room is None else shortening([cell], room)(cell)
                shown = begin_of(head, label)
                shown = f"\x1b[1m{shown}\x1b[0m" if bold else shown
                yield f"{shown}{_GAP}{kept}\n"
