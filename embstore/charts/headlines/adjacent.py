"""What layers and the next have in common."""

from collections.abc import Sequence

from embstore.charts.headlines.wording import (
    Row,
    at_depth,
    at_least,
    number,
    short_names,
    spoken,
    with_values,
)


def linearity(rows: Sequence[Row]) -> str | None:
    """Say how much linear maps explain at least."""
    found = {}
    for name in ("linearity_next", "linearity_residual_next"):
        values = [
            row["linearity"] for row in with_values(rows, "linearity") if row["metric"] == name
        ]
        if not values or min(values) < 0:
            return None
        found[name] = at_least(min(values))
    return (
        f"A linear map explains {found['linearity_next']} or more of every next layer, "
        f"and {found['linearity_residual_next']} or more of what it adds"
    )


def similarity(rows: Sequence[Row]) -> str | None:
    """Say which layers are least alike, and by which measure: others may find other layers."""
    known = with_values(rows, "similarity")
    for name in ("cka_next", *dict.fromkeys(row["metric"] for row in known)):
        of_metric = [row for row in known if row["metric"] == name]
        if of_metric:
            least = min(of_metric, key=lambda row: row["similarity"])
            measure = spoken(least["measure"].removesuffix(" with the next layer"))
            return (
                f"By {measure}, least alike are layers {least['layer']} and {least['layer'] + 1} "
                f"of {short_names(rows)[str(least['series'])]}{at_depth(least)}: "
                f"{number(least['similarity'])}"
            )
    return None
