"""What stands above an answer where people read it: what all its rows share, and its lines."""

from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING

from embstore.asking.parameters import ParameterValue
from embstore.asking.question import ADDED, Question
from embstore.tables.brief import brief
from embstore.tables.sparklines import range_of, sparkline
from embstore.tables.text import even
from embstore.tables.values import plain_values

if TYPE_CHECKING:
    import pyarrow as pa

# Along these a line reads from left to right.
_ALONG = ("layer", "depth", "step")
_MOST_LINES = 12
_SHORTEST_LABEL = 12
# A list that long is read as it is.
_SHORT_LIST = 4
_IN_A_CELL = 20
# What the name of a series is made of.
_IN_SERIES = ("series", "model", "kind", "revision", "step", "corpus", "stack")


def overview(
    question: Question, values: Mapping[str, ParameterValue], table: "pa.Table", width: int
) -> "tuple[pa.Table, list[str]]":
    """Make an answer readable at a glance.

    Args:
        question: what was asked.
        values: of all its parameters.
        table: the answer.
        width: how many characters a line may have.

    Returns:
        The columns that tell rows apart and those that were asked for, and the lines to put
        above them: what is the same in all rows, and a sparkline for each line of the chart.
    """
    told_apart, numbers = _asked_for(question, values)
    # A list is no number to read first.
    numbers = [name for name in numbers if not _is_list(table, name)]
    in_order = _in_order(table.column_names, told_apart, numbers)
    shown, caption = brief(_drawn(table.select(in_order)), numbers, width=width)
    return shown, [*caption.splitlines(), *_lines(question, values, table, width)]


def _in_order(names: list[str], told_apart: list[str], numbers: list[str]) -> list[str]:
    """Put first what was asked for, and last what the name of a series says already."""
    if "layer" in names:
        # Layers are known by their number, also where the chart is drawn over the depth.
        numbers = ["layer", *(name for name in numbers if name != "depth")]
    asked_for = (*told_apart, *numbers) if told_apart else ("series", *numbers)
    first = [name for name in dict.fromkeys(asked_for) if name in names]
    told = _IN_SERIES if "series" in names else ()
    last = [name for name in names if name in told and name not in first]
    others = [name for name in names if name not in (*first, *last)]
    return [*first, *others, *last]


def _asked_for(
    question: Question, values: Mapping[str, ParameterValue]
) -> tuple[list[str], list[str]]:
    """Name what the chart tells rows apart by, and the numbers that it shows."""
    if question.encoding is None:
        return [], []
    columns = question.encoding.columns(values)
    types = {
        key: channel.type
        for key, channel in question.encoding.channels.items()
        if key in columns and key not in ADDED
    }
    apart = [columns[key] for key in types if types[key] == "N"]
    apart.sort(key=lambda name: name != "series")
    return (
        [*apart, *(columns[key] for key in types if types[key] in {"O", "T"})],
        [columns[key] for key in types if types[key] == "Q"],
    )


def _is_list(table: "pa.Table", name: str) -> bool:
    import pyarrow as pa

    return name in table.column_names and pa.types.is_list(table.schema.field(name).type)


def _drawn(table: "pa.Table") -> "pa.Table":
    """Put sparklines in place of long lists of numbers."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        if not pa.types.is_list(field.type) or not pa.types.is_floating(field.type.value_type):
            continue
        lists = table.column(place).to_pylist()
        if max((len(numbers) for numbers in lists if numbers), default=0) > _SHORT_LIST:
            texts = [sparkline(numbers or (), most=_IN_A_CELL) for numbers in lists]
            table = table.set_column(place, field.name, pa.array(texts, pa.string()))
    return table


def _lines(
    question: Question, values: Mapping[str, ParameterValue], table: "pa.Table", width: int
) -> list[str]:
    encoding = question.encoding
    if encoding is None or encoding.mark not in {"line", "curve"} or not table.num_rows:
        return []
    columns = encoding.columns(values)
    along, height = columns.pop("x"), columns.pop("y")
    # A number that colours the lines tells none apart.
    apart = [
        columns[key] for key in columns if encoding.channels[key].type == "N" and key not in ADDED
    ]
    if along not in _ALONG or not {along, height, *apart} <= set(table.column_names):
        return []
    rows = _columns(table, [along, height, *apart])
    found: dict[tuple[object, ...], list[tuple[float, float | None]]] = {}
    for place, number, *key in zip(*rows, strict=True):
        if place is not None:
            found.setdefault(tuple(key), []).append((place, number))
    if len(found) > _MOST_LINES:
        return []
    labels = [" ".join(str(part) for part in key if part is not None) for key in found]
    pictures = []
    for points in found.values():
        numbers = [number for _, number in sorted(points, key=itemgetter(0))]
        pictures.append(f"{sparkline(numbers)}  {range_of(numbers)}".rstrip())
    room = width - 2 - max(map(len, pictures), default=0)
    return [
        f"{label}  {picture}"
        for label, picture in zip(even(labels, max(room, _SHORTEST_LABEL)), pictures, strict=True)
    ]


def _columns(table: "pa.Table", names: list[str]) -> list[list[object]]:
    return [[v for chunk in table.column(n).chunks for v in plain_values(chunk)] for n in names]
