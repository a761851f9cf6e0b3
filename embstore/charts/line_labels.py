"""The names of lines, written where the lines end: nobody has to match colours to a legend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from embstore.charts.theme import CHARACTER_WIDTH, HEIGHT

if TYPE_CHECKING:
    from embstore.charts.chart_data import ChartData

# More lines than this, or a longer name, and a legend is easier to read.
MOST_LINES = 6
_LONGEST = 26
# Pixels from one label to the next, and how far one may be from the end of its line.
_LINE_HEIGHT, _FARTHEST = 15, 37
# Pixels from the axis to the middle of the lowest label: below are the labels of the axis.
_ABOVE_AXIS = 2
# Lines that end further to the left than this share of the axis have their ends among others.
_AT_THE_END = 0.97


@dataclass(frozen=True)
class LineLabel:
    """A name beside the end of a line.

    Attributes:
        name: the category of ``color``.
        value: where the line ends.
        shift: by how many pixels the label is moved down, so that it covers no other.
    """

    name: str
    value: float
    shift: float


def room_for(labels: Sequence[LineLabel]) -> int:
    """Return how many pixels the labels need beside the lines."""
    longest = max((len(label.name) for label in labels), default=0)
    return int(longest * CHARACTER_WIDTH) + 14 if labels else 0


def line_labels(data: "ChartData") -> tuple[LineLabel, ...]:
    """Return a label for each line of a chart of one panel; none where they would not fit."""
    channels = data.channels
    color = channels.get("color")
    several_views = {"facet", "row", "apart"} & channels.keys()
    if data.mark not in {"line", "curve"} or color is None or color.type == "Q" or several_views:
        return ()
    names = data.names(color)
    if "detail" in channels:
        detail = channels["detail"].column
        if len({(row[color.column], row[detail]) for row in data.rows}) > len(names):
            # Several lines have one colour.
            return ()
    if not 0 < len(names) <= MOST_LINES or max(map(len, names)) > _LONGEST:
        return ()
    if channels["x"].type != "Q" or channels["y"].type != "Q":
        return ()
    ends = _ends(data, color.column, channels["x"].column, channels["y"].column)
    if len(ends) < len(names):
        return ()
    at = {name: _pixel(value, data) for name, value in ends.items()}
    shifts = _apart(at)
    if max(map(abs, shifts.values())) > _FARTHEST:
        return ()
    return tuple(LineLabel(name, ends[name], shifts[name]) for name in names)


def _ends(data: "ChartData", name: str, x: str, y: str) -> dict[str, float]:
    """Return the last value of each line that reaches the end of the axis, first scope first."""
    places = data.numbers(data.channels["x"])
    low, high = min(places), max(places)
    reached = low + _AT_THE_END * (high - low)
    dash = data.channels.get("dash")
    ends: dict[str, tuple[float, float]] = {}
    dashes: dict[str, object] = {}
    for row in data.rows:
        place, value = row[x], row[y]
        if not isinstance(place, int | float) or not isinstance(value, int | float):
            continue
        series = str(row[name])
        # A model's lines have one label, at the first of them.
        if dash and dashes.setdefault(series, row[dash.column]) != row[dash.column]:
            continue
        if place >= reached and place >= ends.get(series, (low, 0.0))[0]:
            ends[series] = (place, value)
    return {series: value for series, (_place, value) in ends.items()}


def _pixel(value: float, data: "ChartData") -> float:
    """Return about how far below the top of the panel a value is drawn."""
    y = data.channels["y"]
    numbers = data.numbers(y)
    for column in (*data.interval, *data.seed_band):
        numbers += [n for row in data.rows if isinstance(n := row[column], int | float)]
    whole = data.on_whole_axis(y, data.numbers(y))
    low, high = min(0.0, *numbers), max(1.0 if whole else 0.0, *numbers)
    return HEIGHT * (high - value) / ((high - low) or 1)


def _apart(at: Mapping[str, float]) -> dict[str, float]:
    """Return by how much each label moves, so that none covers another."""
    order = sorted(at, key=lambda name: at[name])
    placed: dict[str, float] = {}
    # Downwards each as far as it must; then the whole group back to its middle.
    group: list[str] = []
    for name in order:
        if group and at[name] - placed[group[-1]] < _LINE_HEIGHT:
            placed[name] = placed[group[-1]] + _LINE_HEIGHT
            group.append(name)
        else:
            _centre(group, placed, at)
            placed[name] = at[name]
            group = [name]
    _centre(group, placed, at)
    lowest = float(HEIGHT - _ABOVE_AXIS)
    for name in reversed(order):
        placed[name] = min(placed[name], lowest)
        lowest = placed[name] - _LINE_HEIGHT
    shifts = {name: placed[name] - at[name] for name in order}
    for one, other in pairwise(order):
        if placed[other] - placed[one] < _LINE_HEIGHT - 1:
            # Two groups moved into each other: too many ends in one place.
            return dict.fromkeys(order, float("inf"))
    return {name: round(shift, 1) for name, shift in shifts.items()}


def _centre(group: Sequence[str], placed: dict[str, float], at: Mapping[str, float]) -> None:
    if len(group) > 1:
        mean = sum(placed[name] - at[name] for name in group) / len(group)
        for name in group:
            placed[name] -= mean
