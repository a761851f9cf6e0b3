"""Tells the course of a number through training, and says it in a sentence."""

import math
from collections.abc import Callable, Sequence
from typing import Literal

from embstore.report.findings.sentences import Finding, counted, listed, number, shortened
from embstore.report.read.series import Point, Trajectory

Course = Literal[
    "rises, then falls",
    "falls, then rises",
    "rises",
    "falls",
    "stays level",
    "falls, rises, then falls",
    "rises, falls, then rises",
    "open",
]
Estimate = tuple[float, float | None]

# As the question about phases takes them: fewer steps show no course, and a move of two steps
# alone would count where it exceeds so many standard errors of the difference.
_LEAST_STEPS = 5
_Z = 2.0
_COURSES: dict[str, Course] = {
    "": "stays level",
    "+": "rises",
    "-": "falls",
    "+-": "rises, then falls",
    "-+": "falls, then rises",
    "-+-": "falls, rises, then falls",
    "+-+": "rises, falls, then rises",
}


def peak_over_training(trajectories: Sequence[Trajectory]) -> Finding | None:
    """Say whether the highest anisotropy of any block grows with training."""
    return _over_training(
        "Anisotropy in training",
        "The highest anisotropy of any block",
        trajectories,
        lambda point: (point.peak, point.peak_error),
    )


def dimension_over_training(
    trajectories: Sequence[Trajectory], estimate: str | None
) -> Finding | None:
    """Say whether the intrinsic dimension first rises and then falls."""
    return _over_training(
        "Dimension in training",
        f"The intrinsic dimension ({estimate}, mean over blocks, all tokens)",
        trajectories,
        lambda point: (point.mean, point.mean_error),
    )


def moves(values: Sequence[float], errors: Sequence[float]) -> str:
    """Note the moves of a series that go further than its errors: ``+`` up and ``-`` down.

    From the highest and the lowest value since the last move, a value moves away where it
    differs by more standard errors of the difference than noise would make in a flat course.

    >>> moves([5, 9, 14, 12, 8], [0.1] * 5), moves([5, 5.2, 4.9, 5.1, 5], [0.3] * 5)
    ('+-', '')
    """
    return "".join(sign for sign, _ in _turns(values, errors))


def _turns(values: Sequence[float], errors: Sequence[float]) -> list[tuple[str, int]]:
    """Return each move with the place it starts from: where the series turns."""
    noted: list[tuple[str, int]] = []
    high = low = 0
    for here in range(1, len(values)):
        last = noted[-1][0] if noted else ""
        if last != "+" and _exceeds(values, errors, here, low):
            noted.append(("+", low))
            high = low = here
        elif last != "-" and _exceeds(values, errors, high, here):
            noted.append(("-", high))
            high = low = here
        else:
            high = here if values[here] > values[high] else high
            low = here if values[here] < values[low] else low
    return noted


def _exceeds(values: Sequence[float], errors: Sequence[float], upper: int, lower: int) -> bool:
    error = math.hypot(errors[upper], errors[lower])
    return values[upper] - values[lower] > least_errors(len(values)) * error


def least_errors(n_steps: int) -> float:
    """Tell how many standard errors a move among so many steps must exceed.

    Any two steps may make a move by chance, so it is Bonferroni's bound over all pairs.

    >>> round(least_errors(2), 2), round(least_errors(6), 2), round(least_errors(150), 2)
    (2.0, 3.07, 4.76)
    """
    pairs = n_steps * (n_steps - 1) / 2
    return math.sqrt(_Z * _Z + 2 * math.log(max(1.0, pairs)))


def course(values: Sequence[float], errors: Sequence[float | None]) -> Course:
    """Tell the course of a series of estimates from its noise.

    It is open with fewer than five steps, without an error at each, or with more than
    three moves.

    >>> course([5, 9, 14, 12, 9, 8], [0.1] * 6)
    'rises, then falls'
    >>> course([5, 9], [0.1] * 2)
    'open'
    """
    known = [error for error in errors if error is not None]
    if len(values) < _LEAST_STEPS or len(known) < len(values):
        return "open"
    return _COURSES.get(moves(values, known), "open")


def _over_training(
    topic: str,
    subject: str,
    trajectories: Sequence[Trajectory],
    value: Callable[[Point], Estimate],
) -> Finding | None:
    if not trajectories:
        return None
    courses: dict[Course, list[Trajectory]] = {}
    unclear: dict[str, list[str]] = {}
    for trajectory in trajectories:
        estimates = [value(point) for point in trajectory.points]
        told = course([of for of, _ in estimates], [error for _, error in estimates])
        if told == "open" or trajectory.unequal:
            unclear.setdefault(_why_open(trajectory, estimates), []).append(trajectory.name)
        else:
            courses.setdefault(told, []).append(trajectory)
    total = sum(map(len, courses.values()))
    parts = []
    for told, mine in sorted(courses.items(), key=lambda item: (-len(item[1]), item[0])):
        names = listed([trajectory.name for trajectory in mine])
        example = _example(mine[0], value, named=len(mine) > 1)
        parts.append(f"{told} in {len(mine)} of {total} series of checkpoints ({names}{example})")
    text = f"{subject} {'; '.join(parts)}." if parts else f"{subject}: open."
    for why, names_of in sorted(unclear.items()):
        verb = "stays" if len(names_of) == 1 else "stay"
        text += f" {why}, {listed(names_of)} {verb} open."
    text += _left_out(trajectories)
    runs = tuple(sorted({point.run for t in trajectories for point in t.points}))
    return Finding(topic, text, runs, "finding" if parts else "open")


def _why_open(trajectory: Trajectory, estimates: Sequence[Estimate]) -> str:
    if trajectory.unequal:
        settings = [name.removesuffix("_size") for name in trajectory.unequal]
        return f"With steps that differ in {' and '.join(settings)}"
    if len(estimates) < _LEAST_STEPS:
        return f"With fewer than {_LEAST_STEPS} steps"
    if any(error is None for _, error in estimates):
        return "Without a standard error at every step"
    return "With more than three moves up and down"


def _left_out(trajectories: Sequence[Trajectory]) -> str:
    copied = [trajectory for trajectory in trajectories if trajectory.copies]
    if not copied:
        return ""
    each = [f"{counted(t.copies, 'step')} of {shortened(t.name)}" for t in copied]
    verb = "is" if len(copied) == 1 and copied[0].copies == 1 else "are"
    return f" Left out {verb} {listed(each)}, whose weights another step has too."


def _example(trajectory: Trajectory, value: Callable[[Point], Estimate], *, named: bool) -> str:
    """Tell the first and last value and those between where one move ends in another."""
    points = trajectory.points
    estimates = [value(point) for point in points]
    numbers = [of for of, _ in estimates]
    turns = _turns(numbers, [error or 0.0 for _, error in estimates])
    places = {place for _, place in turns[1:]}
    if not turns:
        # Level: how far it strays.
        places = {numbers.index(max(numbers)), numbers.index(min(numbers))}
    stops = sorted({0, *places, len(numbers) - 1})
    way = ", ".join(f"{number(numbers[i])} at step {points[i].step:,}" for i in stops)
    return f"; {shortened(trajectory.name)}: {way}" if named else f": {way}"
