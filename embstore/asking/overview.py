"""What stands above an answer where people read it: what all its rows share, and its lines."""

from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING

from embstore.asking.parameters import ParameterValue
from embstore.asking.question import ADDED, QUANTITY, Question
from embstore.common.messages import visible
from embstore.tables.brief import brief
from embstore.tables.fitting import GAP, Column, fitted
from embstore.tables.glance import Glance
from embstore.tables.moments import moments
from embstore.tables.scalars import texts
from embstore.tables.shorten import width_of
from embstore.tables.sparklines import ends_of, range_of, sparkline
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
_FEWEST_BLOCKS, _MOST_BLOCKS = 20, 40
_BETWEEN = " " * GAP
_OF_SEEDS = ("n_seeds", "seed_low", "seed_high")
# What the name of a series is made of.
_IN_SERIES = ("series", "model", "kind", "revision", "step", "corpus", "stack")


def overview(
    question: Question, values: Mapping[str, ParameterValue], table: "pa.Table", width: int
) -> Glance:
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
    told_apart, numbers = _asked_for(question, values, table)
    wanted = dict.fromkeys((*told_apart, *numbers))
    asked_for = [name for name in wanted if name in table.column_names]
    in_order = table.select(_in_order(table.column_names, asked_for))
    drawn, scales = _drawn(_to_the_minute(in_order))
    shown, caption = brief(drawn, asked_for, numbers, width=width)
    above = [*caption.splitlines(), *scales, *_lines(question, values, table, width)]
    keep = tuple(name for name in asked_for if name in shown.column_names)
    return Glance(shown, above, keep)


def _in_order(names: list[str], asked_for: list[str]) -> list[str]:
    """Put first what was asked for, and last what the name of a series says already."""
    first = asked_for or [name for name in ("series", "layer") if name in names]
    told = _IN_SERIES if "series" in names else ()
    last = [name for name in names if name in told and name not in first]
    others = [name for name in names if name not in (*first, *last)]
    return [*first, *others, *last]


def _asked_for(
    question: Question, values: Mapping[str, ParameterValue], table: "pa.Table"
) -> tuple[list[str], list[str]]:
    """Name what rows are told apart by, and the numbers that a reader looks for."""
    if question.columns:
        shown = [name for name in question.columns if name in table.column_names]
        numbers = [name for name in shown if _is_number(table, name)]
        return shown, numbers
    if question.encoding is None:
        return [], []
    columns = question.encoding.columns(values)
    types = {
        key: channel.type
        for key, channel in question.encoding.channels.items()
        if key in columns and key not in ADDED
    }
    apart = [columns[key] for key in types if types[key] == "N"] or ["series"]
    apart.sort(key=lambda name: name != "series")
    apart += [columns[key] for key in types if types[key] in {"O", "T"}]
    # A list is no number to read.
    numbers = [
        columns[key] for key in types if types[key] == "Q" and not _is_list(table, columns[key])
    ]
    if "layer" in table.column_names:
        # Layers are known by their number, also where the chart is drawn over the depth.
        numbers = ["layer", *(name for name in numbers if name != "depth")]
    # Where there are seeds.
    numbers += [name for name in _OF_SEEDS if _has_any(table, name)]
    return list(dict.fromkeys(apart)), list(dict.fromkeys(numbers))


def _to_the_minute(table: "pa.Table") -> "pa.Table":
    """Write moments as people do, ``2026-11-02 09:30Z``, without seconds and their parts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            found = pa.chunked_array(map(moments, table.column(place).chunks), pa.string())
            for zone, after in ((r"\+00:00", "Z"), ("", "")):
                pattern = rf"^(\S+)T(\d\d:\d\d):\d\d(\.\d+)?{zone}$"
                found = pc.replace_substring_regex(found, pattern, rf"\1 \2{after}")
            table = table.set_column(place, field.name, found)
    return table


def _is_number(table: "pa.Table", name: str) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_floating(table.schema.field(name).type))


def _has_any(table: "pa.Table", name: str) -> bool:
    return name in table.column_names and table[name].null_count < table.num_rows


def _is_list(table: "pa.Table", name: str) -> bool:
    import pyarrow as pa

    return name in table.column_names and pa.types.is_list(table.schema.field(name).type)


def _drawn(table: "pa.Table") -> "tuple[pa.Table, list[str]]":
    """Put sparklines in place of long lists of numbers, and say what their heights stand for."""
    import pyarrow as pa

    scales = []
    for place, field in enumerate(table.schema):
        if not pa.types.is_list(field.type) or not pa.types.is_floating(field.type.value_type):
            continue
        lists = [numbers or [] for numbers in table.column(place).to_pylist()]
        if max(map(len, lists), default=0) > _SHORT_LIST:
            ends = ends_of(lists)
            drawn = texts([sparkline(numbers, _IN_A_CELL, ends) for numbers in lists])
            table = table.set_column(place, field.name, drawn)
            if ends:
                scales.append(f"{field.name}: blocks from {range_of(ends)}")
    return table, scales


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
        columns[key]
        for key in columns
        if encoding.channels[key].type == "N" and (key not in ADDED or columns[key] == QUANTITY)
    ]
    if along not in _ALONG or not {along, height, *apart} <= set(table.column_names):
        return []
    rows = _columns(table, [along, height, *apart])
    found: dict[tuple[object, ...], list[tuple[float, float | None]]] = {}
    for place, number, *key in zip(*rows, strict=True):
        if place is not None:
            found.setdefault(tuple(key), []).append((place, number))
    if not 0 < len(found) <= _MOST_LINES:
        return []
    lines = [
        [number for _, number in sorted(points, key=itemgetter(0))] for points in found.values()
    ]
    # Of one scale, so that heights compare; of each quantity its own.
    of = [key[apart.index(QUANTITY)] if QUANTITY in apart else None for key in found]
    scales = {
        each: ends_of([line for line, its in zip(lines, of, strict=True) if its == each])
        for each in of
    }
    ranges = [range_of(numbers) for numbers in lines]
    keys = _apart(list(found))
    # Names before blocks, down to some that still show a shape.
    room = width - 2 * GAP - max(map(len, ranges))
    most = min(max(room - _natural(keys), _FEWEST_BLOCKS), _MOST_BLOCKS)
    pictures = [
        f"{sparkline(numbers, most, scales[each])}{_BETWEEN}{said}".rstrip()
        for numbers, each, said in zip(lines, of, ranges, strict=True)
    ]
    labels = _labels(keys, max(width - GAP - max(map(len, pictures)), _SHORTEST_LABEL))
    return [f"{label}{_BETWEEN}{picture}" for label, picture in zip(labels, pictures, strict=True)]


def _apart(keys: list[tuple[object, ...]]) -> list[list[str]]:
    """Return the parts of lines' names that tell them apart; the caption has what they share."""
    parts = list(zip(*keys, strict=True))
    apart = [part for part in parts if len(set(part)) > 1] or parts[:1]
    return [["" if of is None else visible(str(of)) for of in part] for part in apart]


def _natural(parts: list[list[str]]) -> int:
    return sum(max(map(width_of, part)) for part in parts) + GAP * (len(parts) - 1)


def _labels(parts: list[list[str]], room: int) -> list[str]:
    columns = [Column("", max(map(width_of, part)), frozenset(part), keep=True) for part in parts]
    widths, shown = fitted(columns, room)
    cells = [even(parts[place], size) for place, size in zip(shown, widths, strict=True)]
    return [_BETWEEN.join(row) for row in zip(*cells, strict=True)]


def _columns(table: "pa.Table", names: list[str]) -> list[list[object]]:
    return [[v for chunk in table.column(n).chunks for v in plain_values(chunk)] for n in names]
