"""How a message is worded: on one line, safe on a terminal, with a hint at what was meant."""

import difflib
from collections.abc import Iterable

from embstore.errors import EmbstoreError

# Longer, and what embstore says around it would be lost.
_LONGEST = 300
# Of more names nobody finds the one that was meant.
_MOST_NAMED = 12


def visible(text: str) -> str:
    r"""Return a text with control characters as escapes, so that it cannot drive a terminal.

    >>> visible("red: \x1b[31m")
    'red: \\x1b[31m'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def one_line(said: BaseException | str, *, longest: int | None = _LONGEST) -> str:
    r"""Return a text, or what an error says, on one line.

    Args:
        said: the text or the error; an error without a message is named by its kind.
        longest: characters that are kept; None for all of them.

    >>> one_line(OSError("disk\n  full")), one_line(MemoryError()), one_line("abcdef", longest=4)
    ('disk full', 'MemoryError', 'abc…')
    """
    text = visible(" ".join(str(said).split()))
    if not text and isinstance(said, BaseException):
        text = type(said).__name__
    return text if longest is None or len(text) <= longest else f"{text[: longest - 1]}…"


def reason_of(error: BaseException) -> str:
    """Return an error as one line; one that is no user's mistake is named by its kind.

    >>> reason_of(EmbstoreError("no such model")), reason_of(MemoryError("no room"))
    ('no such model', 'unexpected MemoryError: no room')
    """
    said = one_line(error, longest=None)
    expected = isinstance(error, EmbstoreError)
    return said if expected else f"unexpected {type(error).__name__}: {said}"


def listed(names: Iterable[object], *, most: int = 8, between: str = ", ") -> str:
    """Return the first few of several names, and how many more there are.

    >>> listed(["a", "b", "c"]), listed(range(5000), most=2), listed([])
    ('a, b, c', '0, 1 and 4,998 more', '')
    """
    every = [str(name) for name in names]
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return between.join(every[:most]) + more


def counted(n: int, what: str) -> str:
    """Return how many there are of something, in the right number.

    >>> counted(1, "more column"), counted(1200, "row")
    ('1 more column', '1,200 rows')
    """
    return f"{n:,} {what}{'s' * (n != 1)}"


def unknown(what: str, name: str, known: Iterable[str], *, groups: str = "", ls: str = "") -> str:
    """Say that a name is none of those there are, and which it may be, as ``among`` does.

    >>> unknown("scope", "nosinks", ["all", "no_first", "no_sinks"])
    "unknown scope 'nosinks' (did you mean no_sinks?); choose from all, no_first, no_sinks"
    """
    return f"unknown {what} {name!r}{among(name, known, groups=groups, ls=ls)}"


def among(name: str, known: Iterable[str], *, groups: str = "", ls: str = "") -> str:
    """Return what to put behind an unknown name: all that there are, or of many the closest.

    Args:
        name: what was written.
        known: what it could be.
        groups: what stands for many names where none is close; the first few if empty.
        ls: the command that lists all of them, if there is one.

    >>> among("b", "ac"), among("rankm", ["rankme", *map(str, range(40))], ls="embstore ls metrics")
    ('; choose from a, c', ' (did you mean rankme?); list them: embstore ls metrics')
    """
    every = list(known)
    # Where all names stand there anyway, only a slip of the finger needs a hint.
    slip = did_you_mean(difflib.get_close_matches(name.lower(), every, n=1, cutoff=0.88))
    if len(every) <= _MOST_NAMED:
        return f"{slip}; choose from {', '.join(every)}"
    if hint := slip or closest(name, every):
        return f"{hint}; list them: {ls}" if ls else hint
    return f"; choose from {groups or listed(every)}"


def did_you_mean(names: Iterable[str]) -> str:
    """Return names as a hint to put behind what was mistyped; nothing without names.

    >>> did_you_mean(["runs", "ruins"])
    ' (did you mean runs or ruins?)'
    """
    likely = " or ".join(names)
    return f" (did you mean {likely}?)" if likely else ""


def closest(name: str, known: Iterable[str]) -> str:
    """Hint at the names nearest to a mistyped one, also where only case or a part fits.

    >>> closest("layer_profil", ["layer_profile", "runs"])
    ' (did you mean layer_profile?)'
    """
    by_lower = {candidate.lower(): candidate for candidate in known}
    near = [by_lower[low] for low in difflib.get_close_matches(name.lower(), by_lower, n=3)]
    near += [other for low, other in by_lower.items() if len(name) > 2 and name.lower() in low]
    return did_you_mean(list(dict.fromkeys(near))[:3])
