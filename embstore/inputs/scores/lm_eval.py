"""Results of EleutherAI's lm-evaluation-harness: its ``results_*.json``, of version 0.3 and 0.4."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from embstore.checkpoints.revisions import parse_revision
from embstore.common.messages import listed
from embstore.errors import ScoreError
from embstore.inputs.scores import values
from embstore.types import Score

# What the harness calls a model's name among its arguments, in the order in which it looks; of
# an adapter its own, and not that of the model it was trained on.
_ADAPTERS = ("peft", "delta")
_MODELS = ("pretrained", "model", "path", "engine")
# A folder or a file in the model's place, which has the weights.
_PARTS = ("subfolder", "gguf_file")
# The revision of a repository where none is asked for.
_MAIN = "main"
# Folders of a training's checkpoints, whose model is the folder around them.
_OF_TRAINING = re.compile(r"(global_?step|step|checkpoint|ckpt|iter)[-_]?\d+", re.IGNORECASE)
_IN_NAME = re.compile(r"results_(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)")
_STDERR = "_stderr"


@dataclass(frozen=True)
class Results:
    """What a file of results says.

    Attributes:
        scores: each with where it stands.
        notes: what to know of them.
    """

    scores: tuple[tuple[str, Score], ...]
    notes: tuple[str, ...]


def is_results(content: object) -> bool:
    """Tell whether JSON is what the harness writes: an object with results by task."""
    return isinstance(content, Mapping) and isinstance(content.get("results"), Mapping)


def read_results(content: Mapping[str, object], path: Path) -> Results:
    """Return the scores of a file of results, a score for each task and metric.

    A score is called ``TASK/METRIC``; a filter other than ``none`` follows after a comma, as the
    harness writes it, and the number of examples shown, unless it is 0, as in ``@5-shot``: scores
    of different prompts are different scores.

    Args:
        content: what the file holds.
        path: where it lies; its name may say when it was made.

    Raises:
        ScoreError: it names no model, or is not as the harness writes it.
    """
    model, revision = _whose(content)
    tasks = cast("Mapping[str, object]", content["results"])
    shots = content.get("n-shot")
    scored_at = values.moment(content.get("date")) or _from_name(path.name)
    # Version 0.3 has no filters, and no other numbers between its metrics.
    has_filters = any(
        "," in key for metrics in tasks.values() if isinstance(metrics, Mapping) for key in metrics
    )
    scores, undefined = [], []
    for task, metrics in tasks.items():
        if not isinstance(metrics, Mapping):
            raise ScoreError(f"results of {task!r} are no object of metrics")
        shown = shots.get(task) if isinstance(shots, Mapping) else None
        for metric, filter_, value, error in _numbers(metrics, has_filters=has_filters):
            name = _name(task, metric, filter_, shown)
            try:
                score = Score(
                    model=model,
                    revision=revision,
                    name=values.text(name, "name"),
                    value=values.number(value, f"value of {name}"),
                    std_error=_error(error),
                    scored_at=scored_at,
                    source=path.name,
                )
            except ScoreError:
                undefined.append(name)
                continue
            scores.append((f"{path.name}, {task}", score))
    if not scores:
        what = f": {listed(undefined)} have no finite value" if undefined else ""
        raise ScoreError(f"no scores in it{what}")
    return Results(tuple(scores), tuple(_notes(content, undefined)))


def _numbers(
    metrics: Mapping[str, object], *, has_filters: bool
) -> Iterator[tuple[str, str, object, object]]:
    """Yield metric, filter, value and error of a task's entries that are scores."""
    for key, value in metrics.items():
        metric, comma, filter_ = key.partition(",")
        of_numbers = isinstance(value, int | float) and not isinstance(value, bool)
        if not metric.strip() or metric.endswith(_STDERR) or not of_numbers:
            continue
        if has_filters and not comma:
            # How many samples there were, and the like.
            continue
        yield metric, filter_, value, metrics.get(f"{metric}{_STDERR}{comma}{filter_}")


def _name(task: str, metric: str, filter_: str, shown: object) -> str:
    name = f"{task}/{metric}"
    if filter_ not in {"", "none"}:
        name += f",{filter_}"
    return f"{name}@{shown}-shot" if isinstance(shown, int) and shown > 0 else name


def _error(value: object) -> float | None:
    """Return a standard error; the harness writes N/A where it has none."""
    try:
        found = values.optional_number(value, "stderr")
    except ScoreError:
        return None
    return found if found is not None and found >= 0 else None


def _notes(content: Mapping[str, object], undefined: list[str]) -> Iterator[str]:
    config = content.get("config")
    limit = config.get("limit") if isinstance(config, Mapping) else None
    if limit is not None:
        yield f"its scores are of a part of each task (--limit {limit}), under the task's own name"
    if undefined:
        n = len(undefined)
        yield (
            f"{n:,} {'value is' if n == 1 else 'values are'} no finite number and left out: "
            f"{listed(undefined)}"
        )


def _whose(content: Mapping[str, object]) -> tuple[str, str | None]:
    """Return model and revision, as a store calls them."""
    config = content.get("config")
    config = config if isinstance(config, Mapping) else {}
    arguments = _arguments(config.get("model_args"))
    adapter = next((arguments[key] for key in _ADAPTERS if arguments.get(key)), None)
    given = content.get("model_name")
    asked = next((arguments[key] for key in _MODELS if arguments.get(key)), None)
    part = next((arguments[key] for key in _PARTS if arguments.get(key)), None)
    said = adapter or (given if isinstance(given, str) and given.strip() else asked)
    if said is None:
        raise ScoreError("it names no model: neither model_name nor pretrained in model_args")
    name = values.text(said, "model")
    model, revision = named(name)
    if adapter is not None:
        # The revision is that of the base model.
        return model, revision
    asked_for = values.optional_text(arguments.get("revision"), "revision")
    if part is not None:
        # Other weights than those that the name alone means.
        place = values.text(part, "model").strip("/")
        if place.endswith(".gguf"):
            return named(f"./{place}")
        if not _OF_TRAINING.fullmatch(place):
            return f"{model}/{place}", asked_for
        revision = place
    if revision is None:
        return model, asked_for or (_MAIN if _is_repository(name) else None)
    # A branch or a commit says where a training's folder lies; which of them it is, its name.
    step = None if asked_for is None else parse_revision(asked_for).step
    if step is not None and step != parse_revision(revision).step:
        raise ScoreError(
            f"its model_args name {revision} and revision {asked_for}, which are two steps; "
            "correct one of the two, or leave the revision out"
        )
    return model, revision


def named(name: str) -> tuple[str, str | None]:
    """Return what an ingest calls a model, and which of its checkpoints a name is.

    >>> named("EleutherAI/pythia-70m"), named("/runs/my-model/checkpoint-100")
    (('EleutherAI/pythia-70m', None), ('my-model', 'checkpoint-100'))
    >>> named("../models/llama/")
    ('llama', None)
    """
    if _is_repository(name):
        return name, None
    parts = [part for part in re.split(r"[/\\]+", name) if part not in {"", ".", ".."}]
    if len(parts) > 1 and _OF_TRAINING.fullmatch(parts[-1]):
        return parts[-2], parts[-1]
    last = parts[-1] if parts else name
    return last.removesuffix(".gguf"), None


def _is_repository(name: str) -> bool:
    """Tell a repository's name from a path: ``gpt2`` or ``organisation/model``."""
    owner, slash, model = name.partition("/")
    if not re.fullmatch(r"[\w.-]+", owner) or owner in {".", "..", "~"} or name.endswith(".gguf"):
        return False
    return not slash or (
        re.fullmatch(r"[\w.-]+", model) is not None and not _OF_TRAINING.fullmatch(model)
    )


def _arguments(given: object) -> Mapping[str, object]:
    """Read the arguments of a model: ``a=b,c=d``, or an object in later versions."""
    if isinstance(given, Mapping):
        return given
    if not isinstance(given, str):
        return {}
    pairs = (pair.partition("=") for pair in given.split(","))
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def _from_name(name: str) -> datetime | None:
    found = _IN_NAME.match(name)
    return values.moment("{}T{}:{}:{}Z".format(*found.groups())) if found else None
