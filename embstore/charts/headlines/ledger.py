"""What single coordinates, pairs of models, costs and gaps show."""

from collections import Counter
from collections.abc import Sequence

from embstore.charts.headlines.wording import Row, number, short_names, with_values


def massive(rows: Sequence[Row]) -> str | None:
    """Name the largest coordinate."""
    known = with_values(rows, "ratio")
    if not known:
        return None
    top = max(known, key=lambda row: row["ratio"])
    reached = number(top["ratio"])
    alike = {
        row["layer"]
        for row in known
        if row["series"] == top["series"] and number(row["ratio"]) == reached
    }
    where = f"layer {top['layer']}" if len(alike) == 1 else f"{len(alike)} layers"
    return (
        f"Coordinate {top['coordinate']} of {short_names(rows)[str(top['series'])]} reaches "
        f"{reached} times the median, in {where}"
    )


def nearest(rows: Sequence[Row]) -> str | None:
    """Name the two most similar profiles."""
    known = with_values(rows, "distance")
    if not known:
        return None
    least = min(known, key=lambda row: row["distance"])
    names = short_names([*rows, *({"series": row["neighbor"]} for row in rows)])
    return (
        f"Most alike are {names[str(least['series'])]} and {names[str(least['neighbor'])]}: "
        f"{number(least['distance'])} apart"
    )


def cost(rows: Sequence[Row]) -> str | None:
    """Say how the time of the geometry compares with that of the forward pass."""
    known = with_values(rows, "geometry_over_forward")
    if not known:
        return None
    ratios = [row["geometry_over_forward"] for row in known]
    low, high = number(min(ratios)), number(max(ratios))
    times = f"{low} times" if low == high else f"{low} to {high} times"
    return f"The geometry takes {times} as long as the forward pass"


def coverage(rows: Sequence[Row]) -> str | None:
    """Count what is missing."""
    counts = Counter(str(row["status"]) for row in rows)
    missing = [f"{n} {status}" for status, n in counts.most_common() if status != "measured"]
    if not missing:
        return "Everything is measured"
    if not counts["measured"]:
        # Asked for what is missing only: these rows are not all there are.
        return f"Layers of checkpoints: {', '.join(missing)}"
    return f"Of {len(rows):,} layers of checkpoints: {', '.join(missing)}"
