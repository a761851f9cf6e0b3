"""Says whether the anisotropy profiles of decoders and of encoders are bells."""

from collections.abc import Collection, Sequence
from statistics import median

from embstore.report.findings.sentences import Finding, interval, number, signed
from embstore.report.read.profiles import ERRORS, LEAST_CONTRAST, AnisotropyProfile

_KINDS = ("decoder", "encoder")


def kinds_compared(profiles: Sequence[AnisotropyProfile], kinds: Collection[str]) -> Finding | None:
    """Say how far the middle of each kind's profiles stands out, and how many are bells.

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
    known = [kind for kind in _KINDS if any(profile.kind == kind for profile in used)]
    text = ""
    if known:
        each = [_of_kind(kind, [p for p in used if p.kind == kind]) for kind in known]
        text = (
            "Against the mean of both ends (a tenth of the depth each), anisotropy over the middle "
            f"third of the depth is {'; it is '.join(each)} (all tokens, last checkpoints). A bell "
            f"exceeds each end by more than {ERRORS:g} standard errors and by more than "
            f"{LEAST_CONTRAST}."
        )
    missing = [
        f"no {kind} has values over the middle third of the depth and both ends"
        if kind in present
        else f"there are no {kind}s here"
        for kind in _KINDS
        if kind not in known
    ]
    if missing:
        why = " and ".join(missing)
        text += f" {why[0].upper()}{why[1:]}, so whether the two kinds differ stays open."
    runs = tuple(sorted({profile.run for profile in used}))
    return Finding("Encoders and decoders", text.strip(), runs, "open" if missing else "finding")


def _of_kind(kind: str, profiles: Sequence[AnisotropyProfile]) -> str:
    contrasts: dict[str, list[float]] = {}
    for profile in profiles:
        contrasts.setdefault(profile.model, []).append(profile.contrast or 0.0)
    middles = [median(of_model) for of_model in contrasts.values()]
    low, high = number(min(middles)), number(max(middles))
    sure = interval(profiles[0].ci_low, profiles[0].ci_high) if len(profiles) == 1 else ""
    if low != high:
        sure = f" (median over {len(contrasts)} models; {low} to {high})"
    outlines = [profile.outline for profile in profiles]
    n = len(profiles)
    found = outlines.count("bell")
    verb = "is a bell" if 1 in (found, n) else "are bells"
    bells = f"{found} of {n} profile{'' if n == 1 else 's'} {verb}"
    unsure = outlines.count("open")
    left = f", {unsure} left open" if unsure else ""
    return f"{signed(median(middles))}{sure} in {kind}s, where {bells}{left}"
