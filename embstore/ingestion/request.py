"""What a user asks an ingest for: the plain values of both faces and of studies, checked.

Every value is checked here, once. A message names it by a word that is right for the
command line's ``--tokens`` and for Python's ``tokens=``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from embstore.choices import DEFAULT_SCOPES, DTYPES, SCOPES, Sampling, Scope
from embstore.common.messages import unknown
from embstore.errors import UsageError
from embstore.ingestion.shard import Shard, parse_shard
from embstore.inputs.sampling import check_sampling, check_shuffle, whole_number
from embstore.metrics.selection import PRESETS, choose_metrics
from embstore.store.tags import check_group, check_tags
from embstore.types import StudyMark

if TYPE_CHECKING:
    from embstore.checkpoints.find import Candidate

# What revisions, devices and metrics may be, for messages.
_NAMES = "give names, patterns, every:N or all, with commas between"
_DEVICES = "give auto, cpu, cuda, cuda:1 or mps, or several with commas between"
_SHUFFLES = "give none, tokens or words, or blocks of them as tokens:64"
_CHOICES = "give names, families or presets, as embstore ls metrics has them"


@dataclass(frozen=True)
class ModelSpec:
    """A model to measure, at one or several of its checkpoints.

    Attributes:
        model: Hub id (``ID@REVISION``), model folder, folder of checkpoints, ``.gguf`` file,
            or ``package:`` path.
        name: what the store calls it; None for the id, or the name of folder or file.
        revisions: which checkpoints, as ``select_revisions`` takes it.
        random_init: measure the architecture with random weights instead, as a control.
        tokenizer: a model whose tokenizer is used; None for its own.
        group: of which models it is a seed; None if that is not said.
    """

    model: str
    name: str | None = None
    revisions: str | None = None
    random_init: bool = False
    tokenizer: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Settings:
    """How models are measured, apart from which and on what.

    Attributes:
        sampling: how much text is fed and kept.
        shuffles: several ways to shuffle the text, each a run of its own; empty for the one that
            ``sampling`` says.
        batch_size: windows per forward pass; None to fit a fixed amount of memory.
        devices: where models run, each as ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; as
            many checkpoints are measured at once.
        dtype: one of ``DTYPES``; ``auto`` is float32.
        tags: stored with the run, for the user's own filters.
        force: measure again even if the same work is stored.
        scopes: which sets of tokens, or vectors of windows, are measured, in the order of
            ``SCOPES``.
        metrics: which metrics, in the order of the catalogue, each once.
        intervals: whether numbers get errors.
        text_field: which field or column of the corpus holds its text.
        allow_pickle: load pickled weights, which can run code.
        allow_remote_code: run Python code that comes with a model.
        evict: delete what an ingest has downloaded once it is measured.
        study: what asks for all this.
        shard: which share of the checkpoints; None for all.
        ray: the address of the cluster that measures, or ``local``; None for this process.
    """

    sampling: Sampling = field(default_factory=Sampling)
    shuffles: tuple[str, ...] = ()
    batch_size: int | None = None
    devices: tuple[str, ...] = ("auto",)
    dtype: str = "auto"
    tags: Mapping[str, str] = field(default_factory=dict)
    force: bool = False
    scopes: tuple[Scope, ...] = DEFAULT_SCOPES
    metrics: tuple[str, ...] = PRESETS["default"]
    intervals: bool = True
    text_field: str | None = None
    allow_pickle: bool = False
    allow_remote_code: bool = False
    evict: bool = False
    study: StudyMark | None = None
    shard: Shard | None = None
    ray: str | None = None

    def of(self, candidate: "Candidate") -> "Settings":
        """Return these settings with the shuffling that is asked of one checkpoint."""
        if candidate.shuffle is None:
            return self
        return replace(self, sampling=replace(self.sampling, shuffle=candidate.shuffle))


@dataclass(frozen=True)
class Request:
    """All that an ingest is asked for, but where to store it.

    Attributes:
        models: which models, in this order.
        corpus: a text source, or a folder of images.
        settings: how to measure.
    """

    models: tuple[ModelSpec, ...]
    corpus: str
    settings: Settings = field(default_factory=Settings)


def build_request(
    models: Iterable[ModelSpec], corpus: str | Path | None, settings: Settings
) -> Request:
    """Put together what ``build_models`` and ``build_settings`` return.

    Raises:
        UsageError: there is no model, or no corpus.
    """
    several = tuple(models)
    if not several:
        raise UsageError("no model is given; name one or more, or a study")
    if corpus is None or not str(corpus).strip():
        raise UsageError("no corpus is given; name one, for example enwik8")
    return Request(several, str(corpus), settings)


def build_models(
    models: str | Path | Iterable[str | Path],
    *,
    name: str | None = None,
    revisions: str | Iterable[str] | None = None,
    random_init: bool = False,
    tokenizer: str | Path | None = None,
    group: str | None = None,
) -> tuple[ModelSpec, ...]:
    """Return which models are asked for.

    Args:
        models: one or several.
        name: what the store calls the model; for one alone.
        revisions: of each model, one text with commas between or several.
        random_init: measure untrained models instead.
        tokenizer: a model whose tokenizer all of them use.
        group: what they are together called, as seeds of one another.

    Raises:
        UsageError: a name for several, a revision that is empty, or no name for a group.
    """
    several = [models] if isinstance(models, str | Path) else list(models)
    if name is not None and len(several) > 1:
        raise UsageError(
            f"name is for one model, but {len(several)} are given; leave it out, or give one model"
        )
    if group is not None:
        check_group(group)
    spec = ModelSpec(
        model="",
        name=name,
        revisions=None if revisions is None else ",".join(_terms("revisions", revisions, _NAMES)),
        random_init=random_init,
        tokenizer=None if tokenizer is None else str(tokenizer),
        group=group,
    )
    return tuple(replace(spec, model=str(model)) for model in several)


def build_settings(
    sampling: Sampling,
    *,
    shuffles: str | Iterable[str] = (),
    dtype: str = "auto",
    tags: Mapping[str, str] | None = None,
    scopes: str | Iterable[str] = DEFAULT_SCOPES,
    metrics: str | Iterable[str] = "default",
    pairs: bool = True,
    intervals: bool = True,
    head: bool = False,
    attention: bool = False,
    text_field: str | None = None,
) -> Settings:
    """Return what decides the numbers of an ingest; a study may say all of it.

    Args:
        sampling: how much text is fed and kept.
        shuffles: what of the text is shuffled, each way a run of its own; none for what
            ``sampling`` says.
        dtype: one of ``DTYPES``.
        tags: stored with the run.
        scopes: which sets of tokens, or vectors of windows.
        metrics: which, by name, family or preset.
        pairs: whether those of a layer and the next may be among them.
        intervals: whether numbers get errors.
        head: whether the metrics of the family ``head`` are among them.
        attention: the same of the family ``attention``.
        text_field: which field or column of the corpus holds its text.

    Raises:
        UsageError: one of the values will not do; says which and why.
    """
    added = {"head": head, "attention": attention}
    for name, value in {"pairs": pairs, "intervals": intervals, **added}.items():
        if not isinstance(value, bool):
            raise UsageError(f"{name} is {value!r}; give true or false")
    if dtype not in DTYPES:
        raise UsageError(unknown("dtype", dtype, DTYPES))
    check_tags(tags or {})
    ways = choose_shuffles(shuffles) if shuffles != () else ()
    if len(ways) == 1:
        sampling, ways = replace(sampling, shuffle=ways[0]), ()
    return Settings(
        sampling=check_sampling(sampling),
        shuffles=ways,
        dtype=dtype,
        tags=dict(tags or {}),
        scopes=choose_scopes(scopes),
        metrics=choose_metrics(
            [*_terms("metrics", metrics, _CHOICES), *(name for name in added if added[name])],
            pairs=pairs,
        ),
        intervals=intervals,
        text_field=text_field,
    )


def on_this_machine(
    request: Request,
    *,
    batch_size: int | None,
    device: str | Iterable[str],
    allow_pickle: bool,
    allow_remote_code: bool,
    evict: bool,
    force: bool,
    shard: str | None,
    ray: str | None,
) -> Request:
    """Add what only who runs an ingest can say, also where a study says the rest.

    Args:
        request: what a study, or a face, has said.
        batch_size: windows per forward pass; None to fit a fixed amount of memory.
        device: one or several, or one text with commas between them.
        allow_pickle: load pickled weights.
        allow_remote_code: run Python code that comes with a model.
        evict: delete what was downloaded once it is measured.
        force: measure again even if the same work is stored.
        shard: ``I/N`` for a share of the checkpoints; None for all.
        ray: the address of a Ray cluster, or ``local``; None for this process.

    Raises:
        UsageError: the batch size is below 1, there is no device, no such share, or the address
            is empty.
    """
    if ray is not None and not ray.strip():
        raise UsageError("ray's address is empty; give local, auto or HOST:PORT")
    if batch_size is not None:
        batch_size = whole_number("batch size", batch_size, least=1)
    settings = replace(
        request.settings,
        batch_size=batch_size,
        devices=tuple(_terms("device", device, _DEVICES)),
        allow_pickle=allow_pickle,
        allow_remote_code=allow_remote_code,
        evict=evict,
        force=force,
        shard=None if shard is None else parse_shard(shard),
        ray=ray,
    )
    return replace(request, settings=settings)


def choose_scopes(names: str | Iterable[str]) -> tuple[Scope, ...]:
    """Return scopes in the order of ``SCOPES``, each once.

    Args:
        names: several, or one text with commas between them.

    Raises:
        UsageError: an unknown scope, or none.

    >>> choose_scopes("no_sinks,all")
    ('all', 'no_sinks')
    """
    advice = f"choose from {', '.join(SCOPES)}"
    asked = _terms("scopes", names, advice)
    for name in asked:
        if name not in SCOPES:
            raise UsageError(unknown("scope", name, SCOPES))
    return tuple(scope for scope in SCOPES if scope in asked)


def choose_shuffles(shuffles: str | Iterable[str]) -> tuple[str, ...]:
    """Return what is shuffled, each way as it is stored and once, in the order given.

    Args:
        shuffles: several, or one text with commas between them.

    Raises:
        UsageError: one is no way to shuffle, or there is none.

    >>> choose_shuffles("none,tokens:1,tokens,words:8")
    ('none', 'tokens', 'words:8')
    """
    asked = _terms("shuffle", shuffles, _SHUFFLES)
    return tuple(dict.fromkeys(check_shuffle(way) for way in asked))


def _terms(what: str, given: str | Iterable[str], advice: str) -> list[str]:
    """Split at commas; an empty term may be a script's unset variable, and is refused."""
    several = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    if not all(isinstance(text, str) for text in several):
        raise UsageError(f"{what} is {given!r}; {advice}")
    terms = [term.strip() for text in several for term in text.split(",")]
    if not any(terms):
        raise UsageError(f"{what} is empty; {advice}")
    if not all(terms):
        raise UsageError(f"{what} has an empty name in {','.join(terms)!r}; {advice}")
    return terms
