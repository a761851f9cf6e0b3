"""The frozen records of what a report is about."""

from dataclasses import dataclass
from functools import cached_property

from embstore.choices import SCOPES, TOKEN_SCOPES, Scope

Row = dict[str, object]


@dataclass(frozen=True)
class State:
    """One hidden state of a model, as its runs have it."""

    stack: str
    layer: int
    site: str
    depth: float


@dataclass(frozen=True)
class ModelFacts:
    """A model with its hidden states and its runs.

    Attributes:
        label: its name, with more where two models share one.
        facts: the model's row.
        states: its hidden states, in order.
        runs: the places of its runs among all, in order.
    """

    label: str
    facts: Row
    states: tuple[State, ...]
    runs: tuple[int, ...]


@dataclass(frozen=True)
class RunLabel:
    """How a run is called: its model's label and kind, and its text, apart from namesakes."""

    model: str
    kind: str
    text: str


@dataclass(frozen=True)
class Contents:
    """What a report is about, without the measurements.

    Attributes:
        models: with their hidden states and runs.
        runs: one row per run, the latest of each checkpoint and text.
        newest: which of them are the last checkpoint of a model over a text.
        corpora: the texts of these runs.
        metrics: what each number means.
        failures: checkpoints that could not be measured, and were not later.
        older_runs: runs that a later one of the same checkpoint and text replaces.
        models_asked: names of the only models it is to have, as the store has them; None
            for all.
        newest_revisions: of the last checkpoints, as the store has them.
    """

    models: tuple[ModelFacts, ...]
    runs: tuple[Row, ...]
    newest: tuple[int, ...]
    corpora: tuple[Row, ...]
    metrics: tuple[Row, ...]
    failures: tuple[Row, ...]
    older_runs: int
    models_asked: tuple[str, ...] | None
    newest_revisions: tuple[str, ...]

    @cached_property
    def run_ids(self) -> list[str]:
        """The ids of all runs, by place."""
        return [str(run["run_id"]) for run in self.runs]

    @cached_property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes that any run has; runs that do not say which have those of tokens."""
        said = [run["scopes"] for run in self.runs]
        had = {name for text in said if text for name in str(text).split(",")}
        if not had or None in said:
            had |= set(TOKEN_SCOPES)
        return tuple(scope for scope in SCOPES if scope in had)

    @cached_property
    def place_of(self) -> dict[str, int]:
        """The place of every run, by its id."""
        return {run_id: place for place, run_id in enumerate(self.run_ids)}

    @cached_property
    def labels(self) -> list[RunLabel]:
        """How every run is called, by place."""
        model_of = {place: model for model in self.models for place in model.runs}
        names = [row["name"] for row in self.corpora]
        labels = []
        for place, run in enumerate(self.runs):
            text = str(run["corpus"])
            if names.count(text) > 1:
                text += f" {str(run['corpus_id'])[:8]}"
            model = model_of[place]
            labels.append(RunLabel(model.label, str(model.facts["kind"]), text))
        return labels
