"""Packs the medians and bands of groups of seeds, each group as if it were one more model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from embstore.report.pack.encoding import columns, encode, lay_out
from embstore.report.pack.measurements import PARTS, Chunk, Packed
from embstore.report.pack.selection import Selection
from embstore.report.read.seeds import SeedGroup
from embstore.report.records import Contents, Row

if TYPE_CHECKING:
    from embstore.types import FloatArray

# The parts of a group's numbers: value, both ends of the band, and how many seeds have it.
_PARTS = (PARTS.index("value"), PARTS.index("low"), PARTS.index("high"), len(PARTS))
GROUP_PARTS = len(_PARTS)


def pack_seeds(
    groups: Sequence[SeedGroup], selections: Sequence[Selection], contents: Contents
) -> Packed:
    """Pack the numbers of every group: scope, state and moment, the models' own come before.

    Args:
        groups: as they were read.
        selections: the metrics of the page.
        contents: what it is about.
    """
    chunks: list[Chunk] = []
    content: list[bytes] = []
    metrics = {one.metric: place for place, one in enumerate(selections)}
    for order, group in enumerate(groups):
        shape = (len(_PARTS), len(contents.scopes), len(group.states), len(group.moments))
        of_metric: dict[int, FloatArray] = {}
        for number in group.numbers:
            dense = of_metric.setdefault(metrics[number.metric], np.full(shape, np.nan))
            at = contents.scopes.index(number.scope), number.state, number.moment
            ends = (number.low, number.high)
            dense[(0, *at)] = np.inf if number.value is None else number.value
            dense[(slice(1, 3), *at)] = [np.nan if end is None else end for end in ends]
            dense[(3, *at)] = number.n
        for metric, dense in sorted(of_metric.items()):
            every = selections[metric].every
            kept = dense if every else dense[..., list(group.newest)]
            for part, numbers in zip(_PARTS, kept, strict=True):
                codes, spacing, low, step = encode(numbers)
                model = len(contents.models) + order
                chunks.append(Chunk(metric, model, part, every, spacing, low, step))
                content.append(lay_out(codes))
    return Packed(tuple(chunks), b"".join(content))


def seed_facts(groups: Sequence[SeedGroup], contents: Contents) -> dict[str, list[Row]]:
    """Gather what the page's script needs of the groups besides their numbers.

    A group's moments are counted on from the page's runs, as its place is from the models.
    """
    corpora = {row["corpus_id"]: place for place, row in enumerate(contents.corpora)}
    described: list[Row] = []
    moments: list[Row] = []
    for group in groups:
        start = len(contents.runs) + len(moments)
        facts = [contents.models[place].facts for place in group.models]
        described.append(
            {
                "label": f"{group.name} · seeds",
                "name": group.name,
                "kind": facts[0]["kind"],
                # As in charts: the colour of the first that was measured.
                "age": min(int(str(fact["age"])) for fact in facts),
                "seeds": list(group.models),
                "states": columns([vars(state) for state in group.states]),
                "runs": [start + place for place in range(len(group.moments))],
                "newest": [start + place for place in sorted(group.newest)],
            }
        )
        moments += [
            {
                "corpus": corpora[moment.corpus_id],
                "step": moment.step,
                "revision": moment.revision,
                "seeds": list(moment.runs),
            }
            for moment in group.moments
        ]
    return {"groups": described, "moments": moments}
