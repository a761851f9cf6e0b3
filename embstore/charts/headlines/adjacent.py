"""What layers and the next, or later ones, have in common."""

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

# What the layers of a stack turn, by scope.
_TURNED = {
    "all": "a token",
    "no_first": "a token other than the first",
    "no_sinks": "an ordinary token",
    "last": "the last token",
    "mean": "the mean of a window",
}


def linearity(rows: Sequence[Row]) -> str | None:
    """Say how much linear maps explain at least, where that is known of all layers.

    Of seeds one may have less than their median.
    """
    if any(row.get("n_seeds") for row in rows):
        return None
    found = {}
    for name in ("linearity_next", "linearity_residual_next"):
        of_metric = [row for row in rows if row["metric"] == name]
        values = [row["linearity"] for row in with_values(of_metric, "linearity")]
        if not values or len(values) < len(of_metric) or min(values) < 0:
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


def angles(rows: Sequence[Row]) -> str | None:
    """Say which layers in a row, a quarter of a model's, turn vectors least.

    Of so many Gromov et al. 2024 (arXiv 2403.17887) found that models can mostly do without.
    """
    known = with_values(rows, "angle")
    quarter = {
        series: max(max(row["other_layer"] for row in known if row["series"] == series) // 4, 1)
        for series in {row["series"] for row in known}
    }
    # What the embedding is turned into by the first block is no layer that could be left out.
    across = [row for row in known if row["further"] == quarter[row["series"]] and row["layer"]]
    if not across:
        return None
    least = min(across, key=lambda row: row["angle"])
    what = _TURNED[least["scope"]]
    n, name = least["further"], short_names(rows)[str(least["series"])]
    many = f"Of any {n} layers in a row, those" if n > 1 else "The layer"
    turn = "turn" if n > 1 else "turns"
    after = f"{many} after layer {least['layer']} of {name} {turn}"
    return f"{after} {what} least: by {number(least['angle'])} of a half turn"
