"""Says in sentences what the numbers show: the seed study's questions, then what to beware of."""

from collections.abc import Sequence

from embstore.choices import SCOPE_WORDS
from embstore.metrics.conventions import DIMENSION_CEILING, SHORTFALL
from embstore.report.findings import cautions
from embstore.report.findings.bells import kinds_compared
from embstore.report.findings.massive import massive_activations
from embstore.report.findings.peaks import peak_by_kind
from embstore.report.findings.sentences import (
    Finding,
    Spark,
    interval,
    number,
    shortened,
)
from embstore.report.findings.training import dimension_over_training, peak_over_training
from embstore.report.read.evidence import CEILING, Evidence, Highest
from embstore.report.read.seeds import SeedGroup
from embstore.report.records import Contents


def find_all(
    contents: Contents, evidence: Evidence, groups: Sequence[SeedGroup] = ()
) -> tuple[Finding, ...]:
    """Draw every finding the store has the numbers for, the study's questions first."""
    drawn = [
        *peak_by_kind(evidence.profiles),
        kinds_compared(evidence.profiles, {str(model.facts["kind"]) for model in contents.models}),
        peak_over_training(evidence.anisotropy),
        dimension_over_training(
            evidence.dimension,
            evidence.estimate,
            next((str(m["title"]) for m in contents.metrics if m["name"] == evidence.estimate), ""),
        ),
        ceiling(evidence.highest, contents),
        massive_activations(evidence.massive),
        cautions.seeds(groups),
        cautions.same_weights(evidence.same_weights, contents),
        cautions.failed(contents.failures),
        cautions.incomplete(evidence.counts.of_run, contents),
        cautions.empty(evidence.empty, contents),
        cautions.undefined(evidence.counts),
        cautions.larger_hidden(evidence.larger, contents.runs),
        cautions.out_of_sight(evidence.lost, contents),
        cautions.unequal_samples(contents.runs),
        cautions.small_samples(contents),
        cautions.approximate(contents.runs),
        cautions.uncommitted(contents.runs),
    ]
    return tuple(finding for finding in drawn if finding is not None)


def ceiling(highest: Highest | None, contents: Contents) -> Finding | None:
    """Say how high the dimension of a block gets, and whether that is below the ceiling."""
    if highest is None:
        return None
    run = contents.runs[highest.run]
    value = number(highest.value)
    where = f"in layer {highest.layer} of {shortened(contents.labels[highest.run].model)}"
    if highest.surely:
        text = f"Intrinsic dimensions exceed {CEILING}"
    elif highest.possible > CEILING:
        text = f"An intrinsic dimension perhaps exceeds {CEILING}"
    else:
        text = f"No block has an intrinsic dimension above {CEILING}"
    detail = [
        f"{value} ({highest.metric}){interval(highest.ci_low, highest.ci_high)}, at "
        f"{shortened(str(run['revision']))}, "
        f"{SCOPE_WORDS[highest.scope]}; the embedding does not count."
    ]
    if highest.surely:
        many = "interval lies" if highest.surely == 1 else "intervals lie"
        detail.append(f"{highest.surely:,} {many} above {CEILING} as a whole.")
    elif highest.possible > max(CEILING, highest.ci_high or highest.value):
        detail.append(f"The interval of a layer reaches {number(highest.possible)}.")
    if highest.value > DIMENSION_CEILING:
        detail.append(SHORTFALL)
    return Finding(
        f"Ceiling of {CEILING}",
        f"{text}: the highest is {value}, {where}.",
        (highest.run,),
        detail=" ".join(detail),
        spark=Spark(highest.metric, (highest.run,), (highest.scope,), over="blocks"),
    )
