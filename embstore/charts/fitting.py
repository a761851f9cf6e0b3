"""Which letter of a chart line fits which column: a chart of misread values would be empty."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING

from embstore.asking.question import Channel, Question
from embstore.errors import QueryError
from embstore.tables.moments import beyond_python

if TYPE_CHECKING:
    import pyarrow as pa

# Channels that are places; the others tell categories apart.
_PLACES = ("x", "y", "rule")


def check_letters(
    question: Question, table: "pa.Table", channels: Mapping[str, Channel]
) -> dict[str, Channel]:
    """Refuse a letter that does not fit its column; return the channels as they are drawn.

    A quantity (``Q``) needs numbers, and a time (``T``) dates or moments, or text that writes
    them as ISO 8601 does. Elsewhere than on an axis, times tell categories apart, in their order.

    Raises:
        QueryError: naming the channel, what its column holds and the letter that fits.
    """
    for key, channel in channels.items():
        column = table.column(channel.column)
        kind, fitting = _kind(column.type)
        if channel.type == "Q" and kind != "numbers":
            raise _misfit(question, key, channel, kind, fitting)
        if channel.type == "T":
            if kind == "text" and not _are_moments(column.to_pylist()):
                raise _misfit(question, key, channel, "text that is no date", "N")
            if kind not in {"dates", "text"}:
                raise _misfit(question, key, channel, kind, fitting)
            if kind == "dates" and any(map(beyond_python, column.chunks)):
                raise QueryError(
                    f"{question.path}: the chart's {key} is {channel.column}:T, but the column has "
                    "dates that a chart has no place for (infinity, or beyond the year 9999): "
                    "leave them out in the SQL"
                )
    return {
        key: Channel(channel.column, "O", channel.scale)
        if channel.type == "T" and key not in _PLACES
        else channel
        for key, channel in channels.items()
    }


def _misfit(question: Question, key: str, channel: Channel, kind: str, fitting: str) -> QueryError:
    return QueryError(
        f"{question.path}: the chart's {key} is {channel.column}:{channel.type}, but the column "
        f"holds {kind}: write {key}={channel.column}:{fitting}"
    )


def _kind(type_: "pa.DataType") -> tuple[str, str]:
    """Say what a column of an Arrow type holds, and which letter fits it."""
    import pyarrow as pa

    kind = pa.types
    if kind.is_null(type_) or kind.is_integer(type_) or kind.is_floating(type_):
        return "numbers", "Q"
    if kind.is_decimal(type_):
        return "numbers", "Q"
    if kind.is_date(type_) or kind.is_timestamp(type_):
        return "dates", "T"
    if kind.is_boolean(type_):
        return "true and false", "N"
    if kind.is_string(type_) or kind.is_dictionary(type_):
        return "text", "N"
    if kind.is_time(type_):
        return "times of day", "O"
    if kind.is_list(type_) or kind.is_fixed_size_list(type_):
        return "lists", "N"
    return f"values of type {type_}", "N"


def _are_moments(texts: list[str | None]) -> bool:
    try:
        for text in texts:
            if text is not None:
                datetime.fromisoformat(text) if len(text) > 10 else date.fromisoformat(text)
    except ValueError:
        return False
    return True
