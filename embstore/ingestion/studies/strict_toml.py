"""Reads a study's TOML strictly; what is wrong is said in one line, with its place."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from embstore.common.messages import closest, visible
from embstore.errors import UsageError
from embstore.ingestion.studies.schema import EXPECTED, TABLES, StudyTable, why_refused

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_SHOWN = 60
# Pydantic's names for values of another type.
_TYPES = {"string_type": "a text", "int_type": "a whole number", "bool_type": "true or false"}


def parse_toml(text: str, path: Path) -> dict[str, object]:
    """Parse TOML.

    Raises:
        UsageError: it is none; names the line and the column.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise UsageError(f"study {path}: nested too deeply to be read") from error
    except ValueError as error:
        lines = text.split("\n")
        end = f"(at line {len(lines)}, column {len(lines[-1]) + 1}, the end)"
        reason = str(error).replace("(at end of document)", end)
        raise UsageError(f"study {path}: not TOML: {reason}") from error


def check_types(content: dict[str, object], path: Path) -> StudyTable:
    """Return a parsed study whose keys are all known and whose values are of their types.

    Raises:
        UsageError: one is not; names the key, with models counted from 0.
    """
    try:
        return StudyTable.model_validate(content)
    except ValidationError as error:
        found = error.errors(include_url=False)
        # A misspelt key explains why the right one is missing.
        first = min(found, key=lambda one: one["type"] != "extra_forbidden")
        unknown = first["type"] == "extra_forbidden"
        said = _unknown_key(first["loc"]) if unknown else _wrong_value(first)
        raise UsageError(f"study {path}: {said}") from error


def _unknown_key(place: Sequence[str | int]) -> str:
    """Say of a key what was meant, where it belongs, or why a study cannot have it."""
    key, name = str(place[-1]), repr(_written(place))
    if reason := why_refused(key):
        return f"{name}: a study cannot {reason}"
    within = "the top of the file" if len(place) == 1 else f"[{place[0]}]"
    within = f"[{within}]" if within == "[models]" else within
    # In TOML a key belongs to the last table opened above it.
    for other, table in TABLES.items():
        if key in table.model_fields:
            return f"{name} belongs in {other}, not in {within}"
    known = TABLES[within].model_fields
    hint = closest(key, known) or f"; known are {', '.join(known)}"
    return f"unknown key {name}{hint}"


def _wrong_value(error: "ErrorDetails") -> str:
    """Say where a value stands, what it is, and what it must be."""
    kind, place = error["type"], error["loc"]
    key = str([part for part in place if isinstance(part, str)][-1])
    found = "missing" if kind == "missing" else _shown(error["input"])
    expected = error["msg"] if kind == "line" else _TYPES.get(kind, EXPECTED.get(key, "a text"))
    return f"{visible(_written(place))} is {found}; expected {expected}"


def _written(place: Sequence[str | int]) -> str:
    """Write a place as ``models[0].name``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in place]
    return "".join(parts).removeprefix(".")


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
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
