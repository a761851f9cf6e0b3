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

    [sampling]
    tokens = 8192
    window = 512
    sample = 4096
    seed = 0
    windows = "documents"             # each text of the corpus alone; else "tokens"
    shuffle = "none"                  # or "tokens", "words", "tokens:64", as a control

    [[models]]
    model = "EleutherAI/pythia-70m"
    revisions = "every:10"            # or ["step0", "step*"]
    name = "small"
    random_init = false
    tokenizer = "EleutherAI/pythia-1b"

Only ``corpus`` and one model are required. Where a study runs, and what a machine's owner
allows (pickled weights, code of a model), is left to the command line.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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


def read_study(spec: str | Path) -> Study:
    """Read a study and check all that can be checked without its models and its text.

    Args:
        spec: path of a TOML file, or the name of a study that comes with embstore; an
            existing file goes first.

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
        request = _request(table, path)
    except UsageError as error:
        raise UsageError(f"study {path}: {error}") from error
    # Of what the file says, not of the paths it leads to here: the same everywhere.
    mark = StudyMark(table.name or path.stem, _sha256(content))
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


def _request(table: StudyTable, path: Path) -> Request:
    settings = build_settings(
        _sampling(table.sampling),
        dtype=table.dtype,
        tags=table.tags,
        scopes=table.scopes,
        metrics=table.metrics,
        pairs=table.pairs,
        intervals=table.intervals,
        head=table.head,
        attention=table.attention,
        text_field=table.text_field,
    )
    return build_request(_models(table.models, path), resolved(table.corpus, path), settings)


def _sampling(table: SamplingTable) -> Sampling:
    return Sampling(
        tokens=table.tokens,
        window=table.window,
        sample=table.sample,
        seed=table.seed,
        windows=check_windows(table.windows),
        shuffle=table.shuffle,
    )


def _models(tables: Sequence[ModelTable], path: Path) -> Iterator[ModelSpec]:
    """Give all models; none may be asked for twice."""
    places: dict[tuple[str, str | None, bool], int] = {}
    for i, table in enumerate(tables):
        try:
            model = _model(table, path)
        except UsageError as error:
            raise UsageError(f"models[{i}]: {error}") from error
        first = places.setdefault((model.model, model.revisions, model.random_init), i)
        if first != i:
            raise UsageError(f"models[{i}] is the same as models[{first}]; remove one of the two")
        yield model


def _model(table: ModelTable, path: Path) -> ModelSpec:
    place = resolved(table.model, path)
    if table.revisions and "@" in table.model and place == table.model:
        raise UsageError(f"{place} names a revision after @; leave out that or the revisions")
    (model,) = build_models(
        place,
        name=table.name,
        revisions=table.revisions,
        random_init=table.random_init,
        tokenizer=table.tokenizer and resolved(table.tokenizer, path),
    )
    return model
