"""Reads the largest coordinates of the last checkpoints, and which of them are massive."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embstore.report.read.questions import ask
from embstore.report.records import Contents, Row

if TYPE_CHECKING:
    from embstore.store.database import Database

# As Sun et al. (2024, arXiv 2402.17762) have it: above this, and so many times the median.
LEAST_VALUE = 100
LEAST_RATIO = 1000
# The store has so many of each layer, and the page's table the largest of them.
STORED = 16
_IN_TABLE = 3


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


def read_largest(database: "Database", contents: Contents) -> list[dict[str, Any]]:
    """Read the largest coordinates of every layer of the last checkpoints, layer by layer.

    Each row of the question comes with the place of its run and of its hidden state.
    """
    if not contents.newest:
        return []
    rows = ask(
        database,
        "massive_activations",
        models=contents.models_asked,
        revisions=contents.newest_revisions,
        least_ratio=0,
        ranks=STORED,
        final_norm=True,
    )
    places = {contents.run_ids[place]: place for place in contents.newest}
    states = {
        place: {(state.stack, state.layer, state.site): i for i, state in enumerate(model.states)}
        for model in contents.models
        for place in model.runs
    }
    found = []
    for row in rows:
        place = places.get(row["run_id"])
        if place is not None:
            state = states[place][row["stack"], row["layer"], row["site"]]
            found.append({"run": place, "state": state, **row})
    return sorted(found, key=lambda row: (row["run"], row["state"], row["rank"]))


def largest_table(largest: Sequence[dict[str, Any]]) -> list[Row]:
    """Choose what the page's table shows: a few of each layer, rounded."""
    table: list[Row] = []
    for row in largest:
        if row["rank"] > _IN_TABLE:
            continue
        shown = {key: row[key] for key in ("run", "state", "rank", "coordinate")}
        for key in ("value", "ratio"):
            shown[key] = None if row[key] is None else float(f"{row[key]:.5g}")
        # In JSON's quotes and escapes, blanks and control characters are seen.
        token = row["token"]
        shown["token"] = None if token is None else json.dumps(token, ensure_ascii=False)
        table.append(shown | {key: row[key] for key in ("token_id", "window_index", "position")})
    return table


def find_massive(contents: Contents, largest: Sequence[dict[str, Any]]) -> tuple[Massive, ...]:
    """Find which coordinates are massive in the last checkpoints that were trained.

    The one that exceeds its median most comes first.
    """
    labels = contents.labels
    cases: dict[tuple[int, str, int], list[dict[str, Any]]] = {}
    for row in largest:
        if (
            row["site"] != "final_norm"
            and abs(row["value"]) > LEAST_VALUE
            and (row["ratio"] or 0) >= LEAST_RATIO
            and not contents.runs[row["run"]]["untrained"]
        ):
            key = (row["run"], row["stack"], row["coordinate"])
            cases.setdefault(key, []).append(row)
    found = []
    for (run, stack, coordinate), rows in cases.items():
        top = max(rows, key=lambda row: float(row["ratio"]))
        found.append(
            Massive(
                run=run,
                model=labels[run].model,
                text=labels[run].text,
                stack=stack,
                coordinate=coordinate,
                layers=tuple(sorted({row["layer"] for row in rows})),
                ratio=top["ratio"],
                layer=top["layer"],
                n=len(rows),
                first=sum(row["position"] == 0 for row in rows),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.ratio, one.run, one.stack, one.coordinate)))
