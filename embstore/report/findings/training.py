"""Says in a sentence how a number goes through training."""

from collections.abc import Mapping, Sequence

from embstore.report.findings.sentences import (
    Finding,
    Spark,
    counted,
    joined,
    named,
    number,
    shortened,
)
from embstore.report.read.training import LEAST_STEPS, Course

# The verdicts of the question, as the moves they are of.
_MOVES = {
    "flat": ("stays level",),
    "rises only": ("rises",),
    "falls only": ("falls",),
    "two phases": ("rises", "falls"),
    "falls, then rises": ("falls", "rises"),
    "three phases": ("falls", "rises", "falls"),
    "rises, falls, rises again": ("rises", "falls", "rises"),
}


def peak_over_training(courses: Sequence[Course]) -> Finding | None:
    """Say whether the highest anisotropy of any block grows with training."""
    subject = "the anisotropy of the highest block"
    spark = _spark(courses, Spark("anisotropy", (), over="highest by step"))
    return _over_training("Anisotropy in training", subject, courses, spark)


def dimension_over_training(
    courses: Sequence[Course], estimate: str | None, title: str = ""
) -> Finding | None:
    """Say whether the intrinsic dimension first rises and then falls.

    Args:
        courses: of the mean over the blocks.
        estimate: which estimate of the dimension.
        title: what a reader calls it; its name if not given.
    """
    called = title or estimate or ""
    subject = f"the mean {called[:1].lower()}{called[1:]} of the blocks"
    spark = _spark(courses, Spark(estimate or "", (), over="mean by step"))
    return _over_training("Dimension in training", subject, courses, spark)


def _spark(courses: Sequence[Course], empty: Spark) -> Spark | None:
    """Draw the first course that is clear, else the first that has runs."""
    shown = sorted((c for c in courses if c.runs), key=lambda c: c.verdict not in _MOVES)
    return Spark(empty.metric, shown[0].runs, over=empty.over) if shown else None


def _over_training(
    topic: str, subject: str, courses: Sequence[Course], spark: Spark | None
) -> Finding | None:
    if not courses:
        return None
    by_verdict: dict[str, list[Course]] = {}
    unclear: dict[str, list[str]] = {}
    for course in courses:
        if course.verdict in _MOVES:
            by_verdict.setdefault(course.verdict, []).append(course)
        else:
            unclear.setdefault(_why_open(course), []).append(course.series)
    clear = sorted(by_verdict.items(), key=lambda item: (-len(item[1]), item[0]))
    detail = [
        f"It {_verb(verdict)} in {named([course.series for course in mine])}"
        + (f"; {shortened(mine[0].series)}: {_stops(mine[0])}" if len(courses) > 1 else "")
        + "."
        for verdict, mine in clear
        if len(courses) > 1
    ]
    detail += [
        f"Not known for {named(names)}: {why}." for why, names in sorted(unclear.items()) if clear
    ]
    detail.append(_left_out(courses))
    return Finding(
        topic,
        _sentence(subject, courses, clear) if clear else _unknown(subject, unclear),
        tuple(sorted({run for course in courses for run in course.runs})),
        "finding" if clear else "open",
        detail=" ".join(filter(None, detail)),
        spark=spark,
    )


def _sentence(
    subject: str, courses: Sequence[Course], clear: Sequence[tuple[str, Sequence[Course]]]
) -> str:
    capital = f"{subject[0].upper()}{subject[1:]}"
    if len(courses) == 1:
        return f"With training, {subject} of {shortened(courses[0].series)} {_told(courses[0])}."
    parts = [f"{_verb(verdict)} in {len(mine)}" for verdict, mine in clear]
    left = len(courses) - sum(len(mine) for _, mine in clear)
    if left:
        parts.append(f"is not known in {left}")
    parts[0] += f" of {len(courses)} trainings"
    return f"{capital} {joined(parts)}."


def _unknown(subject: str, unclear: Mapping[str, Sequence[str]]) -> str:
    """Say of which trainings nothing is known, and why."""
    each = [
        (f"for {shortened(names[0]) if len(names) == 1 else f'{len(names)} trainings'}", why)
        for why, names in sorted(unclear.items())
    ]
    which = joined([f"{who} ({why})" for who, why in each])
    if len(each) == 1:
        which = ": ".join(each[0])
    return f"How {subject} changes in training is not known {which}."


def _verb(verdict: str) -> str:
    """Join the moves of a verdict.

    >>> _verb("two phases"), _verb("three phases")
    ('rises, then falls', 'falls, rises, then falls')
    """
    *before, last = _MOVES[verdict]
    return f"{', '.join(before)}, then {last}" if before else last


def _told(course: Course) -> str:
    """Tell the moves of one course with the values where it turns."""
    moves = _MOVES[course.verdict]
    if len(course.stops) != len(moves) + 1 or course.verdict == "flat":
        return f"{_verb(course.verdict)}: {_stops(course)}"
    (step, value), *turns = course.stops
    text = f"{moves[0]} from {number(value)} at step {step:,}"
    each = [f"to {number(value)} at step {step:,}" for step, value in turns]
    return ", ".join(
        [f"{text} {each[0]}"]
        + [f"then {move} {end}" for move, end in zip(moves[1:], each[1:], strict=True)]
    )


def _why_open(course: Course) -> str:
    if course.unequal:
        settings = [name.removesuffix("_size") for name in course.unequal]
        return f"the steps differ in {' and '.join(settings)}"
    if not course.n_steps:
        return "there is no step to compare"
    if course.n_steps < LEAST_STEPS:
        return f"there are fewer than {LEAST_STEPS} steps"
    if len(course.moves) > 3:
        return "it goes up and down more than three times"
    return "some steps have no standard error"


def _left_out(courses: Sequence[Course]) -> str:
    copied = [course for course in courses if course.n_left_out]
    if not copied:
        return ""
    each = [
        f"{counted(course.n_left_out, 'step')} of {shortened(course.series)}" for course in copied
    ]
    verb = "is" if len(copied) == 1 and copied[0].n_left_out == 1 else "are"
    return f"Left out {verb} {named(each)}, whose weights another step has too."


def _stops(course: Course) -> str:
    """Tell the values where a course begins, turns and ends."""
    return ", ".join(f"{number(value)} at step {step:,}" for step, value in course.stops)
