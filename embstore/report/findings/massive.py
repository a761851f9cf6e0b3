"""Says which coordinates are massive in the last checkpoints, and where."""

from collections.abc import Sequence

from embstore.report.findings.sentences import (
    MOST_LINES,
    Finding,
    Spark,
    counted,
    joined,
    named,
    number,
    shortened,
)
from embstore.report.read.massive import LEAST_RATIO, LEAST_VALUE, STORED, Massive

_EXAMPLES = 3


def massive_activations(found: Sequence[Massive]) -> Finding | None:
    """Say which coordinates are massive, in which layers, and whether at first tokens."""
    if not found:
        return None
    models: dict[tuple[str, str, str], list[Massive]] = {}
    for one in found:
        models.setdefault((one.model, one.text, one.stack), []).append(one)
    texts: dict[str, set[str]] = {}
    stacks: dict[str, set[str]] = {}
    for model, text, stack in models:
        texts.setdefault(model, set()).add(text)
        stacks.setdefault(model, set()).add(stack)
    every = list(dict.fromkeys(model for model, _, _ in models))
    sentences = []
    for (model, text, stack), mine in list(models.items())[:_EXAMPLES]:
        who = shortened(model, every)
        who += f" over {shortened(text)}" if len(texts[model]) > 1 else ""
        who += f", {stack}" if len(stacks[model]) > 1 else ""
        sentences.append(_of_model(who, mine))
    more = [model for model, _, _ in list(models)[_EXAMPLES:]]
    if more:
        sentences.append(f"{named(more)} {'has' if len(set(more)) == 1 else 'have'} some too.")
    others = [model for model in every if model != found[0].model]
    also = f"; {named(others)} have some too" if len(others) > 1 else ""
    also = f"; {shortened(others[0], every)} has some too" if len(others) == 1 else also
    sentences.append(
        f"Massive means above {LEAST_VALUE} in absolute value and at least {LEAST_RATIO:,} times "
        f"the median of the layer; the store has the {STORED} largest of each layer."
    )
    top = found[0]
    runs = tuple(sorted({one.run for one in found}))
    return Finding(
        "Massive activations",
        f"{shortened(top.model, every)} has a massive activation {_layers(top.layers)}, at "
        f"coordinate {top.coordinate}: up to {number(top.ratio)} times the median of its layer"
        f"{also}.",
        runs,
        detail=" ".join(sentences),
        spark=Spark("massive_ratio", runs[:MOST_LINES]),
    )


def _of_model(who: str, found: Sequence[Massive]) -> str:
    top = found[0]
    where = f"at the first token of a window in {top.first:,} of {counted(top.n, 'case')}"
    if top.first in (0, top.n):
        where = f"{'always' if top.first else 'never'} at the first token of a window"
    text = (
        f"In {who}, coordinate {top.coordinate} is massive {_layers(top.layers)}: up to "
        f"{number(top.ratio)} times the median (layer {top.layer}), {where}"
    )
    others = found[1:]
    if len(others) == 1:
        text += f"; so is coordinate {others[0].coordinate} {_layers(others[0].layers)}"
    elif others:
        text += f"; so are coordinates {named([one.coordinate for one in others])} in some layer"
    return f"{text}."


def _layers(layers: Sequence[int]) -> str:
    """Write layers as ranges.

    >>> _layers([3, 4, 5, 9]), _layers([7]), _layers([1, 2])
    ('in layers 3 to 5 and 9', 'in layer 7', 'in layers 1 and 2')
    """
    runs: list[list[int]] = []
    for layer in layers:
        if runs and layer == runs[-1][-1] + 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    parts: list[str] = []
    for run in runs:
        parts += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run)
    return f"in layer{'' if len(layers) == 1 else 's'} {joined(parts)}"
