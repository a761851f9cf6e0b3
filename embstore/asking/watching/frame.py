"""Lays out one frame of the view: lines of text that fit a terminal."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple

from embstore.asking.watching.fitting import GAP, Fit, Widths, fit, spread
from embstore.asking.watching.training import Training
from embstore.asking.watching.words import heading, label_of
from embstore.common.messages import visible
from embstore.tables.looks import looks_of, text_of, texts
from embstore.tables.shorten import begin_of, width_of
from embstore.tables.sparklines import ends_of, sparkline

_BETWEEN = " · "
_GAP = " " * GAP
# Lines that the heading may take.
_MOST_LINES = 3
# Notes, blank lines and the rest of the heading go before a terminal shows fewer.
_FEWEST_LAYERS = 8


class Line(NamedTuple):
    """A line of a frame, and how it looks."""

    text: str
    look: Literal["plain", "bold", "dim"] = "plain"


def frame(
    training: Training,
    now: datetime,
    *,
    width: int | None = None,
    height: int | None = None,
    trouble: str = "",
    end: str = "",
) -> list[Line]:
    """Show a training in so many lines of so many characters; None for as many as it takes.

    Args:
        training: what was read last.
        now: the time that it is.
        width: of the terminal; what it has no room for is left out from the right, and named.
        height: of the terminal; of more layers some are shown, evenly spread, and how many.
        trouble: why nothing newer is known.
        end: the last line, where there is room for it.
    """
    stacks = len({layer.stack for layer in training.layers}) > 1
    labels = [label_of(layer, stacks=stacks) for layer in training.layers]
    columns = [_column(training, metric) for metric in training.metrics]
    label = max(map(width_of, (*labels, "layer")))
    room = fit(label, [column.widths for column in columns], len(training.steps), width)
    columns = columns[: room.metrics]
    first, *more = _joined(heading(training, now), width)
    told = f"showing what was read before: {trouble}" if trouble else ""
    no_room = _lines(_no_room(training.metrics, room), width)
    notes = (*training.remarks, _scale(columns, room))
    below = [tuple(map(Line, _lines(note, width))) for note in notes if note]
    if end:
        below.append((Line(end, "dim"),))
    around = _Around(
        more=tuple(map(Line, more)),
        blank=True,
        rule=True,
        left_out=tuple(map(Line, (*_lines(told, width), *no_room))),
        below=tuple(below),
    )
    places, around = _fitted(len(labels), around, height)
    lines = [
        Line(first, "bold"),
        *around.more,
        *[Line("")] * around.blank,
        Line(_row("layer", label, [column.metric for column in columns], columns, room), "bold"),
        *[Line(_row("─" * label, label, _rules(columns, room), columns, room))] * around.rule,
        *(
            Line(_row(labels[place], label, _cells(place, columns, room), columns, room))
            for place in places
        ),
        *[Line("")] * around.blank,
        *around.left_out,
        *(line for note in around.below for line in note),
    ]
    return _whole(lines, width, height)


def waiting(
    why: str, *, width: int | None = None, height: int | None = None, end: str = ""
) -> list[Line]:
    """Show that there is nothing to show yet, and why."""
    lines = [Line("Waiting for the first run", "bold"), *map(Line, _lines(why, width))]
    return _whole([*lines, *([Line(end, "dim")] if end else [])], width, height)


@dataclass(frozen=True)
class _Column:
    """A metric's numbers: of each layer the newest as text, and all steps' for its sparkline.

    ``scales`` says of each site how far its sparklines reach. All blocks have one, so that their
    heights compare; the embedding and the final norm, which may change far more, their own.
    """

    metric: str
    newest: Sequence[str]
    courses: Sequence[Sequence[float | None]]
    sites: Sequence[str]
    scales: Mapping[str, float]

    @property
    def widths(self) -> Widths:
        return Widths(width_of(self.metric), max(map(width_of, self.newest), default=0))

    def sparkline(self, place: int, blocks: int) -> str:
        """Draw a layer's course, from its lowest up."""
        course = self.courses[place]
        ends = ends_of([course])
        reach = self.scales.get(self.sites[place], 0.0)
        return sparkline(course, blocks, (ends[0], ends[0] + reach)) if ends else ""


@dataclass(frozen=True)
class _Around:
    """What stands around the layers, and gives way to them on a low terminal.

    Only ``left_out`` stays: what is not shown, or not known.
    """

    more: tuple[Line, ...]
    blank: bool
    rule: bool
    left_out: tuple[Line, ...]
    below: tuple[tuple[Line, ...], ...]

    @property
    def size(self) -> int:
        # Besides the first line and the names of the metrics.
        around = len(self.more) + 2 * self.blank + self.rule
        return 2 + around + len(self.left_out) + sum(map(len, self.below))

    def smaller(self) -> Iterator["_Around"]:
        """Give what is left as one thing after the other goes, the most important last."""
        left = self
        yield left
        if left.blank:
            yield (left := replace(left, blank=False))
        while left.below:
            yield (left := replace(left, below=left.below[:-1]))
        if left.rule:
            yield (left := replace(left, rule=False))
        while left.more:
            yield (left := replace(left, more=left.more[:-1]))


def _fitted(n_layers: int, around: _Around, height: int | None) -> tuple[list[int], _Around]:
    """Choose the layers that a terminal has room for, and what stands around them."""
    if height is None or n_layers + around.size <= height:
        return spread(n_layers, n_layers), around
    least = min(n_layers, _FEWEST_LAYERS)
    for left in around.smaller():
        free = height - left.size
        if free >= n_layers:
            return spread(n_layers, n_layers), left
        # A line says that some are left out.
        if free - 1 >= least:
            break
    shown = max(free - 1, 1)
    note = Line(
        f"{shown} of {n_layers} layers, evenly spread: a terminal of "
        f"{n_layers + around.size} lines shows all"
    )
    return spread(n_layers, shown), replace(left, left_out=(note, *left.left_out))


def _column(training: Training, metric: str) -> _Column:
    missing = [None] * len(training.steps)
    courses = [layer.numbers.get(metric, missing) for layer in training.layers]
    newest = [course[-1] for course in courses]
    (look,) = looks_of(lambda: [[newest]], 1)
    sites = [layer.site for layer in training.layers]
    scales: dict[str, float] = {}
    for site, course in zip(sites, courses, strict=True):
        if ends := ends_of([course]):
            scales[site] = max(scales.get(site, 0.0), ends[1] - ends[0])
    return _Column(visible(metric), texts(newest, look), courses, sites, scales)


def _row(
    first: str, label: int, cells: Sequence[str], columns: Sequence[_Column], room: Fit
) -> str:
    sizes = [
        column.widths.with_blocks(room.blocks if place < room.sparklines else 0)
        for place, column in enumerate(columns)
    ]
    padded = [begin_of(cell, size) for cell, size in zip(cells, sizes, strict=True)]
    return _GAP.join([begin_of(first, label), *padded]).rstrip()


def _rules(columns: Sequence[_Column], room: Fit) -> list[str]:
    return [
        "─" * column.widths.with_blocks(room.blocks if place < room.sparklines else 0)
        for place, column in enumerate(columns)
    ]


def _cells(place: int, columns: Sequence[_Column], room: Fit) -> list[str]:
    """Return what a layer's line has of each metric: the newest number, and its sparkline."""
    cells = []
    for at, column in enumerate(columns):
        number = column.newest[place]
        number = " " * (column.widths.number - width_of(number)) + number
        drawn = at < room.sparklines
        cells.append(f"{number} {column.sparkline(place, room.blocks)}" if drawn else number)
    return cells


def _no_room(metrics: Sequence[str], room: Fit) -> str:
    lines = metrics[room.sparklines : room.metrics]
    left = [*(f"the sparkline of {name}" for name in lines), *metrics[room.metrics :]]
    return f"no room for {', '.join(left)}: widen the terminal" if left else ""


def _scale(columns: Sequence[_Column], room: Fit) -> str:
    """Say what the height of a sparkline is, where there is any."""
    reach = [(column.metric, column.scales.get("block")) for column in columns[: room.sparklines]]
    each = [f"{metric} {text_of(largest)}" for metric, largest in reach if largest]
    return f"▁ to █ is the largest change of any block: {', '.join(each)}" if each else ""


def _joined(parts: Sequence[str], width: int | None) -> list[str]:
    """Fill some lines; what comes last may find no room."""
    lines = [parts[0]]
    for part in parts[1:]:
        longer = f"{lines[-1]}{_BETWEEN}{part}"
        if width is None or width_of(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines[:_MOST_LINES]


def _lines(text: str, width: int | None) -> list[str]:
    if not text:
        return []
    return textwrap.wrap(text, width) if width else [text]


def _whole(lines: Sequence[Line], width: int | None, height: int | None) -> list[Line]:
    return [Line(_cut(line.text, width), line.look) for line in lines[:height]]


def _cut(text: str, width: int | None) -> str:
    if width is None or width_of(text) <= width:
        return text
    return f"{begin_of(text, width - 1)}…" if width > 1 else begin_of(text, width)
