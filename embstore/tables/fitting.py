"""Fits the columns of a table into a line: which are shown, and how wide."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from embstore.tables.shorten import LEAST, are_apart, width_of

# Characters between two columns.
GAP = 2
# Different texts of a column that are looked at, to keep them apart.
_COMPARED = 300
# Texts that still look alike when they are this wide are no names, and are cut anyway.
_WIDEST = 120
# Text that is not to be kept at all costs is brought to these widths in turn.
_TEXT_WIDTHS = (48, 32, 20)


@dataclass(frozen=True)
class Column:
    """What decides how wide a column is.

    Attributes:
        head: its name, which is never shortened.
        natural: the width of its widest cell, or of its name.
        texts: its different texts; none of a column of numbers, which is never narrowed.
        keep: it is shown however narrow the line is.
    """

    head: str
    natural: int
    texts: frozenset[str]
    keep: bool


def fitted(columns: Sequence[Column], width: int) -> tuple[list[int], list[int]]:
    """Decide which columns a line has room for.

    The columns to keep come first, at full width if that can be. The others follow in their
    order as long as they fit. A text is narrowed only so far that different ones stay apart.

    Returns:
        The widths of the columns that are shown, and which these are.
    """
    kept = [place for place, column in enumerate(columns) if column.keep]
    if not kept:
        return _one_after_the_other(columns, width)
    needed = [columns[place].natural for place in kept]
    if _line(needed) > width:
        needed = _narrowed([columns[place] for place in kept], width)
        while _line(needed) > width and len(kept) > 1:
            kept.pop()
            needed = _narrowed([columns[place] for place in kept], width)
        return [min(size, width) for size in needed], kept
    shown = dict(zip(kept, needed, strict=True))
    for place, column in enumerate(columns):
        if place in shown:
            continue
        least = _limited(column, _TEXT_WIDTHS[-1])
        if _line([*shown.values(), least]) > width:
            break
        shown[place] = least
    return _filled(columns, shown, width)


def _one_after_the_other(columns: Sequence[Column], width: int) -> tuple[list[int], list[int]]:
    """Narrow all texts, then leave out the last columns, until a line fits."""
    sizes = [column.natural for column in columns]
    for limit in _TEXT_WIDTHS:
        if _line(sizes) <= width:
            break
        sizes = [_limited(column, limit) for column in columns]
    n = len(sizes)
    while n > 1 and _line(sizes[:n]) > width:
        n -= 1
    shown = {place: min(size, width) for place, size in enumerate(sizes[:n])}
    return _filled(columns, shown, width)


def _filled(
    columns: Sequence[Column], shown: dict[int, int], width: int
) -> tuple[list[int], list[int]]:
    """Give what room is left to the texts that were narrowed."""
    left = width - _line(shown.values())
    for place in sorted(shown):
        given = max(min(columns[place].natural - shown[place], left), 0)
        shown[place] += given
        left -= given
    return [shown[place] for place in sorted(shown)], sorted(shown)


def _limited(column: Column, limit: int) -> int:
    """Bring a column to a width, but no narrower than keeps its texts apart."""
    if not column.texts or column.natural <= limit:
        return column.natural
    return _least(column, max(limit, width_of(column.head)))


def _least(column: Column, at_least: int) -> int:
    texts = sorted(column.texts)
    texts = texts[:: len(texts) // _COMPARED + 1]
    widths = range(at_least, min(column.natural, _WIDEST))
    wide_enough = column.natural if column.natural <= _WIDEST else at_least
    return next((width for width in widths if are_apart(texts, width)), wide_enough)


def _narrowed(columns: Sequence[Column], width: int) -> list[int]:
    """Narrow texts until a line fits, the widest first, and no further than keeps them apart."""
    floors = [
        _least(column, max(LEAST, width_of(column.head))) if column.texts else column.natural
        for column in columns
    ]
    floors = [min(floor, column.natural) for floor, column in zip(floors, columns, strict=True)]
    sizes = [column.natural for column in columns]
    while _line(sizes) > width:
        wide = [place for place, size in enumerate(sizes) if size > floors[place]]
        if not wide:
            break
        sizes[max(wide, key=sizes.__getitem__)] -= 1
    return sizes


def _line(widths: Iterable[int]) -> int:
    sizes = list(widths)
    return sum(sizes) + GAP * (len(sizes) - 1)
