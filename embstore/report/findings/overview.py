"""Says in sentences what the numbers show: the seed study's questions, then what to beware of."""

from collections.abc import Iterable, Sequence
from statistics import median

from embstore.metrics.conventions import DIMENSION_CEILING, SHORTFALL
from embstore.report.findings import cautions
from embstore.report.findings.bells import kinds_compared
from embstore.report.findings.massive import massive_activations
from embstore.report.findings.sentences import (
    SCOPE_WORDS,
    Finding,
    counted,
    interval,
    named,
    number,
    shortened,
    spread,
)
from embstore.report.findings.training import dimension_over_training, peak_over_training
from embstore.report.read.evidence import CEILING, Evidence, Highest
from embstore.report.read.profiles import AnisotropyProfile
from embstore.report.records import Contents


def find_all(contents: Contents, evidence: Evidence) -> tuple[Finding, ...]:
    """Draw every finding the store has the numbers for, the study's questions first."""
    drawn = [
        peak_by_kind(evidence.profiles),
        kinds_compared(evidence.profiles, {str(model.facts["kind"]) for model in contents.models}),
        peak_over_training(evidence.anisotropy),
        dimension_over_training(evidence.dimension, evidence.estimate),
        ceiling(evidence.highest, contents),
        massive_activations(evidence.massive),
        cautions.same_weights(evidence.same_weights, contents),
        cautions.failed(contents.failures),
        cautions.incomplete(evidence.counts.of_run, contents),
        cautions.empty(evidence.empty, contents),
        cautions.undefined(evidence.counts.undefined),
        cautions.larger_hidden(evidence.larger, contents.runs),
        cautions.unequal_samples(contents.runs),
        cautions.small_samples(contents),
        cautions.approximate(contents.runs),
        cautions.uncommitted(contents.runs),
    ]
    return tuple(finding for finding in drawn if finding is not None)


def peak_by_kind(profiles: Sequence[AnisotropyProfile]) -> Finding | None:
    """Say how high the anisotropy profile peaks, per kind, with and without sinks."""
    if not profiles:
        return None
    sentences = []
    for kind in sorted({profile.kind for profile in profiles}):
        mine = [profile for profile in profiles if profile.kind == kind]
        stacks = sorted({profile.stack for profile in mine}, reverse=True)
        parts = [_peaks_of([p for p in mine if p.stack == stack]) for stack in stacks]
        if len(stacks) > 1:
            parts = [f"{part} in the {stack}" for part, stack in zip(parts, stacks, strict=True)]
        models = {profile.model for profile in mine}
        texts = {profile.text for profile in mine}
        over = f"; over the texts {named(texts)}" if len(texts) > 1 else ""
        who = f"{counted(len(models), kind)} ({named(models)}{over})"
        sentences.append(f"In {who}, anisotropy peaks {', and '.join(parts)}.")
    runs = tuple(sorted({profile.run for profile in profiles}))
    return Finding("Peak anisotropy", " ".join(sentences), runs)


def _peaks_of(profiles: Sequence[AnisotropyProfile]) -> str:
    full = [profile for profile in profiles if profile.scope == "all"]
    bare = [profile for profile in profiles if profile.scope == "no_sinks"]
    shown = full or bare or [p for p in profiles if p.scope == profiles[0].scope]
    depth = spread(_per_model([(profile.model, profile.peak_depth) for profile in shown]))
    text = f"at {_spread_of(shown)} at relative depth {depth}"
    if full and bare:
        return f"{text} (without attention sinks at {_spread_of(bare)})"
    return text if full else f"{text} ({SCOPE_WORDS.get(shown[0].scope, shown[0].scope)})"


def _spread_of(profiles: Sequence[AnisotropyProfile]) -> str:
    return spread(_per_model([(profile.model, profile.peak_value) for profile in profiles]))


def _per_model(values: Iterable[tuple[str, float]]) -> list[float]:
    """Return one value per model, the median: more texts give it no more weight."""
    found: dict[str, list[float]] = {}
    for model, value in values:
        found.setdefault(model, []).append(value)
    return [median(mine) for mine in found.values()]


def ceiling(highest: Highest | None, contents: Contents) -> Finding | None:
    """Say how high the dimension gets, and whether it stays below the study's ceiling."""
    if highest is None:
        return None
    run = contents.runs[highest.run]
    verdict = "below"
    if highest.surely:
        verdict = "above"
    elif highest.possible > CEILING:
        verdict = "perhaps above"
    text = (
        f"The highest dimension ({highest.metric}) of any layer is {number(highest.value)}"
        f"{interval(highest.ci_low, highest.ci_high)}, {verdict} {CEILING} "
        f"({shortened(contents.labels[highest.run].model)} at {shortened(str(run['revision']))}, "
        f"layer {highest.layer}, {SCOPE_WORDS.get(highest.scope, highest.scope)})."
    )
    if highest.surely:
        many = "interval lies" if highest.surely == 1 else "intervals lie"
        text += f" {highest.surely:,} {many} above {CEILING} as a whole."
    elif highest.possible > max(CEILING, highest.ci_high or highest.value):
        text += f" The interval of a layer reaches {number(highest.possible)}."
    if highest.value > DIMENSION_CEILING:
        text += f" {SHORTFALL}"
    return Finding(f"Ceiling of {CEILING}", text, (highest.run,))
