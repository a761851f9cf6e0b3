"""What a comparison comes to, in one sentence."""

from collections.abc import Mapping, Sequence

from embstore.choices import SCOPE_WORDS
from embstore.comparison.choose_runs import StoredRun
from embstore.tables.looks import text_of


def verdict(rows: Sequence[Mapping[str, object]], a: StoredRun, b: StoredRun) -> str:
    """Say in how many means over the blocks two runs differ, and where most clearly.

    Args:
        rows: of a comparison; only those of means count.
        a: what is compared with.
        b: what is compared.
    """
    name_a, name_b = _names(a, b)
    every = [row for row in rows if row["part"] == "mean"]
    means = [row for row in every if row["differs"] is not None]
    if not means:
        return (
            f"Whether {name_b} differs from {name_a} cannot be told: no mean over the blocks has "
            "an interval."
        )
    # A mean without an error is none without a difference.
    unknown = len(every) - len(means)
    some = f" that {'have' if len(means) > 1 else 'has'} an error" if unknown else ""
    open_ = f"; of {unknown} others it cannot be told" if unknown > 1 else ""
    open_ = "; of one other it cannot be told" if unknown == 1 else open_
    differing = [row for row in means if row["differs"]]
    if not differing:
        there = f"any of the {len(means)} means" if len(means) > 1 else "the mean"
        return (
            f"{name_b} does not differ from {name_a} by more than its error in {there} over the "
            f"blocks{some}{open_}."
        )
    clearest = max(differing, key=_in_errors)
    before, after = (text_of(clearest[side]) for side in "ab")
    words = SCOPE_WORDS[str(clearest["scope"])]
    tokens = words if words.startswith("without") else f"of {words}"
    there = f"{len(differing)} of {len(means)} means" if len(means) > 1 else "the mean"
    most = "most clearly in " if len(differing) > 1 else ""
    return (
        f"{name_b} differs from {name_a} by more than its error in {there} over the blocks{some}, "
        f"{most}{clearest['metric']} {tokens}: {after} instead of {before}{open_}."
    )


def _in_errors(row: Mapping[str, object]) -> float:
    difference, error = (float(str(row[name])) for name in ("difference", "std_error"))
    return abs(difference) / error if error else float("inf")


def _names(a: StoredRun, b: StoredRun) -> tuple[str, str]:
    """Name two runs by no more than tells them apart."""
    if a.display_name != b.display_name:
        return a.display_name, b.display_name
    if a.revision != b.revision:
        return f"{a.display_name}@{a.revision}", f"{b.display_name}@{b.revision}"
    return f"run {a.run_id[:8]}", f"run {b.run_id[:8]}"
