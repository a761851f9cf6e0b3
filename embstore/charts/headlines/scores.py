"""How metrics go with scores from elsewhere."""

from collections import defaultdict
from collections.abc import Sequence

from embstore.charts.headlines.wording import (
    Row,
    at_depth,
    capital,
    number,
    of_all,
    short_names,
    step,
    subject,
    with_values,
)
from embstore.types import MetricInfo

# Of so many ranks that all agree one in sixty does so by chance.
_FEWEST_AGREEING = 5


def correlations(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say where a metric and a score rank most alike, or that no interval leaves out 0.

    Each interval is of one depth alone, and the strongest of many is so by chance, too: it is said
    of how many the interval leaves out 0.
    """
    known = with_values(rows, "correlation")
    statistic = "Spearman" if any(row["statistic"] == "Spearman" for row in known) else "partial"
    of_it = [row for row in known if row["statistic"] == statistic]
    if not of_it:
        return None
    what, score = subject(metric, rows), of_it[0]["score"]
    clear = [row for row in of_it if _is_clear(row)]
    if not clear:
        return f"At no depth is the rank correlation of {what} with {score} clearly other than 0"
    most = max(clear, key=lambda row: abs(row["correlation"]))
    how = "most as" if most["correlation"] > 0 else "most against"
    over_models = most["layer"] is None
    alike = [row for row in of_it if row["series"] == most["series"]]
    name = short_names(rows)[str(most["series"])]
    things = f"{most['n']} {name}" if over_models else f"{most['n']} steps of {name}"
    where = (
        f"at depth {round(most['depth'], 2):g}"
        if over_models
        else f"in layer {most['layer']}{at_depth(most)}"
    )
    fixed = _fixed(most) if statistic == "partial" else ""
    said = f"{what} ranks {things} {how} {score}{' does' if how == 'most as' else ''} {where}"
    found = f"ρ = {_interval(most)}{fixed}{_how_often(alike)}{_partial(most, known)}"
    return f"{capital(said)}: {found}"


def courses(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say from where to where a metric and a score go, or in how many courses alike."""
    values: dict[tuple[str, bool], dict[int, float]] = defaultdict(dict)
    for row in with_values(rows):
        values[str(row["series"]), row["score"] is not None][row["step"]] = row["value"]
    ends = {}
    for series in dict.fromkeys(name for name, _ in values):
        one, other = values[series, False], values[series, True]
        shared = sorted(one.keys() & other.keys())
        if len(shared) > 1:
            ends[series] = (shared[0], shared[-1])
    if not ends:
        return None
    of_metric = next(row for row in rows if row["score"] is None)
    score = next(row["score"] for row in rows if row["score"] is not None)
    what = f"the {of_metric['quantity']} of {subject(metric, [of_metric])}"
    if len(ends) == 1:
        ((name, (first, last)),) = ends.items()
        moves = [
            f"from {number(values[name, of_score][first])} to "
            f"{number(values[name, of_score][last])}"
            for of_score in (False, True)
        ]
        between = f"from {step(first)} to {last:,}"
        return (
            f"{capital(what)} of {short_names(rows)[name]} goes {moves[0]}, {score} {moves[1]}, "
            f"{between}"
        )
    alike = sum(
        (values[name, False][last] - values[name, False][first])
        * (values[name, True][last] - values[name, True][first])
        > 0
        for name, (first, last) in ends.items()
    )
    many = of_all(alike, len(ends), "course")
    return f"{capital(what)} and {score} go the same way from first to last step in {many}"


def _is_clear(row: Row) -> bool:
    """Tell whether a correlation is other than 0 by its interval, or for want of one by its n."""
    if row["ci_low"] is None or row["ci_high"] is None:
        return bool(row["n"] >= _FEWEST_AGREEING)
    return bool(row["ci_low"] > 0 or row["ci_high"] < 0)


def _how_often(rows: Sequence[Row]) -> str:
    """Say at how many depths of a series, or in how many layers, a correlation is clear."""
    if len(rows) == 1:
        return ""
    n = sum(map(_is_clear, rows))
    many = of_all(n, len(rows), "depth" if rows[0]["layer"] is None else "layer")
    return f", clearly other than 0 {'at' if rows[0]['layer'] is None else 'in'} {many}"


def _interval(row: Row) -> str:
    said = number(row["correlation"])
    if row["ci_low"] is None:
        return said
    return f"{said} ({number(row['ci_low'])} to {number(row['ci_high'])})"


def _fixed(row: Row) -> str:
    return f" with the {row['control']} held fixed"


def _partial(row: Row, known: Sequence[Row]) -> str:
    """Say what is left of a correlation once depth or step is held fixed."""
    place = ("series", "layer", "depth")
    for other in known:
        if other["statistic"] == "partial" != row["statistic"] and all(
            other[key] == row[key] for key in place
        ):
            return f"; {number(other['correlation'])}{_fixed(other)}"
    return ""
