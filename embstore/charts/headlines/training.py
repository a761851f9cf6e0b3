"""What courses of training show."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from embstore.charts.headlines.wording import (
    Row,
    capital,
    listed_names,
    number,
    of_all,
    short_names,
    step,
    subject,
    with_values,
)
from embstore.types import MetricInfo

# Of so many courses each is told by itself.
_FEW = 2
# Of a course's range: how far a turn lies beyond both ends, to be told.
_TURNS = 0.1
# A change of a cell counts where it exceeds this many standard errors.
_CLEAR = 3.0


def maxima(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say from where to where the maximum goes, or in how many courses it is higher at the end."""
    courses = _courses(_first_scope(rows))
    if not courses:
        return None
    names, what = short_names(rows), subject(metric, rows)
    if len(courses) == 1:
        ((name, course),) = courses.items()
        return _told(f"The maximum of {what} over the layers of {names[name]}", course)
    higher = sum(course[max(course)] > course[min(course)] for course in courses.values())
    many = of_all(higher, len(courses), "course")
    return f"The maximum of {what} is higher at the end of training than at its start in {many}"


def blocks(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say from where to where the mean over the blocks goes; the embedding does not count."""
    known = [row for row in with_values(_first_scope(rows)) if row["layer"] > 0]
    layers: dict[tuple[str, int], dict[int, float]] = defaultdict(dict)
    for row in known:
        layers[str(row["series"]), row["layer"]][row["step"]] = row["value"]
    courses: dict[str, dict[int, float]] = {}
    for series in dict.fromkeys(name for name, _layer in layers):
        each = [course for (name, _layer), course in layers.items() if name == series]
        # A mean over other layers at another step would move for that reason.
        shared = set.intersection(*map(set, each))
        courses[series] = {at: sum(c[at] for c in each) / len(each) for at in sorted(shared)}
    courses = {name: course for name, course in courses.items() if len(course) > 1}
    if not 0 < len(courses) <= _FEW:
        return None
    names, what = short_names(rows), subject(metric, rows)
    told = [f"of {_told(names[name], course)}" for name, course in courses.items()]
    return f"The mean {what} over the blocks {'; '.join(told)}"


def verdicts(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say the verdict of each course, or how often each was reached."""
    names, what = short_names(rows, "state"), subject(metric, rows)
    if len(rows) == 1:
        (row,) = rows
        name = names[str(row["state"])]
        if row["verdict"] == "open":
            return f"{name}: it stays open whether {what} rises or falls ({row['reason']})"
        turns = " → ".join(
            f"{number(value)} at {step(at)}"
            for at, value in zip(row["turn_steps"], row["turn_values"], strict=True)
        )
        return f"{name}, {row['verdict']}: {turns}"
    groups: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        groups[str(row["verdict"])].append(names[str(row["state"])])
    if len(rows) <= _FEW:
        return capital(
            "; ".join(f"{verdict} in {listed_names(found)}" for verdict, found in groups.items())
        )
    counts = Counter({verdict: len(found) for verdict, found in groups.items()})
    told = [f"{verdict} in {n}" for verdict, n in counts.most_common()]
    return capital(f"{', '.join(told)} of {len(rows)} courses")


def ceiling(rows: Sequence[Row]) -> str | None:
    """Say whether an estimate lies above the ceiling, and which is the highest."""
    known = with_values(rows)
    if not known:
        return None
    limit, names = f"{known[0]['ceiling']:g}", short_names(rows)
    top = max(known, key=lambda row: row["value"])
    where = f"{names[str(top['series'])]}, layer {top['layer']}"
    if any(row["exceeds"] == "yes" for row in known):
        return f"The dimension exceeds {limit}: {number(top['value'])} ({where})"
    if any(row["exceeds"] == "perhaps" for row in known):
        return f"It is open whether a dimension exceeds {limit}: the highest is " + (
            f"{number(top['value'])} ({where})"
        )
    return f"No dimension exceeds {limit}: the highest is {number(top['value'])} ({where})"


def changes(rows: Sequence[Row]) -> str | None:
    """Say how many metrics changed clearly, and which most."""
    known = with_values(rows, "change_in_errors")
    if not known:
        return None
    changed = {row["metric"] for row in known if abs(row["change_in_errors"]) > _CLEAR}
    many = len({row["metric"] for row in known})
    if not changed:
        return f"No change exceeds {_CLEAR:g} standard errors"
    most = max(known, key=lambda row: abs(row["change_in_errors"]))
    return (
        f"{capital(of_all(len(changed), many, 'metric'))} changed by more than {_CLEAR:g} standard "
        f"errors in some layer, most clearly {most['metric']} in layer {most['layer']}"
    )


def _first_scope(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.get("scope") == rows[0].get("scope")]


def _courses(rows: Sequence[Row]) -> dict[str, dict[int, float]]:
    """Return the values of each series by step, of those with more than one."""
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for row in with_values(rows):
        found[str(row["series"])][row["step"]] = row["value"]
    return {name: course for name, course in found.items() if len(course) > 1}


def _told(what: str, course: dict[int, float]) -> str:
    """Tell where a course begins and ends, and where it is clearly higher or lower between."""
    first, last = min(course), max(course)
    values = list(course.values())
    spread = max(values) - min(values)
    if number(min(values)) == number(max(values)):
        return f"{what}: {number(course[first])} at every step"
    told = {at: f"{number(course[at])} at {step(at)}" for at in (first, last)}
    for turn, words in ((max, "its highest"), (min, "its lowest")):
        at = turn(course, key=lambda at: course[at])
        if min(abs(course[at] - course[end]) for end in (first, last)) > _TURNS * spread:
            told[at] = f"{number(course[at])}, {words}, at {step(at)}"
    return f"{what}: {' → '.join(told[at] for at in sorted(told))}"
