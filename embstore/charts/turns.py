"""Marks the points of lines that have a label: where a course turns."""

import math
from dataclasses import dataclass
from itertools import combinations, product
from typing import Literal

import altair as alt

from embstore.charts.axes import field_of
from embstore.charts.chart_data import ChartData
from embstore.charts.notebook import InlineChart
from embstore.charts.theme import CHARACTER_WIDTH, HEIGHT, SMALL_SIZE

# The area of a ring.
RING = 220
# More lines than this have no words at their rings: they would cover each other.
_LABELLED = 3
# Pixels down from a ring's middle to the words above it, aside of it to where words begin that
# have others beside them, and the height of a line of words.
_ABOVE, _ASIDE, _LINE = -15, 8, 16
# About how wide a panel is that has the names of its lines beside it.
_WIDTH = 300


@dataclass(frozen=True)
class _Spot:
    """A ring with words: where its middle is, in pixels, and how wide the words are."""

    x: float
    y: float
    width: float
    words: str


def turns(base: InlineChart, data: ChartData) -> list[InlineChart]:
    """Draw a ring around each point with a label, and the label above it."""
    channel = data.channels["label"]
    there = base.transform_filter(alt.expr.isValid(alt.datum[channel.column]))
    ring = there.mark_point(filled=False, size=RING, strokeWidth=2, opacity=1, aria=False)
    color = data.channels.get("color")
    lines = data.names(color) if color is not None and color.type != "Q" else [""]
    if len(lines) > _LABELLED:
        return [ring]
    drawn = [ring]
    told = _told_once(lines, data)
    sides = _sides(told, data)
    words = alt.Text(**field_of(channel), format=".3~g" if channel.type == "Q" else alt.Undefined)
    for side in dict.fromkeys(sides.values()):
        along = {"left": -_ASIDE, "center": 0, "right": _ASIDE}[side]
        text = there.mark_text(dy=_ABOVE, dx=along, align=side, fontSize=SMALL_SIZE, aria=False)
        mine = [name for name in told if sides[name] == side]
        if color is not None and len(mine) < len(lines):
            text = text.transform_filter(alt.FieldOneOfPredicate(field_of(color)["field"], mine))
        drawn.append(text.encode(words, color=alt.value(data.theme.ink)))
    return drawn


def _told_once(lines: list[str], data: ChartData) -> list[str]:
    """Leave out the lines whose words all stand at those of another, the highest of them."""
    spots = {name: _spots(name, data) for name in lines}
    kept: list[str] = []
    for name in sorted(lines, key=lambda name: min((s.y for s in spots[name]), default=0.0)):
        others = [spot for other in kept for spot in spots[other]]
        if not spots[name] or not all(_repeats(spot, others) for spot in spots[name]):
            kept.append(name)
    return [name for name in lines if name in kept]


def _repeats(spot: _Spot, others: list[_Spot]) -> bool:
    """Tell whether words would cover the ring below equal ones, or be covered."""
    return any(
        spot.words == other.words
        and abs(spot.x - other.x) < spot.width
        and abs(spot.y - other.y) < 2 * _LINE
        for other in others
    )


def _covers(one: _Spot, other: _Spot) -> bool:
    return abs(one.x - other.x) < (one.width + other.width) / 2 and abs(one.y - other.y) < _LINE


def _sides(lines: list[str], data: ChartData) -> dict[str, Literal["left", "center", "right"]]:
    """Say for each line how its words are aligned: away from those that they would cover."""
    spots = {name: _spots(name, data) for name in lines}
    sides: dict[str, Literal["left", "center", "right"]] = dict.fromkeys(lines, "center")
    for one, other in combinations(lines, 2):
        for spot, far in product(spots[one], spots[other]):
            if _covers(spot, far):
                left, right = (one, other) if spot.x <= far.x else (other, one)
                sides[left], sides[right] = "right", "left"
    return sides


def _spots(name: str, data: ChartData) -> list[_Spot]:
    """Return about where the rings of a line with words are."""
    x, y, label = (data.channels[key] for key in ("x", "y", "label"))
    color = data.channels.get("color")
    low, high = min(0.0, *data.numbers(y)), max(0.0, *data.numbers(y))
    spots = []
    for row in data.rows:
        words = row[label.column]
        if not words or (name and color is not None and str(row[color.column]) != name):
            continue
        across, down = row[x.column], row[y.column]
        if isinstance(across, int | float) and isinstance(down, int | float):
            width = len(str(words)) * CHARACTER_WIDTH
            at = _place(across, x.scale, data.numbers(x)) * _WIDTH
            spots.append(_Spot(at, HEIGHT * (high - down) / ((high - low) or 1), width, str(words)))
    return spots


def _place(value: float, scale: str, numbers: list[float]) -> float:
    """Return where a value lies on an axis, from 0 to 1."""
    if scale in {"symlog", "log"}:
        least = min((number for number in numbers if number > 0), default=1)
        value, *numbers = (math.log1p(max(0.0, each) / least) for each in (value, *numbers))
    low, high = min(numbers), max(numbers)
    return (value - low) / ((high - low) or 1)
