"""What differs between two profiles, and whether by more than their errors explain.

A difference is B − A. Where it is known how much each window that both runs read moves either
number, its standard error is paired: that of the differences window by window, with Student's
t of one degree of freedom less than there are windows. The effects of several layers are
averaged as their values are.

Else the two are taken as independent, √(se_a² + se_b²), with Welch's degrees of freedom, each
profile having one less than its windows. Layers of one run share their tokens, so of several
layers the error is then taken to be as large as if they moved as one: the weighted mean of
their errors.

Satterthwaite 1946, doi 10.2307/3002019; Welch 1947, doi 10.1093/biomet/34.1-2.28.
"""

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from embstore.comparison.paired import paired_error
from embstore.comparison.profiles import LayerValue, Profile
from embstore.metrics.conventions import errors_of_an_interval

By = Literal["layer", "depth"]
Part = Literal["layer", "mean", "peak_value", "peak_depth"]
Errors = Literal["paired", "independent"]

# A depth is a ratio of two small whole numbers: closer than this is the same.
_SAME_DEPTH = 1e-9


@dataclass(frozen=True)
class Difference:
    """B − A at one layer, or of a summary of all layers.

    Attributes:
        part: ``layer``, or the summary: the ``mean`` over the blocks, of each side its own;
            the ``peak_value`` and the ``peak_depth`` where it is reached.
        layer: its number where both sides have it; None for summaries.
        depth: where between the embedding, 0, and the last block, 1, in A; None for
            summaries.
        layers: how many layers are behind the value of A.
        a: the value of A; ``b`` that of B.
        difference: B − A; None where one of them has no value.
        std_error: of the difference; None where one of them has none.
        ci_low: the lower end of its 95 % interval; ``ci_high`` is the upper.
        differs: whether the interval leaves out 0; None where there is no interval.
        errors: how ``std_error`` was found; None where there is none.
        reason: why there is no difference, or no interval.
    """

    part: Part
    layer: int | None
    depth: float | None
    layers: int
    a: float | None
    b: float | None
    difference: float | None
    std_error: float | None
    ci_low: float | None
    ci_high: float | None
    differs: bool | None
    errors: Errors | None
    reason: str | None


@dataclass(frozen=True)
class _Estimate:
    value: float | None
    std_error: float | None = None
    effects: Sequence[float] | None = None
    reason: str | None = None


@dataclass(frozen=True)
class _Error:
    std_error: float
    freedom: float
    kind: Errors


def compare_profiles(
    a: Profile, b: Profile, *, by: By | None = None, embedding: bool = True
) -> tuple[Difference, ...]:
    """Return the differences B − A: layer by layer, then of the summaries.

    By depth, the depths are those of the stack with fewer blocks; between two layers of
    the other its value is interpolated linearly, never beyond its first and last. The mean
    over the blocks of a side is the same whatever it is compared with, except that a block
    without a value is left out of both sides where they have equally many.

    Args:
        a: what is compared with.
        b: what is compared.
        by: match layers of the same number or of the same depth; None for the number
            where the stacks have equally many blocks, else the depth.
        embedding: whether layer 0 can be the peak.

    >>> shallow = Profile((LayerValue(0, 0.0, 1.0, 0.1), LayerValue(1, 1.0, 2.0, 0.1)), 1, 50)
    >>> deep = Profile(tuple(LayerValue(i, i / 2, 3.0, 0.1) for i in range(3)), 2, 50)
    >>> [(d.part, d.depth, d.difference, d.differs) for d in compare_profiles(shallow, deep)]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('layer', 0.0, 2.0, True), ('layer', 1.0, 1.0, True), ('mean', None, 1.0, True),
     ('peak_value', None, 1.0, True), ('peak_depth', None, -1.0, None)]
    """
    windows = (a.n_windows, b.n_windows)
    chosen = by or default_by(a, b)
    pairs = _by_layer(a, b) if chosen == "layer" else _by_depth(a, b)
    rows = [
        _difference("layer", left, right, windows, layer=layer, depth=depth)
        for layer, depth, left, right in pairs
    ]
    own = [_blocks(a), _blocks(b)]
    if a.n_layers == b.n_layers:
        both = own[0].keys() & own[1].keys()
        own = [{layer: at for layer, at in blocks.items() if layer in both} for blocks in own]
    left, right = (_mean(list(blocks.values())) for blocks in own)
    rows.append(_difference("mean", left, right, windows, layers=len(own[0])))
    high_a, high_b = (_peak(profile, embedding=embedding) for profile in (a, b))
    rows.append(_difference("peak_value", _height(high_a), _height(high_b), windows))
    rows.append(_difference("peak_depth", _place(high_a), _place(high_b), windows))
    return tuple(rows)


def default_by(a: Profile, b: Profile) -> By:
    """Match layers by number where the stacks have equally many blocks, else by depth."""
    return "layer" if a.n_layers == b.n_layers else "depth"


def _by_layer(a: Profile, b: Profile) -> list[tuple[int | None, float, _Estimate, _Estimate]]:
    right = {at.layer: at for at in b.values}
    return [
        (at.layer, at.depth, _estimate(at), _estimate(right[at.layer]))
        for at in a.values
        if at.layer in right
    ]


def _by_depth(a: Profile, b: Profile) -> list[tuple[int | None, float, _Estimate, _Estimate]]:
    grid = a if a.n_layers <= b.n_layers else b
    same = a.n_layers == b.n_layers
    return [
        (at.layer if same else None, at.depth, _at(a, at.depth), _at(b, at.depth))
        for at in grid.values
    ]


def _at(profile: Profile, depth: float) -> _Estimate:
    """Interpolate between the two layers around a depth."""
    depths = [at.depth for at in profile.values]
    above = bisect.bisect_left(depths, depth - _SAME_DEPTH)
    if above < len(depths) and abs(depths[above] - depth) <= _SAME_DEPTH:
        return _estimate(profile.values[above])
    if not 0 < above < len(depths):
        return _Estimate(None, reason=f"not measured at depth {depth:.3g}")
    before, after = profile.values[above - 1], profile.values[above]
    for at in (before, after):
        if at.value is None:
            return _estimate(at)
    share = (depth - before.depth) / (after.depth - before.depth)
    weights = ((before, 1 - share), (after, share))
    return _weighted([(_estimate(at), weight) for at, weight in weights])


def _estimate(at: LayerValue) -> _Estimate:
    missing = at.reason or "undefined"
    reason = f"layer {at.layer}: {missing}" if at.value is None else None
    return _Estimate(at.value, at.std_error, at.window_effects, reason)


def _blocks(profile: Profile) -> dict[int, _Estimate]:
    """Return the blocks that have a value, by number."""
    return {
        at.layer: _estimate(at) for at in profile.values if at.depth > 0 and at.value is not None
    }


def _mean(estimates: Sequence[_Estimate]) -> _Estimate:
    if not estimates:
        return _Estimate(None, reason="no block has a value")
    return _weighted([(estimate, 1 / len(estimates)) for estimate in estimates])


def _weighted(parts: Sequence[tuple[_Estimate, float]]) -> _Estimate:
    """Average values and effects of windows, and errors as if they moved as one."""
    value = math.fsum(weight * part.value for part, weight in parts if part.value is not None)
    errors = [weight * part.std_error for part, weight in parts if part.std_error is not None]
    effects = [(part.effects, weight) for part, weight in parts if part.effects is not None]
    return _Estimate(
        value,
        math.fsum(errors) if len(errors) == len(parts) else None,
        _weighted_effects(effects) if len(effects) == len(parts) else None,
    )


def _weighted_effects(parts: Sequence[tuple[Sequence[float], float]]) -> list[float] | None:
    if len({len(effects) for effects, _ in parts}) > 1:
        return None
    weights = [weight for _, weight in parts]
    by_window = zip(*(effects for effects, _ in parts), strict=True)
    return [
        math.fsum(weight * effect for weight, effect in zip(weights, of_window, strict=True))
        for of_window in by_window
    ]


def _peak(profile: Profile, *, embedding: bool) -> LayerValue | None:
    """Return the highest layer; the lowest of those that tie."""
    known = [
        (at.value, -at.layer, at)
        for at in profile.values
        if at.value is not None and (embedding or at.depth > 0)
    ]
    return max(known, key=lambda entry: entry[:2])[2] if known else None


def _height(peak: LayerValue | None) -> _Estimate:
    if peak is None:
        return _Estimate(None, reason="no layer has a value")
    return _Estimate(peak.value, peak.std_error, peak.window_effects)


def _place(peak: LayerValue | None) -> _Estimate:
    if peak is None:
        return _Estimate(None, reason="no layer has a value")
    return _Estimate(peak.depth, reason="a depth has no standard error")


def _difference(
    part: Part,
    a: _Estimate,
    b: _Estimate,
    windows: tuple[int, int],
    *,
    layer: int | None = None,
    depth: float | None = None,
    layers: int = 1,
) -> Difference:
    def row(difference: float | None, error: _Error | None, reason: str | None) -> Difference:
        low = high = differs = None
        if difference is not None and error is not None:
            reach = error.std_error * errors_of_an_interval(error.freedom)
            low, high = difference - reach, difference + reach
            differs = not low <= 0 <= high
        return Difference(
            *(part, layer, depth, layers, a.value, b.value, difference),
            *(error.std_error if error else None, low, high, differs),
            *(error.kind if error else None, reason),
        )

    if a.value is None or b.value is None:
        found = [f"{name}: {e.reason}" for name, e in (("A", a), ("B", b)) if e.value is None]
        return row(None, None, "; ".join(found))
    difference = b.value - a.value
    if a.std_error is None or b.std_error is None:
        without = [name for name, e in (("A", a), ("B", b)) if e.std_error is None]
        unknown = a.reason or f"no standard error of {' and '.join(without)}"
        return row(difference, None, unknown)
    if a.effects is not None and b.effects is not None:
        paired = paired_error(a.effects, b.effects)
        if paired is not None:
            return row(difference, _Error(*paired, "paired"), None)
    error = math.hypot(a.std_error, b.std_error)
    freedom = _freedom((a.std_error, b.std_error), windows)
    return row(difference, _Error(error, freedom, "independent"), None)


def _freedom(errors: tuple[float, float], windows: tuple[int, int]) -> float:
    """Return the degrees of freedom of the difference of two means (Welch, Satterthwaite)."""
    freedom = [max(count - 1, 1) for count in windows]
    squares = [error**2 for error in errors]
    # In shares of the sum, since squares of tiny errors vanish.
    total = sum(squares)
    if not total:
        return math.inf
    spread = sum(
        (square / total) ** 2 / count for square, count in zip(squares, freedom, strict=True)
    )
    return 1 / spread
