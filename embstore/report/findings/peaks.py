"""Says where anisotropy peaks, with and without attention sinks."""

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from embstore.report.findings.sentences import (
    MOST_LINES,
    SCOPE_WORDS,
    Finding,
    Spark,
    counted,
    in_layer,
    named,
    number,
    shortened,
    spread,
)
from embstore.report.read.profiles import AnisotropyProfile


def peak_by_kind(profiles: Sequence[AnisotropyProfile]) -> Iterator[Finding]:
    """Say how high the anisotropy profile peaks and where, for each kind of model."""
    for kind in sorted({profile.kind for profile in profiles}):
        mine = [profile for profile in profiles if profile.kind == kind]
        stacks = sorted({profile.stack for profile in mine}, reverse=True)
        parts = [
            _peaks_of([p for p in mine if p.stack == stack], stack if len(stacks) > 1 else "")
            for stack in stacks
        ]
        models = {profile.model for profile in mine}
        texts = {profile.text for profile in mine}
        over = f" over the texts {named(texts)}" if len(texts) > 1 else ""
        who = counted(len(models), kind) if len(models) > 1 else shortened(*models)
        runs = tuple(sorted({profile.run for profile in mine}))
        known = sorted({profile.scope for profile in mine})
        drawn = [scope for scope in known if scope != "no_first"] or known
        yield Finding(
            f"Peak anisotropy of {kind}s",
            f"In {who}, anisotropy peaks {', and '.join(parts)}.",
            runs,
            detail=f"Of the last checkpoints of {named(models)}{over}; the state after the final "
            "norm does not count.",
            spark=Spark("anisotropy", runs[:MOST_LINES], tuple(drawn)),
        )


def _peaks_of(profiles: Sequence[AnisotropyProfile], stack: str) -> str:
    full = [profile for profile in profiles if profile.scope == "all"]
    bare = [profile for profile in profiles if profile.scope == "no_sinks"]
    shown = full or bare or [p for p in profiles if p.scope == profiles[0].scope]
    words = "" if full else f" ({SCOPE_WORDS.get(shown[0].scope, shown[0].scope)})"
    text = f"at {_height(shown)}{words} {_place(shown, stack)}"
    if not (full and bare):
        return text
    without = f"; without attention sinks the peak is {_height(bare)}"
    same = _place(bare, stack) == _place(shown, stack)
    return f"{text}{without}{' there' if same else f', {_place(bare, stack)}'}"


def _height(profiles: Sequence[AnisotropyProfile]) -> str:
    return spread(_per_model(profiles, lambda profile: profile.peak_value))


def _place(profiles: Sequence[AnisotropyProfile], stack: str) -> str:
    """Say where: the layer of a model, the depth of several."""
    if len(profiles) == 1:
        return in_layer(profiles[0].peak_layer, stack)
    depths = _per_model(profiles, lambda profile: profile.peak_depth)
    where = f"at depth {number(median(depths))}"
    if number(min(depths)) != number(max(depths)):
        where += f" ({number(min(depths))} to {number(max(depths))})"
    return f"{where} of the {stack}" if stack else where


def _per_model(
    profiles: Sequence[AnisotropyProfile], value: Callable[[AnisotropyProfile], float]
) -> list[float]:
    """Return one value per model, the median: more texts give it no more weight."""
    found: dict[str, list[float]] = {}
    for profile in profiles:
        found.setdefault(profile.model, []).append(value(profile))
    return [median(mine) for mine in found.values()]
