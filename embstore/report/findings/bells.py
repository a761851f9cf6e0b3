"""Says whether the anisotropy profiles of decoders and of encoders are bells."""

import math
from collections.abc import Collection, Sequence
from statistics import median
from typing import Literal

from embstore.report.findings.sentences import Finding, number, signed
from embstore.report.read.evidence import Peak

Shape = Literal["bell", "valley", "rising", "falling", "flat", "open"]

# As the question about the shape of profiles takes them: a difference of two parts counts
# where it exceeds so many standard errors, and so much.
_ERRORS = 3.0
_LEAST = 0.1
_KINDS = ("decoder", "encoder")
_SHAPES: dict[tuple[int, int], Shape] = {
    (1, 1): "bell",
    (-1, -1): "valley",
    (1, -1): "rising",
    (-1, 1): "falling",
}


def contrast(peak: Peak) -> float | None:
    """Tell how far the middle third of a profile lies above the mean of both ends."""
    if peak.middle_mean is None or peak.start_mean is None or peak.end_mean is None:
        return None
    return peak.middle_mean - (peak.start_mean + peak.end_mean) / 2


def shape(peak: Peak) -> Shape:
    """Name the shape of a profile; open without errors, or where they leave it so."""
    start = _difference(peak.middle_mean, peak.middle_error, peak.start_mean, peak.start_error)
    end = _difference(peak.middle_mean, peak.middle_error, peak.end_mean, peak.end_error)
    if start is None or end is None:
        return "open"
    if start[0] or end[0]:
        return _SHAPES.get((start[0], end[0]), "open")
    narrow = abs(peak.middle_mean or 0) / 4
    return "flat" if max(start[1], end[1]) < narrow else "open"


def kinds_compared(peaks: Sequence[Peak], kinds: Collection[str]) -> Finding | None:
    """Say how far the middle of each kind's profiles stands out, and how many are bells.

    Args:
        peaks: of the last checkpoints.
        kinds: of the models there are, measured or not.
    """
    present = [kind for kind in _KINDS if kind in kinds]
    if not peaks or not present:
        return None
    used = [p for p in peaks if p.scope == "all" and p.kind in _KINDS and contrast(p) is not None]
    told = [kind for kind in _KINDS if any(peak.kind == kind for peak in used)]
    text = ""
    if told:
        each = [_of_kind(kind, [peak for peak in used if peak.kind == kind]) for kind in told]
        text = (
            "Against the mean of both ends (a tenth of the depth each), anisotropy over the middle "
            f"third of the depth is {'; it is '.join(each)} (all tokens, last checkpoints). A bell "
            f"exceeds each end by more than {_ERRORS:g} standard errors and by more than {_LEAST}."
        )
    missing = [
        f"no {kind} has values over the middle third of the depth and both ends"
        if kind in present
        else f"there are no {kind}s here"
        for kind in _KINDS
        if kind not in told
    ]
    if missing:
        why = " and ".join(missing)
        text += f" {why[0].upper()}{why[1:]}, so whether the two kinds differ stays open."
    runs = tuple(sorted({peak.run for peak in used}))
    return Finding("Encoders and decoders", text.strip(), runs, "open" if missing else "finding")


def _of_kind(kind: str, peaks: Sequence[Peak]) -> str:
    models: dict[str, list[float]] = {}
    for peak in peaks:
        models.setdefault(peak.model, []).append(contrast(peak) or 0.0)
    middles = [median(values) for values in models.values()]
    low, high = number(min(middles)), number(max(middles))
    sure = _interval(peaks[0]) if len(peaks) == 1 else ""
    if low != high:
        sure = f" (median over {len(models)} models; {low} to {high})"
    shapes = [shape(peak) for peak in peaks]
    n = len(peaks)
    found = shapes.count("bell")
    verb = "is a bell" if 1 in (found, n) else "are bells"
    bells = f"{found} of {n} profile{'' if n == 1 else 's'} {verb}"
    unsure = shapes.count("open")
    left = f", {unsure} left open" if unsure else ""
    return f"{signed(median(middles))}{sure} in {kind}s, where {bells}{left}"


def _interval(peak: Peak) -> str:
    middle = contrast(peak)
    errors = (peak.start_error, peak.middle_error, peak.end_error)
    start, mid, end = errors
    if middle is None or start is None or mid is None or end is None:
        return ""
    margin = 1.96 * math.hypot(mid, (start + end) / 2)
    return f" (95 % interval {number(middle - margin)} to {number(middle + margin)})"


def _difference(
    high: float | None, high_error: float | None, low: float | None, low_error: float | None
) -> tuple[int, float] | None:
    """Return 1, -1 or 0 for higher, lower and neither, and how far the errors reach."""
    if high is None or low is None or high_error is None or low_error is None:
        return None
    margin = _ERRORS * math.hypot(high_error, low_error)
    apart = high - low
    if abs(apart) > max(margin, _LEAST):
        return (1 if apart > 0 else -1), margin
    return 0, margin
