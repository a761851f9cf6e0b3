"""Reads the massive activations of the last checkpoints, and says where there are some."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embstore.report.contents import Contents, Row, untrained
from embstore.report.findings.sentences import Finding, counted, listed, number, shortened
from embstore.report.read.series import text_names
from embstore.report.read.store import readable

if TYPE_CHECKING:
    from embstore.store.connection import Database

# As Sun et al. (2024, arXiv 2402.17762) have it: above this, and so many times the median.
_LEAST_VALUE = 100
_LEAST_RATIO = 1000
# Of each layer; the store has sixteen.
_SHOWN = 3
_EXAMPLES = 3

# The median comes with the metric that compares it with the layer's largest coordinate.
_SIZED = """
WITH sized AS (
    SELECT
        chosen.place,
        massive.*,
        abs(massive.value) * ratio.value / max(abs(massive.value)) OVER (
            PARTITION BY massive.run_id, massive.stack, massive.layer, massive.site
        ) AS ratio
    FROM massive_activation AS massive
    JOIN (
        SELECT unnest($runs::VARCHAR[]) AS run_id, unnest($places::INTEGER[]) AS place
    ) AS chosen USING (run_id)
    LEFT JOIN measurement AS ratio
        ON ratio.run_id = massive.run_id AND ratio.stack = massive.stack
        AND ratio.layer = massive.layer AND ratio.site = massive.site
        AND ratio.metric = 'massive_ratio' AND ratio.scope = 'all'
)
"""

_ROWS = (
    _SIZED
    + """
SELECT
    place, stack, layer, site, rank, coordinate, value, ratio, token, token_id,
    window_index, position
FROM sized
WHERE rank <= $shown
ORDER BY place, stack DESC, layer, site, rank
"""
)

_FOUND = (
    _SIZED
    + """
SELECT
    place,
    stack,
    coordinate,
    list(DISTINCT layer ORDER BY layer) AS layers,
    max(ratio) AS ratio,
    arg_max(layer, ratio) AS layer,
    count(*) AS n,
    count(*) FILTER (WHERE position = 0) AS first
FROM sized
WHERE site <> 'final_norm' AND abs(value) > $value AND ratio >= $ratio
GROUP BY place, stack, coordinate
ORDER BY ratio DESC, place, stack, coordinate
"""
)


@dataclass(frozen=True)
class Massive:
    """One coordinate that is massive somewhere in a model's last checkpoint.

    Attributes:
        run: place of the run.
        model: its label.
        text: of the run.
        stack: of the layers.
        coordinate: which, from 0.
        layers: in which it is massive.
        ratio: how many times the layer's median it is, at most.
        layer: where that is.
        n: how often it is massive among the largest of each layer.
        first: how many of these are the first token of a window.
    """

    run: int
    model: str
    text: str
    stack: str
    coordinate: int
    layers: tuple[int, ...]
    ratio: float
    layer: int
    n: int
    first: int


def read_largest(database: "Database", contents: Contents) -> list[Row]:
    """Read the largest coordinates of every layer of the last checkpoints, for the table."""
    rows = _ask(database, contents, contents.newest, _ROWS, {"shown": _SHOWN})
    states = {
        place: {(state.stack, state.layer, state.site): i for i, state in enumerate(model.states)}
        for model in contents.models
        for place in model.runs
    }
    largest: list[Row] = []
    for row in rows:
        place = row.pop("place")
        state = (row.pop("stack"), row.pop("layer"), row.pop("site"))
        if state not in states[place]:
            continue
        for key in ("value", "ratio"):
            row[key] = None if row[key] is None else float(f"{row[key]:.5g}")
        if row["token"] is not None:
            # Quotes show blanks, and control characters are told as JSON tells them.
            row["token"] = json.dumps(row["token"], ensure_ascii=False)
        largest.append({"run": place, "state": states[place][state], **row})
    return readable(largest)


def read_massive(database: "Database", contents: Contents) -> tuple[Massive, ...]:
    """Read which coordinates are massive in the last checkpoints that were trained."""
    trained = [place for place in contents.newest if not untrained(contents.runs[place])]
    limits = {"value": _LEAST_VALUE, "ratio": _LEAST_RATIO}
    labels = {place: model.label for model in contents.models for place in model.runs}
    texts = text_names(contents)
    return tuple(
        Massive(
            run=row["place"],
            model=labels[row["place"]],
            text=texts[row["place"]],
            stack=row["stack"],
            coordinate=row["coordinate"],
            layers=tuple(row["layers"]),
            ratio=row["ratio"],
            layer=row["layer"],
            n=row["n"],
            first=row["first"],
        )
        for row in _ask(database, contents, trained, _FOUND, limits)
    )


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
    sentences = []
    for (model, text, stack), mine in list(models.items())[:_EXAMPLES]:
        who = shortened(model)
        who += f" over {shortened(text)}" if len(texts[model]) > 1 else ""
        who += f", {stack}" if len(stacks[model]) > 1 else ""
        sentences.append(_of_model(who, mine))
    more = [model for model, _, _ in list(models)[_EXAMPLES:]]
    if more:
        sentences.append(f"{listed(more)} {'has' if len(set(more)) == 1 else 'have'} some too.")
    sentences.append(
        f"Massive means above {_LEAST_VALUE} in absolute value and at least {_LEAST_RATIO:,} times "
        "the median of the layer; the store has the 16 largest of each layer."
    )
    return Finding(
        "Massive activations", " ".join(sentences), tuple(sorted({one.run for one in found}))
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
        text += f"; so are coordinates {listed([one.coordinate for one in others])} in some layer"
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
    text = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    return f"in layer{'' if len(layers) == 1 else 's'} {text}"


def _ask(
    database: "Database",
    contents: Contents,
    places: Sequence[int],
    question: str,
    limits: dict[str, int],
) -> list[dict[str, Any]]:
    if not places:
        return []
    ids = contents.run_ids
    asked = {"runs": [ids[place] for place in places], "places": list(places), **limits}
    rows: list[dict[str, Any]] = database.select(question, asked).to_pylist()
    return rows
