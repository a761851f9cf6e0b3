"""Decides what measuring a model means, and what is stored already; no weights are loaded.

Everything that can be wrong with the input is found here. ``ingest`` carries the plans
out, a dry run shows them.
"""

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from embstore import ids
from embstore.corpus import CorpusText, open_corpus
from embstore.errors import ModelError, UsageError
from embstore.locate import Located, locate
from embstore.metrics.registry import metric_infos
from embstore.models import choose_device, choose_dtype, tokenizer_sha256
from embstore.outline import Outline, outline
from embstore.scopes import SINK_THRESHOLD
from embstore.store.connection import Database, open_database
from embstore.store.writing import repeats
from embstore.tokens import Windows, draw_windows, sample_positions
from embstore.types import SCOPES, Configuration, Corpus, MetricInfo, Sampling, Scope

DEFAULT_WINDOW = 512


@dataclass(frozen=True)
class Request:
    """A model to measure.

    Attributes:
        spec: Hub id (``ID@REVISION``), model folder or ``.gguf`` file.
        name: what the store calls it; None for the id, or the name of folder or file.
    """

    spec: str
    name: str | None = None


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
    """

    sampling: Sampling = field(default_factory=Sampling)
    batch_size: int | None = None
    device: str = "auto"
    dtype: str = "auto"
    tags: Mapping[str, str] = field(default_factory=dict)
    force: bool = False
    scopes: tuple[Scope, ...] = SCOPES
    pairs: bool = True


@dataclass(frozen=True, eq=False)
class Sources:
    """What an ingest reads and writes, opened.

    Attributes:
        models: where the models' files are.
        text: the corpus.
        database: the store, which may not exist yet.
        device: where models run.
        dtype: of their weights.
    """

    models: tuple[Located, ...]
    text: CorpusText
    database: Database
    device: torch.device
    dtype: torch.dtype


@dataclass(frozen=True, eq=False)
class Plan:
    """A model's work, complete but for the weights.

    Attributes:
        model: what is known of it already.
        corpus: the text.
        windows: the token ids to feed.
        positions: the kept sample, flat positions into the windows.
        configuration: what decides the numbers.
        metrics: what is measured.
        work: identifies all of this.
        n_stored: how many times it is stored already.
        seconds: what planning took.
    """

    model: Outline
    corpus: Corpus
    windows: Windows
    positions: NDArray[np.int64]
    configuration: Configuration
    metrics: tuple[MetricInfo, ...]
    work: str
    n_stored: int
    seconds: float

    def stored_run(self, settings: Settings) -> str | None:
        """Return the id of the run that leaves nothing to do; None if the work is to be done."""
        if not self.n_stored or settings.force:
            return None
        return ids.run_id(self.work, self.n_stored - 1)


@contextlib.contextmanager
def open_sources(
    models: Sequence[Request], corpus: str | Path, store: str | Path | None, settings: Settings
) -> Iterator[Sources]:
    """Find the models, and open the text and the store; a missing store is not made yet.

    Raises:
        EmbstoreError: a model, the corpus, an option or the store cannot be used.
    """
    if settings.batch_size is not None and settings.batch_size < 1:
        raise UsageError(f"batch size {settings.batch_size} is too small; it must be at least 1")
    device, dtype = choose_device(settings.device), choose_dtype(settings.dtype)
    located = tuple(locate(model.spec, name=model.name) for model in models)
    database = open_database(store, lazy=True)
    with open_corpus(corpus) as text:
        yield Sources(located, text, database, device, dtype)


def plan(located: Located, sources: Sources, settings: Settings) -> Plan:
    """Draw the windows and the sample, and ask the store whether this work is there.

    Raises:
        EmbstoreError: model and text, or model and options, do not fit together.
    """
    began = time.perf_counter()
    sampling = settings.sampling
    model = outline(located)
    window = choose_window(sampling, model.context, located.name)
    windows = draw_windows(
        sources.text, model.tokenizer, tokens=sampling.tokens, window=window, seed=sampling.seed
    )
    largest_id = int(windows.ids.max())
    if largest_id >= model.config.vocab_size:
        raise ModelError(
            f"the tokenizer of {located.name} gives token {largest_id}, but the model knows only "
            f"{model.config.vocab_size}; model and tokenizer do not belong together"
        )
    positions = sample_positions(
        windows.n_windows, window, sampling.sample, sampling.seed, mask=windows.attention_mask
    )
    configuration = Configuration(
        tokens=windows.n_tokens,
        window_size=window,
        n_windows=windows.n_windows,
        sample_size=len(positions),
        seed=sampling.seed,
        dtype=str(sources.dtype).removeprefix("torch."),
        sink_threshold=SINK_THRESHOLD,
        scopes=",".join(settings.scopes),
        n_special_tokens=windows.n_special_tokens,
        tokenizer_sha256=tokenizer_sha256(model.tokenizer),
        token_ids_sha256=windows.sha256,
    )
    metrics = metric_infos(pairs=settings.pairs)
    work = ids.configuration_id(
        ids.checkpoint_id(located.name, located.checkpoint),
        ids.corpus_id(sources.text.corpus),
        configuration,
        {metric.name: metric.version for metric in metrics},
    )
    return Plan(
        model=model,
        corpus=sources.text.corpus,
        windows=windows,
        positions=positions,
        configuration=configuration,
        metrics=metrics,
        work=work,
        n_stored=repeats(sources.database, work),
        seconds=time.perf_counter() - began,
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


def choose_window(sampling: Sampling, context: int | None, name: str) -> int:
    """Return the tokens per sequence: as asked, or 512, or less if the model takes less.

    Raises:
        UsageError: the window asked for is longer than the model's limit or than all
            tokens together.
    """
    limit = context or sampling.tokens
    if sampling.window is None:
        return min(DEFAULT_WINDOW, limit, sampling.tokens)
    if context is not None and sampling.window > context:
        raise UsageError(
            f"a window of {sampling.window} tokens is larger than the limit of {name}, "
            f"{context}; give --window {context} or less"
        )
    return sampling.window
