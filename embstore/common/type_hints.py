"""Reads the type hints of records, for whoever writes records down and makes them again."""

import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Union


def hints_of(record: type[Any]) -> Mapping[str, Any]:
    """Return the type of each field of a record, in order."""
    hints = typing.get_type_hints(record)
    return {field.name: hints[field.name] for field in fields(record)}


def unless_none(hint: Any) -> Any:
    """Return what a value is that may be None; None for a type whose values are never None."""
    if typing.get_origin(hint) not in (Union, types.UnionType):
        return None
    (inner,) = (each for each in typing.get_args(hint) if each is not types.NoneType)
    return inner
