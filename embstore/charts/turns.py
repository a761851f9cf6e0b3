"""Marks the points of lines that have a label: where a course turns."""

import math
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
    sides = _sides(lines, data)
    words = alt.Text(**field_of(channel), format=".3~g" if channel.type == "Q" else alt.Undefined)
    for side in dict.fromkeys(sides.values()):
        along = {"left": -_ASIDE, "center": 0, "right": _ASIDE}[side]
        text = there.mark_text(dy=_ABOVE, dx=along, align=side, fontSize=SMALL_SIZE, aria=False)
        mine = [name for name in lines if sides[name] == side]
        if color is not None and len(mine) < len(lines):
            text = text.transform_filter(alt.FieldOneOfPredicate(field_of(color)["field"], mine))
        drawn.append(text.encode(words, color=alt.value(data.theme.ink)))
    return drawn


def _sides(lines: list[str], data: ChartData) -> dict[str, Literal["left", "center", "right"]]:
    """Say for each line how its words are aligned: away from those that they would cover."""
    spots = {name: _spots(name, data) for name in lines}
    sides: dict[str, Literal["left", "center", "right"]] = dict.fromkeys(lines, "center")
    for one, other in combinations(lines, 2):
        for (x, y, width), (far_x, far_y, far_width) in product(spots[one], spots[other]):
            if abs(x - far_x) < (width + far_width) / 2 and abs(y - far_y) < _LINE:
                left, right = (one, other) if x <= far_x else (other, one)
                sides[left], sides[right] = "right", "left"
    return sides


def _spots(name: str, data: ChartData) -> list[tuple[float, float, float]]:
    """Return about where the rings of a line with words are, and how wide the words."""
    x, y, label = (data.channels[key] for key in ("x", "y", "label"))
    color = data.channels.get("color")
    spots = []
    for row in data.rows:
        words = row[label.column]
        if not words or (name and color is not None and str(row[color.column]) != name):
            continue
        across, down = row[x.column], row[y.column]
        if isinstance(across, int | float) and isinstance(down, int | float):
            width = len(str(words)) * CHARACTER_WIDTH
            spots.append((_place(across, x.scale, data.numbers(x)) * _WIDTH, down, width))
    low, high = min(0.0, *data.numbers(y)), max(0.0, *data.numbers(y))
    return [(at, HEIGHT * (high - value) / ((high - low) or 1), w) for at, value, w in spots]


def _place(value: float, scale: str, numbers: list[float]) -> float:
    """Return where a value lies on an axis, from 0 to 1."""
    if scale in {"symlog", "log"}:
        least = min((number for number in numbers if number > 0), default=1)
        value, *numbers = (math.log1p(max(0.0, each) / least) for each in (value, *numbers))
    low, high = min(numbers), max(numbers)
    return (value - low) / ((high - low) or 1)
