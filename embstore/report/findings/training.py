"""Says in a sentence how a number goes through training."""

from collections.abc import Sequence

from embstore.report.findings.sentences import Finding, counted, named, number, shortened
from embstore.report.read.training import LEAST_STEPS, Course

# The verdicts of the question, as verbs.
_VERBS = {
    "flat": "stays level",
    "rises only": "rises",
    "falls only": "falls",
    "two phases": "rises, then falls",
    "falls, then rises": "falls, then rises",
    "three phases": "falls, rises, then falls",
    "rises, falls, rises again": "rises, falls, then rises",
}


def peak_over_training(courses: Sequence[Course]) -> Finding | None:
    """Say whether the highest anisotropy of any block grows with training."""
    return _over_training("Anisotropy in training", "The highest anisotropy of any block", courses)


def dimension_over_training(courses: Sequence[Course], estimate: str | None) -> Finding | None:
    """Say whether the intrinsic dimension first rises and then falls."""
    return _over_training(
        "Dimension in training",
        f"The intrinsic dimension ({estimate}, mean over blocks, all tokens)",
        courses,
    )


def _over_training(topic: str, subject: str, courses: Sequence[Course]) -> Finding | None:
    if not courses:
        return None
    by_verb: dict[str, list[Course]] = {}
    unclear: dict[str, list[str]] = {}
    for course in courses:
        if course.verdict in _VERBS:
            by_verb.setdefault(_VERBS[course.verdict], []).append(course)
        else:
            unclear.setdefault(_why_open(course), []).append(course.series)
    total = sum(map(len, by_verb.values()))
    parts = []
    for verb, mine in sorted(by_verb.items(), key=lambda item: (-len(item[1]), item[0])):
        names = named([course.series for course in mine])
        example = _example(mine[0], named=len(mine) > 1)
        parts.append(f"{verb} in {len(mine)} of {total} series of checkpoints ({names}{example})")
    text = f"{subject} {'; '.join(parts)}." if parts else f"{subject}: open."
    for why, names_of in sorted(unclear.items()):
        verb = "stays" if len(names_of) == 1 else "stay"
        text += f" {why}, {named(names_of)} {verb} open."
    text += _left_out(courses)
    runs = tuple(sorted({run for course in courses for run in course.runs}))
    return Finding(topic, text, runs, "finding" if parts else "open")


def _why_open(course: Course) -> str:
    if course.unequal:
        settings = [name.removesuffix("_size") for name in course.unequal]
        return f"With steps that differ in {' and '.join(settings)}"
    if not course.n_steps:
        return "Without a step to compare"
    if course.n_steps < LEAST_STEPS:
        return f"With fewer than {LEAST_STEPS} steps"
    if len(course.moves) > 3:
        return "With more than three moves up and down"
    return "Without a standard error at every step"


def _left_out(courses: Sequence[Course]) -> str:
    copied = [course for course in courses if course.n_left_out]
    if not copied:
        return ""
    each = [
        f"{counted(course.n_left_out, 'step')} of {shortened(course.series)}" for course in copied
    ]
    verb = "is" if len(copied) == 1 and copied[0].n_left_out == 1 else "are"
    return f" Left out {verb} {named(each)}, whose weights another step has too."


def _example(course: Course, *, named: bool) -> str:
    """Tell the values where a course begins, turns and ends."""
    stops = ", ".join(f"{number(value)} at step {step:,}" for step, value in course.stops)
    return f"; {shortened(course.series)}: {stops}" if named else f": {stops}"
