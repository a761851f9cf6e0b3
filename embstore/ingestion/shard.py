"""One of several shares of an ingest, for machines that do not speak to each other."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from embstore.choices import DEFAULT_STORE
from embstore.errors import UsageError

_ADVICE = "give I/N, for example 2/8 for the second of eight"

# Of an address; a drive has one letter.
_SCHEME = re.compile(r"[A-Za-z][\w+.-]+:")


@dataclass(frozen=True)
class Shard:
    """A share.

    Attributes:
        index: which, from 1.
        count: of how many.
    """

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def own_store(self) -> str:
        """Return the file that a share is written to where nobody names one.

        The file that a whole ingest would be written to, with the share in its name; an address is
        for many writers, and stays.
        """
        return _named(str(self.index), self.count)

    def all_stores(self) -> str:
        """Return the pattern that all these files match."""
        return _named("*", self.count)


def parse_shard(given: str) -> Shard:
    """Read ``I/N``.

    Raises:
        UsageError: it is not that, or I is not one of 1 to N.

    >>> parse_shard("2/8")
    Shard(index=2, count=8)
    """
    if not re.fullmatch(r"\d{1,9}/\d{1,9}", given, re.ASCII):
        raise UsageError(f"shard is {given!r}; {_ADVICE}")
    index, count = map(int, given.split("/"))
    if not 1 <= index <= count:
        raise UsageError(f"shard is {given}: shares are counted from 1 to {count}; {_ADVICE}")
    return Shard(index, count)


def _named(index: str, count: int) -> str:
    usual = os.environ.get("EMBSTORE_STORE") or DEFAULT_STORE
    if _SCHEME.match(usual):
        return usual
    path = Path(usual)
    return str(path.with_name(f"{path.stem}-{index}-of-{count}{path.suffix}"))
