"""What a user asks an ingest for: which models, and how they are measured."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from embstore.checkpoints.located import Permissions
from embstore.errors import UsageError
from embstore.ingestion.study import Study
from embstore.types import SCOPES, Sampling, Scope, StudyMark


@dataclass(frozen=True)
class Request:
    """A model to measure, at one or several of its checkpoints.

    Attributes:
        spec: Hub id (``ID@REVISION``), model folder, folder of checkpoints, ``.gguf`` file,
            or ``package:`` path.
        name: what the store calls it; None for the id, or the name of folder or file.
        revisions: which checkpoints, as ``select_revisions`` takes it.
        random_init: measure the architecture with drawn weights instead, as a control.
        tokenizer: a model whose tokenizer is used; None for its own.
    """

    spec: str
    name: str | None = None
    revisions: str | None = None
    random_init: bool = False
    tokenizer: str | None = None


@dataclass(frozen=True)
class Settings:
    """How models are measured, apart from which and on what.

    Attributes:
        sampling: how much text is fed and kept.
        batch_size: windows per forward pass; None to fit a fixed amount of memory.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``auto`` (float32), ``float32``, ``bfloat16``, ``float16``.
        tags: stored with the run, for the user's own filters.
        force: measure again even if the same work is stored.
        scopes: which sets of tokens are measured, in the order of ``SCOPES``.
        pairs: whether each layer is compared with the next.
        text_field: which field or column of the corpus holds its text.
        permissions: what of a model's files may run code.
        evict: delete what an ingest has downloaded once it is measured.
        study: what asks for all this.
    """

    sampling: Sampling = field(default_factory=Sampling)
    batch_size: int | None = None
    device: str = "auto"
    dtype: str = "auto"
    tags: Mapping[str, str] = field(default_factory=dict)
    force: bool = False
    scopes: tuple[Scope, ...] = SCOPES
    pairs: bool = True
    text_field: str | None = None
    permissions: Permissions = field(default_factory=Permissions)
    evict: bool = False
    study: StudyMark | None = None


def settings_of(study: Study) -> tuple[list[Request], Settings]:
    """Return the models of a study, and how it wants them measured."""
    requests = [
        Request(model.model, model.name, model.revisions, model.random_init, model.tokenizer)
        for model in study.models
    ]
    return requests, Settings(
        sampling=study.sampling,
        dtype=study.dtype,
        tags=study.tags,
        scopes=study.scopes,
        pairs=study.pairs,
        text_field=study.text_field,
        study=StudyMark(study.name, study.sha256),
    )


def choose_scopes(names: str | Iterable[str]) -> tuple[Scope, ...]:
    """Return scopes in the order of ``SCOPES``, each once.

    Args:
        names: several, or one text with commas between them.

    Raises:
        UsageError: an unknown scope, or none.

    >>> choose_scopes("no_sinks,all")
    ('all', 'no_sinks')
    """
    several = names.split(",") if isinstance(names, str) else names
    asked = [name.strip() for name in several]
    known = ", ".join(SCOPES)
    for name in asked:
        if name not in SCOPES:
            raise UsageError(f"scope {name!r} is unknown; choose from {known}")
    if not asked:
        raise UsageError(f"no scope is given; choose from {known}")
    return tuple(scope for scope in SCOPES if scope in asked)
