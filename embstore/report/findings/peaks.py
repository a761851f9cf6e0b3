"""Says where anisotropy peaks, with and without attention sinks."""

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from embstore.choices import DEFAULT_SCOPES, SCOPE_WORDS
from embstore.report.findings.sentences import (
    MOST_LINES,
    Finding,
    Spark,
    counted,
    in_layer,
    named,
    number,
    shortened,
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
        drawn = [scope for scope in known if scope in DEFAULT_SCOPES] or known
        yield Finding(
            f"Peak anisotropy of {kind}s",
            f"In {who}, anisotropy peaks {', and '.join(parts)}.",
            runs,
            detail=f"Of the last checkpoints of {named(models)}{over}; the state after the final "
            f"norm does not count.{_ranges(mine) if len(models) > 1 else ''}",
            spark=Spark("anisotropy", runs[:MOST_LINES], tuple(drawn)),
        )


def _peaks_of(profiles: Sequence[AnisotropyProfile], stack: str) -> str:
    both = _with_and_without(profiles)
    full = [profile for profile in both or profiles if profile.scope == "all"]
    bare = [profile for profile in both or profiles if profile.scope == "no_sinks"]
    shown = full or bare or [p for p in profiles if p.scope == profiles[0].scope]
    words = "" if full else f" ({SCOPE_WORDS[shown[0].scope]})"
    several = len({profile.model for profile in profiles}) > 1
    if several or len(shown) > 1:
        words = f" in the median{'' if several else f' of {len(shown)} texts'}{words},"
    text = f"at {number(median(_heights(shown)))}{words} {_place(shown, stack)}"
    if not both:
        return text
    without = f"; without attention sinks the peak is {number(median(_heights(bare)))}"
    same = _place(bare, stack) == _place(shown, stack)
    n, of = len(set(map(_whose, both))), len(set(map(_whose, profiles)))
    have = "has" if n == 1 else "have"
    some = f" (of the {n} of {of} profiles that {have} both)" if n < of else ""
    return f"{text}{without}{' there' if same else f', {_place(bare, stack)}'}{some}"


def _whose(profile: AnisotropyProfile) -> tuple[str, str, str]:
    return profile.model, profile.text, profile.stack


def _with_and_without(profiles: Sequence[AnisotropyProfile]) -> Sequence[AnisotropyProfile]:
    """Keep the profiles of a model over a text that is known over all tokens and without sinks."""
    full, bare = ({_whose(p) for p in profiles if p.scope == s} for s in ("all", "no_sinks"))
    return [profile for profile in profiles if _whose(profile) in full & bare]


def _place(profiles: Sequence[AnisotropyProfile], stack: str) -> str:
    """Say where: the layer of a model over one text, the median depth of several."""
    if len(profiles) == 1:
        return in_layer(profiles[0].peak_layer, stack, depth=profiles[0].peak_depth)
    depth = median(_per_model(profiles, lambda profile: profile.peak_depth))
    return f"at depth {number(depth)} of the {stack}" if stack else f"at depth {number(depth)}"


def _ranges(profiles: Sequence[AnisotropyProfile]) -> str:
    """Say over what the medians of several models are."""
    text = ""
    compared = _with_and_without(profiles) or profiles
    for scope in DEFAULT_SCOPES:
        mine = [profile for profile in compared if profile.scope == scope]
        if mine:
            heights = _heights(mine)
            depths = _per_model(mine, lambda profile: profile.peak_depth)
            text += (
                f" {SCOPE_WORDS[scope].capitalize()}: {number(min(heights))} to "
                f"{number(max(heights))}, at depths {number(min(depths))} to {number(max(depths))}."
            )
    return text


def _heights(profiles: Sequence[AnisotropyProfile]) -> list[float]:
    return _per_model(profiles, lambda profile: profile.peak_value)


def _per_model(
    profiles: Sequence[AnisotropyProfile], value: Callable[[AnisotropyProfile], float]
) -> list[float]:
    """Return one value per model, the median: more texts give it no more weight."""
    found: dict[str, list[float]] = {}
    for profile in profiles:
        found.setdefault(profile.model, []).append(value(profile))
    return [median(mine) for mine in found.values()]
