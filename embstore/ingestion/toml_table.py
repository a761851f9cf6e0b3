"""Reads TOML strictly: every key known, every value of its type, errors that say where."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from embstore.errors import UsageError

# What a column of the store holds.
_MAX_INTEGER = (1 << 63) - 1
# These could write anything anywhere on a terminal.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SHOWN = 60


@dataclass(frozen=True)
class Grammar:
    """Which keys a kind of file has.

    Attributes:
        noun: what such a file is called in messages.
        keys: of each kind of table, by what the kind is called in messages.
        refused: keys that it must not have anywhere, and what it therefore cannot do;
            written in lower case with underscores.
    """

    noun: str
    keys: Mapping[str, tuple[str, ...]]
    refused: Mapping[str, str]


def parse_toml(text: str, path: Path, noun: str) -> dict[str, object]:
    """Parse TOML.

    Raises:
        UsageError: it is none; names the line and the column.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise UsageError(f"{noun} {path}: not read, because it is nested too deeply") from error
    except ValueError as error:
        lines = text.split("\n")
        end = f"(at line {len(lines)}, column {len(lines[-1]) + 1}, the end)"
        reason = str(error).replace("(at end of document)", end)
        raise UsageError(f"{noun} {path}: not TOML: {reason}") from error


@dataclass(frozen=True)
class TomlTable:
    """A table of a file: gives values of the type asked for, and refuses any other.

    Attributes:
        path: of the file.
        grammar: of the file.
        prefix: goes before a key in messages.
        content: the parsed table.
        kind: of table; None where any key may stand.
    """

    path: Path
    grammar: Grammar
    prefix: str
    content: Mapping[str, object]
    kind: str | None = None

    def __post_init__(self) -> None:
        if self.kind is not None:
            for key in self.content:
                if key not in self.grammar.keys[self.kind]:
                    self._refuse(key, self.kind)

    def _refuse(self, key: str, kind: str) -> NoReturn:
        """Say of an unknown key what was meant, where it belongs, or why it is none."""
        noun, name = self.grammar.noun, repr(self.prefix + key)
        if reason := self.grammar.refused.get(key.lower().replace("-", "_")):
            raise UsageError(f"{noun} {self.path}: {name}: a {noun} cannot {reason}")
        # In TOML a key belongs to the last table opened above it.
        for other, keys in self.grammar.keys.items():
            if key in keys:
                raise UsageError(f"{noun} {self.path}: {name} belongs in {other}, not in {kind}")
        known = self.grammar.keys[kind]
        close = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
        raise UsageError(f"{noun} {self.path}: unknown key {name}; {hint}")

    def fail(self, key: str, wanted: str) -> NoReturn:
        """Say where a value stands, what it is, and what it must be.

        Raises:
            UsageError: always.
        """
        found = f"is {_shown(self.content[key])}" if key in self.content else "is missing"
        place = self.prefix + (key if key.isprintable() else repr(key))
        raise UsageError(f"{self.grammar.noun} {self.path}: {place} {found}; expected {wanted}")

    def text(self, key: str) -> str | None:
        """Return a text of any number of lines, None without one."""
        value = self.content.get(key)
        if value is not None and not isinstance(value, str):
            self.fail(key, "a text")
        return value

    def line(self, key: str) -> str | None:
        """Return a text that is not blank and can stand in a message, None without one."""
        value = self.text(key)
        if value is not None and not _is_line(value):
            self.fail(key, "one line of text that is not blank")
        return value

    def required(self, key: str) -> str:
        """Return a text as ``line`` does, which must be there."""
        value = self.line(key)
        if value is None:
            self.fail(key, "a text")
        return value

    def lines(self, key: str) -> list[str] | None:
        """Return one text or several, None without any."""
        value = self.content.get(key)
        if value is None:
            return None
        several = value if isinstance(value, list) else [value]
        texts = [item for item in several if isinstance(item, str) and _is_line(item)]
        if not several or len(texts) != len(several):
            self.fail(key, "a text or a list of texts, none of them blank")
        return texts

    def integer(self, key: str, default: int, *, least: int) -> int:
        """Return a whole number that the store can hold."""
        value = self.content.get(key, default)
        # Python's True is a 1.
        if isinstance(value, bool) or not isinstance(value, int):
            self.fail(key, f"a whole number of at least {least}")
        if not least <= value <= _MAX_INTEGER:
            self.fail(key, f"a whole number from {least} to 2^63 - 1")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a truth value."""
        value = self.content.get(key, default)
        if not isinstance(value, bool):
            self.fail(key, "true or false")
        return value

    def table(self, key: str) -> dict[str, object]:
        """Return a table, empty without one."""
        value = self.content.get(key, {})
        if not isinstance(value, dict):
            self.fail(key, f"a table, as [{key}]")
        return value

    def tables(self, key: str) -> list[dict[str, object]]:
        """Return tables, at least one."""
        value = self.content.get(key)
        several = value if isinstance(value, list) else []
        tables = [item for item in several if isinstance(item, dict)]
        if not tables or len(tables) != len(several):
            self.fail(key, f"at least one table [[{key}]]")
        return tables


def _is_line(text: str) -> bool:
    return bool(text.strip()) and not _CONTROL.search(text)


def _shown(value: object) -> str:
    """Write a value as TOML does, or say what it is."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, dict):
        return "a table"
    if not isinstance(value, str | int | float):
        return "a date or time"
    try:
        text = repr(value)
    except ValueError:
        # Python refuses to write integers of thousands of digits.
        return "a huge number"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
