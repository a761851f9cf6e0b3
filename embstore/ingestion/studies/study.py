"""Studies: a TOML file that says what to measure, so that an experiment is one file.

::

    name = "scaling"
    title = "Two sizes of one model"
    description = "Longer than the title, if need be."
    corpus = "texts/wiki.txt"         # beside this file, or as --corpus takes it
    text_field = "text"               # of a corpus of records
    dtype = "float32"
    scopes = ["all", "no_sinks"]
    pairs = true
    head = false                      # whether to measure what the head predicts
    attention = false                 # whether to measure where attention goes
    tags = { lab = "a" }
    group = "pythia-70m"              # all models are seeds of one another

    [sampling]
    tokens = 8192
    window = 512
    sample = 4096
    seed = 0
    windows = "documents"             # each text of the corpus alone; else "tokens"
    shuffle = ["none", "words"]       # or "tokens", "tokens:64": controls, each a run of its own

    [[models]]
    model = "EleutherAI/pythia-70m"
    revisions = "every:10"            # or ["step0", "step*"]
    name = "small"
    random_init = false
    tokenizer = "EleutherAI/pythia-1b"
    group = "pythia-70m"              # or only this and others that say so

Only ``corpus`` and one model are required. Where a study runs, and what a machine's owner
allows (pickled weights, code of a model), is left to the command line.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from embstore.choices import Sampling
from embstore.errors import UsageError
from embstore.ingestion.request import (
    ModelSpec,
    Request,
    build_models,
    build_request,
    build_settings,
)
from embstore.ingestion.studies.files import resolved, study_path, study_text
from embstore.ingestion.studies.schema import ModelTable, SamplingTable, StudyTable
from embstore.ingestion.studies.strict_toml import check_types, parse_toml
from embstore.inputs.sampling import check_windows
from embstore.types import StudyMark


@dataclass(frozen=True)
class Study:
    """An experiment: what it is called, and what it asks for.

    Attributes:
        name: a word for it; by default the file's name without its suffix.
        title: one line; may be empty.
        description: a text of any length; may be empty.
        sha256: of the content, the same for any layout, comments and place of the file.
        request: models in the order of the file, corpus and settings; its paths are absolute.
    """

    name: str
    title: str
    description: str
    sha256: str
    request: Request


@dataclass(frozen=True)
class Instead:
    """What is measured in the place of what a study names, in the same way.

    Attributes:
        models: the models; None for those of the study.
        corpus: the text; None for that of the study.
        text_field: which field of that text holds it; None for ``text``.
        tokens: how many are fed to each model; None for as many as the study says.
        window: tokens per sequence, for a model that takes fewer; None for those of the study.
        dtype: of the forward pass, for a machine that is slow with the study's; None for that.
    """

    models: tuple[ModelSpec, ...] | None = None
    corpus: str | Path | None = None
    text_field: str | None = None
    tokens: int | None = None
    window: int | None = None
    dtype: str | None = None

    def changed(self, content: Mapping[str, object]) -> dict[str, object]:
        """Return what a study that says this would hold, for its fingerprint."""
        changed = dict(content)
        if self.models is not None:
            changed["models"] = [
                {key: value for key, value in asdict(model).items() if value}
                for model in self.models
            ]
        if self.corpus is not None:
            changed.pop("text_field", None)
            changed |= {"corpus": str(self.corpus)}
            changed |= {"text_field": self.text_field} if self.text_field else {}
        if self.dtype is not None:
            changed["dtype"] = self.dtype
        fed = {"tokens": self.tokens, "window": self.window}
        if said := {key: number for key, number in fed.items() if number is not None}:
            changed["sampling"] = {**content.get("sampling", {}), **said}  # type: ignore[dict-item]
        return changed


def read_study(spec: str | Path, instead: Instead = Instead()) -> Study:
    """Read a study and check all that can be checked without its models and its text.

    Args:
        spec: path of a TOML file, or the name of a study that comes with embstore; an
            existing file goes first.
        instead: what takes the place of the study's models or text.

    Raises:
        UsageError: no such study, or something in it does not hold; the message names
            the file and the key, with models counted from 0.

    >>> request = read_study("tiny").request
    >>> request.settings.sampling.tokens, [model.name for model in request.models]
    (4096, ['SmolLM2-135M-Instruct', 'all-MiniLM-L6-v2'])
    """
    path = study_path(spec)
    content = parse_toml(study_text(path), path)
    table = check_types(content, path)
    try:
        request = _request(table, path, instead)
    except UsageError as error:
        raise UsageError(f"study {path}: {error}") from error
    # Of what the file says, not of the paths it leads to here: the same everywhere.
    mark = StudyMark(table.name or path.stem, _sha256(instead.changed(content)))
    return Study(
        name=mark.name,
        title=table.title or "",
        description=table.description.strip(),
        sha256=mark.sha256,
        request=replace(request, settings=replace(request.settings, study=mark)),
    )


def _sha256(content: Mapping[str, object]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _request(table: StudyTable, path: Path, instead: Instead) -> Request:
    own_text = instead.corpus is None
    settings = build_settings(
        _sampling(table.sampling, instead),
        shuffles=table.sampling.shuffle,
        dtype=table.dtype if instead.dtype is None else instead.dtype,
        tags=table.tags,
        scopes=table.scopes,
        metrics=table.metrics,
        pairs=table.pairs,
        intervals=table.intervals,
        head=table.head,
        attention=table.attention,
        text_field=table.text_field if own_text else instead.text_field,
    )
    # Also where others take their place: a study that is wrong is told of.
    own_models = tuple(_models(table.models, path, group=table.group))
    corpus = resolved(table.corpus, path) if instead.corpus is None else instead.corpus
    return build_request(own_models if instead.models is None else instead.models, corpus, settings)


def _sampling(table: SamplingTable, instead: Instead) -> Sampling:
    return Sampling(
        tokens=table.tokens if instead.tokens is None else instead.tokens,
        window=table.window if instead.window is None else instead.window,
        sample=table.sample,
        seed=table.seed,
        windows=check_windows(table.windows),
    )


def _models(tables: Sequence[ModelTable], path: Path, *, group: str | None) -> Iterator[ModelSpec]:
    """Give all models, of the study's group unless they have their own; none may be there twice."""
    places: dict[tuple[str, str | None, bool], int] = {}
    for i, table in enumerate(tables):
        try:
            model = _model(table, path, table.group if table.group is not None else group)
        except UsageError as error:
            raise UsageError(f"models[{i}]: {error}") from error
        first = places.setdefault((model.model, model.revisions, model.random_init), i)
        if first != i:
            raise UsageError(f"models[{i}] is the same as models[{first}]; remove one of the two")
        yield model


def _model(table: ModelTable, path: Path, group: str | None) -> ModelSpec:
    place = resolved(table.model, path)
    if table.revisions and "@" in table.model and place == table.model:
        raise UsageError(f"{place} names a revision after @; leave out that or the revisions")
    (model,) = build_models(
        place,
        name=table.name,
        revisions=table.revisions,
        random_init=table.random_init,
        tokenizer=table.tokenizer and resolved(table.tokenizer, path),
        group=group,
    )
    return model
