"""Says whether the anisotropy profiles of decoders and of encoders are bells."""

from collections.abc import Collection, Sequence
from statistics import median
from typing import Literal

from embstore.report.findings.sentences import (
    MOST_LINES,
    Finding,
    Spark,
    interval,
    joined,
    number,
    signed,
)
from embstore.report.read.profiles import ERRORS, LEAST_CONTRAST, AnisotropyProfile, Outline

_KINDS = ("decoder", "encoder")

_Told = Outline | Literal["undecided"]
# What one profile does, and what several do.
_SHAPES: dict[_Told, tuple[str, str]] = {
    "bell": ("is a bell", "are bells"),
    "valley": ("is a valley", "are valleys"),
    "rising": ("rises with depth", "rise with depth"),
    "falling": ("falls with depth", "fall with depth"),
    "flat": ("is flat", "are flat"),
    "open": ("is not clearly a bell", "are not clearly bells"),
    "undecided": (
        "has no standard errors to tell whether it is a bell",
        "have no standard errors to tell whether they are bells",
    ),
}


def kinds_compared(profiles: Sequence[AnisotropyProfile], kinds: Collection[str]) -> Finding | None:
    """Say whether each kind's profiles are bells, and how far their middle stands out.

    Args:
        profiles: of the last checkpoints.
        kinds: of the models there are, measured or not.
    """
    present = [kind for kind in _KINDS if kind in kinds]
    if not profiles or not present:
        return None
    used = [
        profile
        for profile in profiles
        if profile.scope == "all" and profile.kind in _KINDS and profile.contrast is not None
    ]
    of_kind = {kind: [p for p in used if p.kind == kind] for kind in _KINDS}
    known = [kind for kind in _KINDS if of_kind[kind]]
    text = "Whether anisotropy profiles are bells cannot be told: no profile has all its values."
    detail = []
    if known:
        shapes = [_shapes(kind, of_kind[kind], first=kind == known[0]) for kind in known]
        text = f"{'; '.join(shapes)}."
        if len(used) > 1 and all(_told(profile) == "undecided" for profile in used):
            text = "No anisotropy profile has standard errors to tell whether it is a bell."
        each = "; it is ".join(_contrast(kind, of_kind[kind]) for kind in known)
        detail.append(
            "Against the mean of both ends (a tenth of the depth each), anisotropy over the middle "
            f"third of the depth is {each} (all tokens, last checkpoints). A bell exceeds each end "
            f"by more than {ERRORS:g} standard errors (of few windows by what is as rare in "
            f"Student's t) and by more than {LEAST_CONTRAST}."
        )
    detail += [
        f"No {kind} has values over the middle third of the depth and both ends."
        if kind in present
        else f"There are no {kind}s here to compare with."
        for kind in _KINDS
        if kind not in known
    ]
    runs = tuple(sorted({profile.run for profile in used}))
    return Finding(
        "Shape of the profile",
        text,
        runs,
        "finding" if any(_told(profile) != "undecided" for profile in used) else "open",
        detail=" ".join(detail),
        spark=Spark("anisotropy", runs[:MOST_LINES]) if runs else None,
    )


def _shapes(kind: str, profiles: Sequence[AnisotropyProfile], *, first: bool) -> str:
    """Say what the profiles of one kind do; only the first names the metric."""
    outlines = [_told(profile) for profile in profiles]
    n = len(outlines)
    if n == 1:
        who = f"The {kind}'s anisotropy profile" if first else f"the {kind}'s"
        return f"{who} {_SHAPES[outlines[0]][0]}"
    found = sorted(set(outlines), key=lambda outline: (-outlines.count(outline), outline))
    what = f"anisotropy profiles of {kind}s" if first else f"of {kind}s"
    if found == ["open"]:
        none = "neither" if n == 2 else "none"
        return f"{none.capitalize() if first else none} of the {n} {what} is clearly a bell"
    if len(found) == 1:
        every = "both" if n == 2 else f"all {n}"
        return f"{every.capitalize() if first else every} {what} {_SHAPES[found[0]][1]}"
    counts = {outline: outlines.count(outline) for outline in found}
    parts = [f"{count} {_SHAPES[outline][count > 1]}" for outline, count in counts.items()]
    return f"{'Of' if first else 'of'} {n} {what}, {joined(parts)}"


def _told(profile: AnisotropyProfile) -> _Told:
    """Return the shape; where a profile has no errors, that no shape can be told."""
    without = profile.outline == "open" and profile.ci_low is None
    return "undecided" if without else profile.outline


def _contrast(kind: str, profiles: Sequence[AnisotropyProfile]) -> str:
    contrasts: dict[str, list[float]] = {}
    for profile in profiles:
        contrasts.setdefault(profile.model, []).append(profile.contrast or 0.0)
    middles = [median(of_model) for of_model in contrasts.values()]
    low, high = number(min(middles)), number(max(middles))
    sure = interval(profiles[0].ci_low, profiles[0].ci_high) if len(profiles) == 1 else ""
    if low != high:
        sure = f" (median over {len(contrasts)} models; {low} to {high})"
    return f"{signed(median(middles))}{sure} in {kind}s"
