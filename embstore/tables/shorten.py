"""Shortens the texts of a column so that those that differ still look different."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import takewhile

from rich.cells import cell_len, set_cell_size

_LEFT_OUT = "…"
# Narrower than this a name tells nothing.
LEAST = 8


def width_of(text: str) -> int:
    """Count the places that a text takes in a line: two for a Chinese character."""
    return cell_len(text)


def begin_of(text: str, width: int) -> str:
    """Bring a text to a width: cut behind, or filled up with blanks."""
    return set_cell_size(text, max(width, 0))


def shortening(texts: Iterable[str], width: int) -> Callable[[str], str]:
    """Return what brings each of a column's texts to a width, different ones still apart.

    Left out is first what all texts have in common, else the middle of each: the names of
    checkpoints differ at their end.

    >>> shorten = shortening(["lab/model-one@step0", "lab/model-one@step1000"], 13)
    >>> shorten("lab/model-one@step0"), shorten("lab/model-one@step1000")
    ('lab/…step0', 'lab/…step1000')
    """
    every = sorted(set(texts))
    if all(width_of(text) <= width for text in every):
        return partial(_without_middle, width=width)
    way = _without_common(every, width)
    shown = {text: way(text) for text in every}
    if len(set(shown.values())) < len(every):
        halved = {text: _without_middle(text, width) for text in every}
        if len(set(halved.values())) > len(set(shown.values())):
            way, shown = partial(_without_middle, width=width), halved
    for alike in _look_alike(shown):
        among_them = _without_common(alike, width)
        shown |= {text: among_them(text) for text in alike}
    return lambda text: shown[text] if text in shown else way(text)


def are_apart(texts: Sequence[str], width: int) -> bool:
    """Tell whether different texts are still different at a width."""
    shorten = shortening(texts, width)
    return len({shorten(text) for text in texts}) == len(set(texts))


def _look_alike(shown: dict[str, str]) -> list[list[str]]:
    """Group the texts that look the same."""
    groups: dict[str, list[str]] = {}
    for text, short in shown.items():
        groups.setdefault(short, []).append(text)
    return [texts for texts in groups.values() if len(texts) > 1]


def _without_common(texts: Sequence[str], width: int) -> Callable[[str], str]:
    """Leave out of texts what they begin with alike, then what they end with alike."""
    first = _n_alike(texts)
    last = _n_alike([text[first:][::-1] for text in texts])
    # As much of the beginning for all, so that what differs stands in one place.
    most = width - max((width_of(text[first:]) for text in texts), default=0) - 1

    def shorten(text: str) -> str:
        if width_of(text) <= width:
            return text
        stop = len(text) - last
        begin, own, end = text[:first], text[first:stop], text[stop:]
        room = width - width_of(own + end) - 1
        if room >= 0 and begin:
            return f"{_head(begin, min(most, room) if most >= 0 else room)}{_LEFT_OUT}{own}{end}"
        room = width - width_of(own) - bool(begin) - bool(end)
        if room < 0:
            own = _without_middle(own, width - bool(begin) - bool(end))
            room = 0
        front = room // 2 if end else room
        before = f"{_head(begin, front)}{_LEFT_OUT}" if begin else ""
        return f"{before}{own}{_LEFT_OUT}{_tail(end, room - front)}" if end else before + own

    return shorten


def _n_alike(texts: Sequence[str]) -> int:
    """Count the characters that texts begin with alike, without tearing a word or number apart."""
    low, high = min(texts), max(texts)
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(low, high, strict=False))
    alike = "".join(one for one, _ in pairs)
    return len(alike) - len(list(takewhile(str.isalnum, reversed(alike))))


def _without_middle(text: str, width: int) -> str:
    if width_of(text) <= width:
        return text
    front = max(width, 1) // 2
    return f"{_head(text, front)}{_LEFT_OUT}{_tail(text, width - 1 - front)}"


def _head(text: str, width: int) -> str:
    return text if width_of(text) <= width else begin_of(text, width)


def _tail(text: str, width: int) -> str:
    return _head(text[::-1], width)[::-1]
