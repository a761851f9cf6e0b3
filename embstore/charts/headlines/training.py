"""What courses of training show."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from embstore.charts.headlines.wording import (
    Row,
    capital,
    clear,
    number,
    of_all,
    only_blocks,
    short_names,
    step,
    subject,
    with_values,
)
from embstore.types import MetricInfo

# Of each step the value, and its standard error where that is known.
Course: TypeAlias = Mapping[int, tuple[float, float | None]]

# Of so many courses each is told by itself.
_FEW = 2
# Of a course's range: how far a turn lies beyond both ends at least, to be told.
_TURNS = 0.1
# The verdicts of the question phases, as moves.
_MOVES = {
    "flat": "stays level",
    "rises only": "only rises",
    "falls only": "only falls",
    "two phases": "rises, then falls",
    "falls, then rises": "falls, then rises",
    "three phases": "falls, rises, then falls",
    "rises, falls, rises again": "rises, falls, then rises",
    "open": "stays open",
}
# A change of a cell counts where it exceeds this many standard errors.
_CLEAR = 3.0


def maxima(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say from where to where the maximum goes, or what it does in how many courses."""
    courses = _courses(_first_scope(rows))
    if not courses:
        return None
    names, what = short_names(rows), subject(metric, rows)
    if len(courses) == 1:
        ((name, course),) = courses.items()
        return f"The maximum of {what} over the layers of {names[name]} {_goes(course)}"
    tops = [top for top in map(_top, courses.values()) if top is not None]
    if len(tops) == len(courses):
        # Where each ends says little of what it did.
        at = {step(min(tops)), step(max(tops))}
        where = f"at {at.pop()}" if len(at) == 1 else f"between {step(min(tops))} and {max(tops):,}"
        many = of_all(len(tops), len(courses), "course")
        return f"The maximum of {what} rises, then falls in {many}, highest {where}"
    higher = of_all(sum(map(_ends_higher, courses.values())), len(courses), "course")
    than = "at the end of training than at its start"
    return f"The maximum of {what} is clearly higher {than} in {higher}"


def blocks(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say from where to where the mean over the blocks goes; the embedding does not count."""
    known = [row for row in with_values(_first_scope(rows)) if row["layer"] > 0]
    layers: dict[tuple[str, int], dict[int, tuple[float, float | None]]] = defaultdict(dict)
    for row in known:
        layers[str(row["series"]), row["layer"]][row["step"]] = _point(row)
    courses: dict[str, Course] = {}
    for series in dict.fromkeys(name for name, _layer in layers):
        each = [course for (name, _layer), course in layers.items() if name == series]
        # A mean over other layers at another step would move for that reason.
        shared = set.intersection(*map(set, each))
        courses[series] = {at: _mean([course[at] for course in each]) for at in sorted(shared)}
    courses = {name: course for name, course in courses.items() if len(course) > 1}
    if not 0 < len(courses) <= _FEW:
        return None
    names, what = short_names(rows), subject(metric, rows)
    if len(courses) == 1:
        ((name, course),) = courses.items()
        return f"The mean {what} over the blocks of {names[name]} {_goes(course)}"
    told = [f"{names[name]} {_goes(course, briefly=True)}" for name, course in courses.items()]
    return f"The mean {what} over the blocks of {'; that of '.join(told)}"


def verdicts(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say how each course moves, or how many move in which way."""
    names, what = short_names(rows, "state"), subject(metric, rows)
    if len(rows) == 1 and rows[0]["verdict"] == "open":
        of, why = names[str(rows[0]["state"])], rows[0]["reason"]
        return f"It stays open whether {what} of {of} rises or falls ({why})"
    if len(rows) <= _FEW:
        briefly = len(rows) > 1
        told = [f"{names[str(row['state'])]} {_moved(row, briefly=briefly)}" for row in rows]
        return capital(f"{what} of {'; that of '.join(told)}")
    counts = Counter(str(row["verdict"]) for row in rows).most_common()
    (most, n), *others = [(_MOVES.get(verdict, verdict), n) for verdict, n in counts]
    rest = "".join(f"; {moves} in {m}" for moves, m in others)
    return capital(f"{what} {most} in {of_all(n, len(rows), 'course')}{rest}")


def ceiling(rows: Sequence[Row]) -> str | None:
    """Say whether an estimate lies above the ceiling, and which is the highest."""
    known = with_values(rows)
    if not known:
        return None
    limit, names = f"{known[0]['ceiling']:g}", short_names(rows)
    # The highest of those that surely exceed it: a higher value may be a less certain one.
    exceeding = with_values(known, "surely_value")
    if exceeding:
        top = max(exceeding, key=lambda row: row["surely_value"])
        where = f"{names[str(top['series'])]}, layer {top['surely_layer']}"
        return f"The dimension exceeds {limit}: {number(top['surely_value'])} ({where})"
    top = max(known, key=lambda row: row["value"])
    where = f"{names[str(top['series'])]}, layer {top['layer']}"
    if any(row["exceeds"] == "perhaps" for row in known):
        return f"It is open whether a dimension exceeds {limit}: the highest is " + (
            f"{number(top['value'])} ({where})"
        )
    return f"No dimension exceeds {limit}: the highest is {number(top['value'])} ({where})"


def changes(rows: Sequence[Row]) -> str | None:
    """Say how many metrics changed clearly, and which most."""
    both = [
        row for row in with_values(rows, "change") if row["layer"] >= only_blocks(row["metric"])
    ]
    known = with_values(both, "change_in_errors")
    if not known:
        return None
    changed = {row["metric"] for row in known if abs(row["change_in_errors"]) > _CLEAR}
    metrics = {row["metric"] for row in known}
    others = len({row["metric"] for row in both} - metrics)
    rest = f"; {others} more {'has' if others == 1 else 'have'} no standard errors" * bool(others)
    if not changed:
        return f"No change exceeds {_CLEAR:g} standard errors{rest}"
    most = max(known, key=lambda row: abs(row["change_in_errors"]))
    where = f"layer {most['layer']} of {short_names(rows)[str(most['series'])]}"
    by = f"by more than {_CLEAR:g} standard errors"
    if len(metrics) == 1:
        values = f"from {number(most['before_value'])} to {number(most['after_value'])}"
        return f"{most['metric']} changed {by}, most clearly in {where}: {values}{rest}"
    many = capital(of_all(len(changed), len(metrics), "metric"))
    return f"{many} changed {by} in some layer, most clearly {most['metric']} in {where}{rest}"


def _first_scope(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.get("scope") == rows[0].get("scope")]


def _courses(rows: Sequence[Row]) -> dict[str, Course]:
    """Return the values of each series by step, of those with more than one."""
    found: dict[str, dict[int, tuple[float, float | None]]] = defaultdict(dict)
    for row in with_values(rows):
        found[str(row["series"])][row["step"]] = _point(row)
    return {name: course for name, course in found.items() if len(course) > 1}


def _point(row: Row) -> tuple[float, float | None]:
    return row["value"], row.get("std_error")


def _mean(points: Sequence[tuple[float, float | None]]) -> tuple[float, float | None]:
    """Average layers, which read the same tokens: the error is theirs as if they moved as one."""
    errors = [error for _value, error in points if error is not None]
    value = sum(value for value, _error in points) / len(points)
    return value, sum(errors) / len(errors) if len(errors) == len(points) else None


def _moved(row: Row, *, briefly: bool) -> str:
    """Tell how the course of a row of phases moves."""
    verdict = str(row["verdict"])
    if verdict == "open":
        return f"stays open ({row['reason']})"
    points = list(zip(row["turn_steps"], row["turn_values"], strict=True))
    if verdict == "flat":
        values = [value for _at, value in points]
        return f"stays level, between {number(min(values))} and {number(max(values))}"
    return _told(points, briefly=briefly)


def _is_clear(course: Course, one: int, other: int) -> bool:
    """Tell whether two steps differ clearly, and by more than a tenth of the course's range."""
    values = [value for value, _error in course.values()]
    (before, one_error), (after, other_error) = course[one], course[other]
    least = _TURNS * (max(values) - min(values))
    return clear(before, after, one_error, other_error, least=least)


def _ends_higher(course: Course) -> bool:
    first, last = min(course), max(course)
    return course[last][0] > course[first][0] and _is_clear(course, first, last)


def _turns(course: Course) -> list[tuple[int, float]]:
    """Return where a course begins and ends, and where it is clearly higher or lower between."""
    first, last = min(course), max(course)
    places = {first, last}
    for turn in (max, min):
        at = turn(course, key=lambda at: course[at][0])
        if all(_is_clear(course, at, end) for end in (first, last)):
            places.add(at)
    return [(at, course[at][0]) for at in sorted(places)]


def _top(course: Course) -> int | None:
    """Return where a course is highest, if that is clearly above both of its ends."""
    at = max(course, key=lambda at: course[at][0])
    inner = [place for place, _value in _turns(course)][1:-1]
    return at if at in inner else None


def _goes(course: Course, *, briefly: bool = False) -> str:
    """Tell how a course goes from its first step to its last.

    >>> _goes({0: (0.5, 0.001), 10: (0.6, 0.001)})
    'rises from 0.50 at step 0 to 0.60 at step 10'
    >>> _goes({0: (0.5, 0.1), 10: (0.6, 0.1)})
    'does not clearly change (0.50 at step 0, 0.60 at step 10)'
    """
    points = _turns(course)
    (first, start), (last, end) = points[0], points[-1]
    moved = len(points) > 2 or _is_clear(course, first, last)
    if moved or number(start) == number(end):
        return _told(points, briefly=briefly)
    values = f"{number(start)} at {step(first)}, {number(end)} at {step(last)}"
    return f"does not clearly change ({values})"


def _told(points: Sequence[tuple[int, float]], *, briefly: bool = False) -> str:
    """Tell the moves between the points where a course begins, turns and ends.

    >>> _told([(0, 6.07), (2000, 13.6), (143000, 6.15)])
    'rises from 6.07 at step 0 to 13.6 at step 2,000, then falls to 6.15 at step 143,000'
    >>> _told([(0, 6.07), (2000, 13.6), (143000, 6.15)], briefly=True)
    'rises to 13.6 at step 2,000, then falls to 6.15'
    >>> _told([(0, 0.5), (10, 0.5)])
    'stays at 0.50 from step 0 to step 10'
    """
    (first, start), *others = points
    last = points[-1][0]
    if len({number(value) for _at, value in points}) == 1:
        return f"stays at {number(start)} from {step(first)} to {step(last)}"
    told: list[str] = []
    before = start
    for at, value in others:
        verb = "rises" if value > before else "falls"
        begin = f" from {number(start)} at {step(first)}" if not (told or briefly) else ""
        when = "" if briefly and at == last and len(others) > 1 else f" at {step(at)}"
        told.append(f"{verb}{begin} to {number(value)}{when}")
        before = value
    return ", then ".join(told)
