"""Axes: how numbers and names turn into places."""

import math
from typing import Any, TypedDict

import altair as alt

from embstore.asking.question import CHANNEL_TYPES, Channel
from embstore.charts.chart_data import ChartData
from embstore.charts.theme import MANY_ROWS, MOST_COLUMNS, NAME_LETTERS
from embstore.charts.words import axis_title, in_lines

# Columns that span orders of magnitude, with the base of their logarithmic axis.
_LOGARITHMIC = {"mean_distance": 10, "rank": 2, "ratio": 10}
# Below and above, numbers are mostly zeros.
_TINY, _HUGE = 1e-4, 1e9
# Of the rings around the points with a label.
_RING_RADIUS = 10
_DEPTHS = {"depth", "peak_depth"}
_CORRELATIONS = {"correlation"}
# Pixels for the labels of whole numbers.
_LABELS = 24
# Of so many whole numbers in a row each has a tick.
_FEW_NUMBERS = 8
# An axis with fewer ticks has no scale to read; of steps that take their place, a few are enough.
_LEAST_TICKS, _FEW_TICKS = 2, 5
# 1000 as 1k, label by label: Vega's format would use one prefix for all, and write 1 as 0k.
_SHORT = "format(datum.value, '~s')"


class Field(TypedDict):
    """A column and how to read it, as keywords of every Altair channel."""

    field: str
    # Altair lists for each of its channels which of these words it takes.
    type: Any


def field_of(channel: Channel, column: str = "") -> Field:
    """Name a channel's column and type, or another column of that type.

    Not as Altair's shorthand, which would read a column named ``max(a)`` as an aggregate.
    """
    # Vega reads a . or [ in a name as a path into an object.
    name = column or channel.column
    for special in "\\.[]":
        name = name.replace(special, f"\\{special}")
    return Field(field=name, type=CHANNEL_TYPES[channel.type])


def axis_of(key: str, data: ChartData, column: str = "") -> alt.X | alt.Y:
    """Return ``x`` or ``y`` with its axis, or another column on the same axis."""
    placed = _placed(key, data, column)
    if key == "x" and data.above:
        # The view below has the words of the axis that both share.
        placed["title"] = None
        placed["axis"].labels = placed["axis"].ticks = False
    return placed


def _placed(key: str, data: ChartData, column: str) -> alt.X | alt.Y:
    channel = data.channels[key]
    position: type[alt.X] | type[alt.Y] = alt.X if key == "x" else alt.Y
    field = field_of(channel, column)
    if channel.type != "Q":
        return position(**field, **_categories(key, data))
    numbers = data.numbers(channel)
    for end in ("x2", "span"):
        if key == "x" and end in data.channels:
            numbers += data.numbers(data.channels[end])
    grid = key == "y" or channel.column != "layer"
    note = " (log scale)"
    if channel.scale == "symlog" and max(numbers, default=0) > 0 <= min(numbers):
        scale = alt.Scale(type="symlog", constant=_least(numbers), nice=False)
        if "label" in data.channels:
            # Else the ring around the first point would lie on the other axis.
            scale.padding = _RING_RADIUS
        axis = alt.Axis(
            grid=grid, values=_decades(numbers), labelExpr=_SHORT, labelOverlap="greedy"
        )
    elif (base := _base(channel)) and numbers and min(numbers) > 0:
        scale = alt.Scale(type="log", base=base, nice=False)
        axis = alt.Axis(grid=key == "y", tickCount=5, format="~g")
        _at_whole_numbers(axis, numbers, min(numbers))
    else:
        scale, axis = _linear(key, channel, data, numbers)
        axis.grid = grid
        note = ""
    return position(**field, title=axis_title(key, data, note), axis=axis, scale=scale)


class _Named(TypedDict, total=False):
    title: str | list[str] | None
    axis: alt.Axis
    scale: alt.Scale
    sort: Any


def _categories(key: str, data: ChartData) -> _Named:
    """Describe an axis of names, or of numbers that each take one place."""
    channel = data.channels[key]
    heat = data.mark == "rect"
    axis = alt.Axis(grid=key == "y" and not heat)
    if heat:
        # The ticks of many narrow cells would merge into a black bar.
        axis.ticks, axis.labelPadding = False, 5
    found = _Named(title=axis_title(key, data), axis=axis, scale=alt.Scale())
    if data.numbers(channel):
        axis.labelOverlap, axis.labelSeparation = "greedy", 3
        axis.labelAngle, axis.labelExpr = 0, _SHORT
        if key == "y" and data.part:
            # Views below each other begin at one place, whatever their labels.
            axis.minExtent = _LABELS
        if key == "y" and channel.column == "layer":
            found["sort"] = "descending"
        return found
    # In the answer's order, not the alphabet's: step10 comes after step9.
    found["sort"] = data.names(channel) if data.is_pairs() else None
    if channel.type == "O":
        # Where labels would overlap, some are left out.
        axis.labelOverlap = "greedy"
    if lines := in_lines(data.names(channel), NAME_LETTERS):
        axis.labelExpr = lines
    if key == "x":
        axis.labelAngle = -40
        if data.is_pairs() and len(data.names(channel)) > MANY_ROWS:
            axis.labelAngle = -90
        if data.is_pairs() and len(data.names(channel)) > MOST_COLUMNS:
            axis.labels, found["title"] = False, f"{found['title']}, in the order of the rows"
    else:
        # Names need no title, and one may be longer than the axis.
        found["title"] = None
        if data.mark in {"point", "dumbbell"}:
            # A marker at the end of the axis would lie on the names.
            axis.labelPadding = 10
    return found


def _linear(
    key: str, channel: Channel, data: ChartData, numbers: list[float]
) -> tuple[alt.Scale, alt.Axis]:
    """Return scale and axis of evenly spaced numbers."""
    if channel.column in _DEPTHS and all(0 <= number <= 1 for number in numbers):
        return alt.Scale(domain=[0, 1], nice=False), alt.Axis(tickCount=5, format=".1f")
    if channel.column in _CORRELATIONS:
        return alt.Scale(domain=[-1, 1], nice=False), alt.Axis(tickCount=5, format=".1f")
    if numbers and all(isinstance(number, int) for number in numbers):
        axis = alt.Axis(tickCount=8, tickMinStep=1)
        if max(numbers) >= 10_000:
            axis.labelExpr = _SHORT
        else:
            axis.format = "d"
        _at_whole_numbers(axis, numbers, min(0, *numbers, 0))
        return (alt.Scale(nice=False) if key == "x" else alt.Scale()), axis
    axis = alt.Axis(tickCount=6)
    largest = max(map(abs, numbers), default=0)
    if 0 < largest < _TINY or largest >= _HUGE:
        # 2e−9 instead of 0.000000002, with a minus as Vega writes it before a number.
        axis.labelExpr = "replace(replace(format(datum.value, '~g'), 'e-', 'e−'), 'e+', 'e')"
    if data.on_whole_axis(channel, numbers):
        return alt.Scale(domain=[0, 1]), axis
    # A point shows a value, not an amount as a bar does: its axis need not begin at 0.
    anywhere = data.mark == "point" and not data.reaches_rule
    return (alt.Scale(zero=False, padding=12) if anywhere else alt.Scale()), axis


def _at_whole_numbers(axis: alt.Axis, numbers: list[float], least: float) -> None:
    """Place the ticks of few whole numbers at each: Vega would put some between them."""
    most = max(*numbers, least)
    whole = all(isinstance(number, int) for number in numbers)
    if whole and 0 < most - least <= _FEW_NUMBERS:
        axis.values = list(range(int(least), int(most) + 1))


def _base(channel: Channel) -> int:
    """Return the base of a logarithmic axis; 0 where the axis is linear."""
    if channel.scale == "log":
        return _LOGARITHMIC.get(channel.column, 10)
    return 0 if channel.scale else _LOGARITHMIC.get(channel.column, 0)


def _least(numbers: list[float]) -> float:
    """Return the smallest number above 0: below it a symlog scale is linear."""
    return min((number for number in numbers if number > 0), default=1)


def _decades(numbers: list[float]) -> list[float]:
    """Place the ticks of a symlog axis; Vega's own crowd at its end."""
    least, most = _least(numbers), max(numbers)
    low, high = math.floor(math.log10(least)), math.ceil(math.log10(most))
    leads = (1,) if high - low > 3 else (1, 2, 5)
    ticks = [lead * 10.0**power for power in range(low, high + 1) for lead in leads]
    inside = [tick for tick in ticks if least <= tick <= most]
    if len(inside) < _LEAST_TICKS:
        # So near each other that no round number is between them, or one.
        inside = _some(sorted({number for number in numbers if number > 0}))
    zero = [0.0] if min(numbers) <= 0 else []
    return zero + inside


def _some(numbers: list[float]) -> list[float]:
    """Return a few of many numbers, among them the first and the last.

    >>> _some([600, 700, 800, 900]), _some(list(range(100, 201)))
    ([600, 700, 800, 900], [100, 125, 150, 175, 200])
    """
    if len(numbers) <= _FEW_TICKS:
        return numbers
    last = len(numbers) - 1
    return [numbers[round(i * last / (_FEW_TICKS - 1))] for i in range(_FEW_TICKS)]
