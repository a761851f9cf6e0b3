"""Reads what a page draws of groups of seeds, as the question ``layer_profile`` gives it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from embstore.report.read.questions import ask
from embstore.report.read.readable import readable
from embstore.report.records import Contents, State

if TYPE_CHECKING:
    from embstore.store.database import Database

_MEMBERS = "SELECT seed_group, model_id FROM model_group ORDER BY seed_group, model_id"

# Text, step and revision.
_Key = tuple[str, int | None, str]


@dataclass(frozen=True)
class Moment:
    """A checkpoint of a group: its seeds that were measured alike at a step, or revision.

    Attributes:
        corpus_id: of the text.
        step: of training, or None.
        revision: what it is called; one of the names where seeds call it differently.
        runs: the places of the seeds' runs.
    """

    corpus_id: str
    step: int | None
    revision: str
    runs: tuple[int, ...]


@dataclass(frozen=True)
class SeedNumber:
    """One number of a group: the median over its seeds, and both ends of their band.

    Attributes:
        metric: its name.
        moment: place of the moment among the group's.
        state: place of the hidden state among the group's.
        scope: which tokens count.
        value: the median; None where no seed has a value.
        low: the least seed; None where fewer than two have a value.
        high: the greatest.
        n: how many seeds have a value.
    """

    metric: str
    moment: int
    state: int
    scope: str
    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class SeedGroup:
    """Models that are seeds of one another, with all that a page draws of them together.

    Attributes:
        name: of the group.
        models: the places of its models among those of the page.
        states: their hidden states, in order.
        moments: text by text, in the order of training.
        newest: of each text the place of the last moment that most seeds have.
        numbers: of the metrics that the page has, at every moment.
    """

    name: str
    models: tuple[int, ...]
    states: tuple[State, ...]
    moments: tuple[Moment, ...]
    newest: tuple[int, ...]
    numbers: tuple[SeedNumber, ...]


@dataclass
class _Found:
    """What was read of a group so far."""

    rows: list[tuple[_Key, dict[str, Any]]] = field(default_factory=list)
    runs: dict[_Key, set[int]] = field(default_factory=dict)


def read_members(database: "Database", contents: Contents) -> dict[str, tuple[int, ...]]:
    """Return of every group the places of its models on the page, where these are several."""
    place_of = {model.facts["model_id"]: place for place, model in enumerate(contents.models)}
    members: dict[str, list[int]] = {}
    for row in database.select(_MEMBERS).to_pylist():
        if row["model_id"] in place_of:
            members.setdefault(row["seed_group"], []).append(place_of[row["model_id"]])
    return {name: tuple(sorted(places)) for name, places in members.items() if len(places) > 1}


def cells_at_most(contents: Contents, places: Sequence[int]) -> tuple[int, int]:
    """Return how many cells of one metric a group may have: at all moments, at the newest.

    Args:
        contents: what the page is about.
        places: those of the group's models.
    """
    models: Counter[tuple[object, object]] = Counter()
    for place in places:
        runs = [contents.runs[run] for run in contents.models[place].runs]
        steps = [run["revision"] if run["step"] is None else run["step"] for run in runs]
        models.update(set(zip([run["corpus_id"] for run in runs], steps, strict=True)))
    shared = [moment for moment, n in models.items() if n > 1]
    states = max(len(contents.models[place].states) for place in places)
    size = states * len(contents.scopes)
    return size * len(shared), size * len({corpus for corpus, _ in shared})


def read_seed_groups(
    database: "Database", contents: Contents, metrics: Sequence[str]
) -> tuple[SeedGroup, ...]:
    """Read the medians and bands of every group of seeds.

    Args:
        database: the store.
        contents: what the page is about.
        metrics: those that it has.
    """
    found: dict[str, _Found] = {}
    for metric in metrics:
        rows = ask(
            database,
            "layer_profile",
            metric=metric,
            models=contents.models_asked,
            scopes=contents.scopes,
            controls=False,
            final_norm=True,
        )
        for row in readable([row for row in rows if row["n_seeds"] is not None]):
            places = [contents.place_of[run_id] for run_id in row["run_ids"]]
            corpus = str(contents.runs[places[0]]["corpus_id"])
            key = (corpus, row["step"], row["revision"])
            group = found.setdefault(row["model"], _Found())
            group.rows.append((key, row))
            group.runs.setdefault(key, set()).update(places)
    return tuple(_group(name, contents, group) for name, group in sorted(found.items()))


def _group(name: str, contents: Contents, found: _Found) -> SeedGroup:
    keys = sorted(found.runs, key=lambda key: (key[0], key[1] is None, key[1] or 0, key[2]))
    runs = set().union(*found.runs.values())
    models = [place for place, model in enumerate(contents.models) if runs & set(model.runs)]
    states = list(
        {
            (state.stack, state.layer, state.site): state
            for place in reversed(models)
            for state in contents.models[place].states
        }.values()
    )
    place_of = {(state.stack, state.layer, state.site): i for i, state in enumerate(states)}
    numbers = [
        SeedNumber(
            metric=row["metric"],
            moment=keys.index(key),
            state=place_of[row["stack"], row["layer"], row["site"]],
            scope=row["scope"],
            value=row["value"],
            low=row["seed_low"],
            high=row["seed_high"],
            n=row["n_seeds"],
        )
        for key, row in found.rows
    ]
    return SeedGroup(
        name=name,
        models=tuple(models),
        states=tuple(states),
        moments=tuple(Moment(*key, tuple(sorted(found.runs[key]))) for key in keys),
        newest=_newest([(key[0], len(found.runs[key])) for key in keys]),
        numbers=tuple(numbers),
    )


def _newest(moments: Sequence[tuple[str, int]]) -> tuple[int, ...]:
    """Return for each text the last of the moments that most seeds have."""
    last: dict[str, int] = {}
    for place, (corpus, n) in enumerate(moments):
        if corpus not in last or n >= moments[last[corpus]][1]:
            last[corpus] = place
    return tuple(last.values())
