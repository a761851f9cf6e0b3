"""Tells the course of a number through training, and says it in a sentence."""

import math
from collections.abc import Callable, Sequence
from statistics import median
from typing import Literal

from embstore.report.evidence import Point, Trajectory
from embstore.report.sentences import Finding, listed, number, shortened

Course = Literal["rises, then falls", "falls, then rises", "rises", "falls", "stays level", "open"]

# Fewer checkpoints show no course.
_LEAST_CHECKPOINTS = 4
# Of two estimates' joint standard error: high, for the highest of many is compared.
_ERRORS = 3.0
# A change smaller than this share of the value is not worth a word, however sure.
_SMALL = 0.02


def peak_over_training(trajectories: Sequence[Trajectory]) -> Finding | None:
    """Say whether the highest anisotropy of any block grows with training."""
    return _over_training(
        "Anisotropy in training",
        "The highest anisotropy of any block",
        trajectories,
        lambda point: point.peak,
    )


def dimension_over_training(
    trajectories: Sequence[Trajectory], estimate: str | None
) -> Finding | None:
    """Say whether the intrinsic dimension first rises and then falls."""
    return _over_training(
        "Dimension in training",
        f"The intrinsic dimension ({estimate}, mean over blocks, all tokens)",
        trajectories,
        lambda point: point.mean,
    )


def course(values: Sequence[float], errors: Sequence[float]) -> Course:
    """Tell the course of a series of estimates from its noise.

    A running median of three steadies the series; then two of its values differ if their
    difference exceeds three joint standard errors and two percent.

    >>> course([5, 9, 14, 12, 9, 8], [0.1] * 6)
    'rises, then falls'
    >>> course([5, 5.2, 4.9, 5.1], [0.3] * 4)
    'stays level'
    >>> course([5, 9], [0.1] * 2)
    'open'
    """
    if len(values) < _LEAST_CHECKPOINTS:
        return "open"
    steady = [
        values[0],
        *(median(values[i - 1 : i + 2]) for i in range(1, len(values) - 1)),
        values[-1],
    ]

    def exceeds(high: int, low: int) -> bool:
        joint = math.hypot(errors[high], errors[low])
        least = max(_ERRORS * joint, _SMALL * max(abs(steady[high]), abs(steady[low])))
        return steady[high] - steady[low] > least

    last = len(steady) - 1
    top = max(range(len(steady)), key=steady.__getitem__)
    bottom = min(range(len(steady)), key=steady.__getitem__)
    if exceeds(top, 0) and exceeds(top, last):
        return "rises, then falls"
    if exceeds(0, bottom) and exceeds(last, bottom):
        return "falls, then rises"
    if exceeds(last, 0):
        return "rises"
    if exceeds(0, last):
        return "falls"
    return "stays level"


def _over_training(
    topic: str,
    subject: str,
    trajectories: Sequence[Trajectory],
    value: Callable[[Point], float],
) -> Finding | None:
    courses: dict[Course, list[Trajectory]] = {}
    for trajectory in trajectories:
        points = trajectory.points
        told = course([value(point) for point in points], [point.error for point in points])
        courses.setdefault(told, []).append(trajectory)
    unclear = courses.pop("open", [])
    runs = tuple(sorted(point.run for t in trajectories for point in t.points))
    if not courses:
        if not trajectories:
            return None
        return Finding(
            topic,
            f"{subject}: open. No model has {_LEAST_CHECKPOINTS} checkpoints with known steps.",
            runs,
            "open",
        )
    total = sum(map(len, courses.values()))
    parts = []
    for told, mine in sorted(courses.items(), key=lambda item: (-len(item[1]), item[0])):
        names = listed(t.model for t in mine)
        example = _example(mine[0], value, named=len(mine) > 1)
        parts.append(f"{told} in {len(mine)} of {total} series of checkpoints ({names}{example})")
    text = f"{subject} {'; '.join(parts)}."
    if unclear:
        text += (
            f" With fewer than {_LEAST_CHECKPOINTS} checkpoints, {listed(t.model for t in unclear)}"
            " stays open."
        )
    return Finding(topic, text, runs)


def _example(trajectory: Trajectory, value: Callable[[Point], float], *, named: bool) -> str:
    points = trajectory.points
    numbers = [value(point) for point in points]
    top = max(range(len(numbers)), key=numbers.__getitem__)
    stops = dict.fromkeys((0, top, len(numbers) - 1))
    way = ", ".join(f"{number(numbers[i])} at step {points[i].step:,}" for i in stops)
    return f"; {shortened(trajectory.model)}: {way}" if named else f": {way}"
