"""Which numbers a sample may have: each rule once, wherever a sample is asked for."""

import operator
from typing import SupportsIndex

from embstore.choices import SHUFFLES, WINDOWS_OF, Sampling, WindowsOf
from embstore.common.messages import unknown
from embstore.errors import UsageError

# The largest number that a column of the store holds.
_LARGEST = 2**63 - 1


def whole_number(name: str, value: SupportsIndex, *, least: int) -> int:
    """Return a whole number from ``least`` on.

    Args:
        name: what the number is called in the message, in the command line and Python alike.
        value: what was given; Python does not see to it that it is a number.
        least: the smallest that will do.

    Raises:
        UsageError: it is none, or too small.

    >>> whole_number("tokens", 8192, least=1)
    8192
    """
    try:
        # Python's True is a 1.
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise UsageError(f"{name} must be a whole number, not {value!r}")
    if number < least:
        raise UsageError(f"{name} must be at least {least}, not {_shown(number)}")
    return number


def check_seed(seed: int) -> int:
    """Return a seed; 0 or more, as NumPy takes it.

    Raises:
        UsageError: it is none.
    """
    return whole_number("seed", seed, least=0)


def check_sample(sample: int) -> int:
    """Return how many vectors to keep; at least one.

    Raises:
        UsageError: it is none.
    """
    return whole_number("sample", sample, least=1)


def check_window(window: int, tokens: int) -> None:
    """Refuse a window that is longer than all tokens together.

    Raises:
        UsageError: it is.
    """
    if window > tokens:
        raise UsageError(f"window must be at most {tokens:,}, the tokens asked for, not {window:,}")


def check_windows(windows: str) -> WindowsOf:
    """Return what a window holds.

    Raises:
        UsageError: it is no such thing.
    """
    for name in WINDOWS_OF:
        if windows == name:
            return name
    raise UsageError(unknown("windows", str(windows), WINDOWS_OF))


def check_shuffle(shuffle: str) -> str:
    """Return what is shuffled as it is stored: blocks of one are ``tokens`` or ``words``.

    Raises:
        UsageError: it is no such thing, or its blocks have no length.

    >>> check_shuffle("tokens:64"), check_shuffle("words:1")
    ('tokens:64', 'words')
    """
    unit, colon, length = str(shuffle).partition(":")
    if unit not in SHUFFLES:
        raise UsageError(f"{unknown('shuffle', unit, SHUFFLES)}, or blocks of them as tokens:64")
    if not colon:
        return unit
    if unit == "none" or not (length.isascii() and length.isdecimal() and int(length[:19])):
        raise UsageError(
            f"shuffle {shuffle!r}: after the colon stands how many tokens or words a block has, "
            "as in tokens:64"
        )
    n = int(length[:19])
    return unit if n == 1 else f"{unit}:{n}"


def shuffle_in_words(shuffle: str) -> str:
    """Say what was shuffled.

    >>> shuffle_in_words("tokens"), shuffle_in_words("words:8")
    ('tokens shuffled', 'blocks of 8 words shuffled')
    """
    unit, _, length = shuffle.partition(":")
    return f"blocks of {length} {unit} shuffled" if length else f"{unit} shuffled"


def check_sampling(sampling: Sampling) -> Sampling:
    """Return a sampling all of whose numbers will do and can be stored.

    Raises:
        UsageError: one of them will not, or the window is longer than all tokens together.
    """
    tokens = whole_number("tokens", sampling.tokens, least=1)
    window = sampling.window
    if window is not None:
        window = whole_number("window", window, least=1)
        check_window(window, tokens)
    checked = Sampling(
        tokens,
        window,
        check_sample(sampling.sample),
        check_seed(sampling.seed),
        check_windows(sampling.windows),
        check_shuffle(sampling.shuffle),
    )
    for name in ("tokens", "window", "sample", "seed"):
        number = getattr(checked, name)
        if number is not None and number > _LARGEST:
            raise UsageError(f"{name} must be at most 2^63 - 1, not {_shown(number)}")
    return checked


def _shown(number: int) -> str:
    # Python refuses to write integers of thousands of digits.
    return f"{number:,}" if number.bit_length() <= 128 else "a huge number"
