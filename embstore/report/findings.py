"""Says in sentences what the numbers show: the seed study's questions, then what to beware of."""

from collections.abc import Iterable, Sequence
from statistics import median

from embstore.report import cautions
from embstore.report.contents import Contents, Row
from embstore.report.evidence import Evidence, Peak
from embstore.report.sentences import Finding, counted, listed, number, shortened, signed, spread
from embstore.report.training import dimension_over_training, peak_over_training

# The seed study saw no mean dimension above it.
CEILING = 60
# From here on, estimates from neighbours' distances fall short at usual sample sizes.
_SHORT = 20
# How far the middle of a profile stands out to be called a bell.
_BELL = 0.1


def find_all(contents: Contents, evidence: Evidence) -> tuple[Finding, ...]:
    """Draw every finding the store has the numbers for, the study's questions first."""
    drawn = [
        peak_by_kind(evidence.peaks),
        kinds_compared(evidence.peaks),
        peak_over_training(evidence.anisotropy),
        dimension_over_training(evidence.dimension, evidence.estimate),
        ceiling(evidence.highest, contents),
        cautions.same_weights(contents),
        cautions.failed(contents.failures),
        cautions.incomplete(evidence.stored, contents),
        cautions.undefined(evidence.undefined),
        cautions.unequal_samples(contents.runs),
        cautions.small_samples(contents),
        cautions.approximate(contents.runs),
        cautions.uncommitted(contents.runs),
    ]
    return tuple(finding for finding in drawn if finding is not None)


def peak_by_kind(peaks: Sequence[Peak]) -> Finding | None:
    """Say how high the anisotropy profile peaks, per kind, with and without sinks."""
    if not peaks:
        return None
    sentences = []
    for kind in sorted({peak.kind for peak in peaks}):
        mine = [peak for peak in peaks if peak.kind == kind]
        full = [peak for peak in mine if peak.scope == "all"]
        bare = [peak for peak in mine if peak.scope == "no_sinks"]
        shown = full or bare or mine
        models = {peak.model for peak in shown}
        who = f"{counted(len(models), kind)} ({listed(models)})"
        depth = median(peak.depth for peak in shown)
        at = f"at relative depth {number(depth)}"
        text = f"In {who}, anisotropy peaks at {spread([peak.value for peak in shown])} {at}"
        if full and bare:
            text += f"; without attention sinks at {spread([peak.value for peak in bare])}"
        elif not full:
            text += f", measured in scope {shown[0].scope}"
        sentences.append(f"{text}.")
    return Finding("Peak anisotropy", " ".join(sentences), _runs(peaks))


def kinds_compared(peaks: Sequence[Peak]) -> Finding | None:
    """Say whether decoders' profiles are bells and encoders' flat."""
    bells = {
        kind: [
            peak.middle - peak.rest
            for peak in peaks
            if peak.kind == kind
            and peak.scope == "all"
            and peak.middle is not None
            and peak.rest is not None
        ]
        for kind in ("decoder", "encoder")
    }
    used = [peak for peak in peaks if peak.scope == "all" and peak.kind in bells]
    if not all(bells.values()):
        present = [kind for kind, values in bells.items() if values]
        if not present:
            return None
        other = "encoders" if present == ["decoder"] else "decoders"
        return Finding(
            "Encoders and decoders",
            f"The store has no {other}, so whether the two kinds differ stays open.",
            _runs(used),
            "open",
        )
    decoder, encoder = median(bells["decoder"]), median(bells["encoder"])
    if decoder < _BELL:
        verdict = "Decoders have no bell here"
    elif encoder < _BELL and encoder < decoder / 2:
        verdict = "Decoders have a bell, encoders do not"
    else:
        verdict = "Decoders have a bell, and so do encoders"
    return Finding(
        "Encoders and decoders",
        f"{verdict}: against the rest of the layers, anisotropy over the middle third of the depth "
        f"is {signed(decoder)} in decoders and {signed(encoder)} in encoders (median over models, "
        "all tokens, last checkpoints).",
        _runs(used),
    )


def ceiling(highest: Row | None, contents: Contents) -> Finding | None:
    """Say how high the dimension gets, and whether it stays below the study's ceiling."""
    if highest is None:
        return None
    place, value = highest["run"], highest["value"]
    if not isinstance(place, int) or not isinstance(value, float):
        return None
    run = contents.runs[place]
    verdict = "below" if value < CEILING else "not below"
    text = (
        f"The highest dimension ({highest['metric']}) of any layer is {number(value)}, {verdict} "
        f"{CEILING} ({shortened(str(run['model']))} at {shortened(str(run['revision']))}, "
        f"layer {highest['layer']}, scope {highest['scope']})."
    )
    if value > _SHORT:
        text += (
            f" Estimates above about {_SHORT} fall short: at 4,000 tokens a true 50 reads 33 "
            "and a true 100 reads 51."
        )
    return Finding(f"Ceiling of {CEILING}", text, (place,))


def _runs(peaks: Iterable[Peak]) -> tuple[int, ...]:
    return tuple(sorted({peak.run for peak in peaks}))
