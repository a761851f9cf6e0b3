"""What profiles over the layers show."""

from collections.abc import Sequence

from embstore.charts.headlines.wording import (
    SHARE,
    WITHOUT_SINKS,
    Row,
    at_depth,
    capital,
    differ,
    is_or_are,
    moves,
    number,
    of_all,
    only_blocks,
    scoped,
    short_names,
    subject,
    with_values,
)
from embstore.choices import UNTRAINED, WINDOW_SCOPES
from embstore.types import MetricInfo

# Said where what is left out lies above what is told: the reader sees it on the same axis.
_AFTER = "after the embedding"


def profile(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say what attention sinks do to the profiles, else which layer is highest."""
    blocks = _comparable(rows)
    if len({row.get("metric") for row in blocks}) != 1:
        return None
    names, what = short_names(rows), subject(metric, rows)
    after = _after(rows, blocks)
    lowered = [(all_, rest) for all_, rest in _at_peaks(blocks) if _changes(all_, rest) < 0]
    raised = [pair for pair in _largest_rises(blocks) if _changes(*pair) > 0]
    most_lowered = min((_changes(*pair) for pair in lowered), default=0.0)
    most_raised = max((_changes(*pair) for pair in raised), default=0.0)
    if most_raised > -most_lowered:
        return _rise(raised, _at_peaks(blocks), names, what)
    if lowered:
        return _fall(lowered, blocks, names, what, after)
    return _highest(blocks, names, what, after)


def kinds(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say how high each kind of model reaches, with and without sinks; controls do not count."""
    trained = [row for row in rows if not str(row.get("revision")).startswith(UNTRAINED)]
    blocks = _comparable(trained)
    found: dict[tuple[str, str], float] = {}
    for row in blocks:
        key = (str(row["kind"]), str(row["scope"]))
        found[key] = max(row["value"], found.get(key, row["value"]))
    each = sorted({kind for kind, scope in found if scope == "all"}, key=_decoders_first)
    if len(each) < 2:
        return profile(rows, metric)
    reached = [f"{number(found[kind, 'all'])} in {kind}s" for kind in each]
    what = subject(metric, rows)
    sentence = f"{what} reaches{_after(trained, blocks)} {' and '.join(reached)}"
    if all((kind, "no_sinks") in found for kind in each):
        rest = " and ".join(number(found[kind, "no_sinks"]) for kind in each)
        sentence += f"; {WITHOUT_SINKS} {rest}"
    return capital(sentence)


def sinks(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say how much of the highest peak is due to sinks."""
    known = with_values(with_values(rows, "at_peak"), "at_peak_no_sinks")
    if not known:
        return None
    what = subject(metric, rows)
    errors = ("at_peak_error", "at_peak_no_sinks_error")
    changed = [
        row
        for row in known
        if moves(row["at_peak"], row["at_peak_no_sinks"], *(row.get(name) for name in errors))
    ]
    raised = [row for row in changed if row["effect"] > 0]
    if not raised:
        if any(abs(row["effect"]) > SHARE * _larger(row) for row in known):
            # Clear falls, or errors so large that a change would not show.
            return None
        return capital(f"{WITHOUT_SINKS}, no peak of {what} changes by more than a tenth")
    most = max(raised, key=lambda row: row["effect"])
    change = f"from {number(most['at_peak_no_sinks'])} to {number(most['at_peak'])}"
    name, where = short_names(rows)[str(most["series"])], f"at layer {most['peak_layer']}"
    if len(raised) == 1:
        return f"Attention sinks raise {what} in {name} {change} {where}, its peak"
    many = of_all(len(raised), len(known), "profile")
    return f"Attention sinks raise {what} at the peaks of {many}, most in {name}: {change} {where}"


def _larger(row: Row) -> float:
    """Return the larger of a peak's two values."""
    larger: float = max(abs(row["at_peak"]), abs(row["at_peak_no_sinks"]))
    return larger


def _comparable(rows: Sequence[Row]) -> list[Row]:
    """Leave out the state after the final norm, and where it says nothing the embedding."""
    return [
        row
        for row in with_values(rows)
        if row.get("site") != "final_norm"
        and row.get("layer", row.get("layer_below", 0)) >= only_blocks(row.get("metric"))
    ]


def _after(rows: Sequence[Row], blocks: Sequence[Row]) -> str:
    """Say that the embedding is left out, where it lies above all that is told."""
    most = max((row["value"] for row in blocks), default=0.0)
    others = [row for row in with_values(rows) if row.get("site") != "final_norm"]
    return f", {_AFTER}," if any(row["value"] > most for row in others) else ""


def _changes(all_: Row, rest: Row) -> float:
    """Return by how much a value is larger without sinks; 0 where that is not clear."""
    errors = (all_.get("std_error"), rest.get("std_error"))
    change: float = rest["value"] - all_["value"]
    return change if moves(all_["value"], rest["value"], *errors) else 0.0


def _pairs(rows: Sequence[Row]) -> dict[str, list[tuple[Row, Row]]]:
    """Pair each layer of a series with that layer without sinks."""
    rest = {(row["series"], row["depth"]): row for row in rows if row["scope"] == "no_sinks"}
    pairs: dict[str, list[tuple[Row, Row]]] = {}
    for row in rows:
        if row["scope"] == "all" and (other := rest.get((row["series"], row["depth"]))):
            pairs.setdefault(str(row["series"]), []).append((row, other))
    return pairs


def _at_peaks(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Pair the highest layer of each series with that layer without sinks."""
    highest: dict[str, float] = {}
    for row in rows:
        if row["scope"] == "all":
            series = str(row["series"])
            highest[series] = max(row["value"], highest.get(series, row["value"]))
    at_peaks = []
    for series, pairs in _pairs(rows).items():
        at_peaks += [pair for pair in pairs if pair[0]["value"] == highest[series]][:1]
    return at_peaks


def _largest_rises(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Pair the layer of each series where most is added without sinks."""
    return [
        max(pairs, key=lambda pair: pair[1]["value"] - pair[0]["value"])
        for pairs in _pairs(rows).values()
    ]


def _fall(
    lowered: Sequence[tuple[Row, Row]],
    blocks: Sequence[Row],
    names: dict[str, str],
    what: str,
    after: str,
) -> str:
    high, low = min(lowered, key=lambda pair: _changes(*pair))
    name = names[str(high["series"])]
    change = f"from {number(high['value'])} to {number(low['value'])} at {_place(high)}"
    if len(lowered) > 1:
        many = of_all(len(lowered), len(_at_peaks(blocks)), "profile")
        return capital(
            f"{WITHOUT_SINKS}, {what} falls{after} at the peaks of {many}, most in {name}: {change}"
        )
    rest = [
        row for row in blocks if row["series"] == high["series"] and row["scope"] == low["scope"]
    ]
    top = max(rest, key=lambda row: row["value"])
    stays = "" if top is low else f"; its peak is then {number(top['value'])}, at {_place(top)}"
    return capital(f"{WITHOUT_SINKS}, {what} in {name} falls{after} {change}{stays}")


def _rise(
    raised: Sequence[tuple[Row, Row]],
    of: Sequence[tuple[Row, Row]],
    names: dict[str, str],
    what: str,
) -> str:
    low, high = max(raised, key=lambda pair: _changes(*pair))
    name = names[str(low["series"])]
    change = f"from {number(low['value'])} to {number(high['value'])} at {_place(low)}"
    if len(raised) > 1:
        many = of_all(len(raised), len(of), "profile")
        return capital(f"{WITHOUT_SINKS}, {what} rises in {many}, most in {name}: {change}")
    return capital(f"{WITHOUT_SINKS}, {what} in {name} rises {change}")


def _highest(rows: Sequence[Row], names: dict[str, str], what: str, after: str) -> str | None:
    """Name the highest layer, where it is clearly above all other profiles."""
    highest = f"{is_or_are(what)} highest{after}"
    scopes = {row["scope"] for row in rows}
    rows = [row for row in rows if row["scope"] == rows[0]["scope"]]
    if scopes & set(WINDOW_SCOPES):
        # Whole other clouds: which one is told must be said.
        what += scoped(rows[0]) or " over all tokens"
    best = max(rows, key=lambda row: row["value"])
    others = [row for row in rows if row["series"] != best["series"]]
    values = [row["value"] for row in rows]
    name, height = names[str(best["series"])], number(best["value"])
    if others:
        if not differ(best, max(others, key=lambda row: row["value"]), values):
            return None
        return capital(f"{what} {highest} in {name}: {height} at {_place(best)}")
    if not differ(best, min(rows, key=lambda row: row["value"]), values):
        return None
    return capital(f"{what} in {name} {highest} at {_place(best)}: {height}")


def _place(row: Row) -> str:
    """Name a layer and its place on an axis of depths, or a depth between layers."""
    if "layer" in row:
        return f"layer {row['layer']}{at_depth(row)}"
    return f"depth {number(row['depth'])}"


def _decoders_first(kind: str) -> tuple[bool, str]:
    return (kind != "decoder", kind)
