"""Plans a measurement, skips what is stored, measures the rest and writes it.

The one place where compute meets the store. Everything that can be wrong with the
input is found before the weights are loaded; a run is written in one transaction
after it is complete, so an interrupted ingest leaves the store as it was.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from embstore import ids
from embstore.corpus import CorpusText, open_corpus
from embstore.errors import ModelError, UsageError
from embstore.hidden_states import default_batch_size, hidden_batches
from embstore.locate import Located, locate
from embstore.measuring import (
    ACCUMULATION_DTYPE,
    SINK_THRESHOLD,
    Progress,
    measure_batches,
)
from embstore.metrics import METRICS
from embstore.models import (
    choose_device,
    choose_dtype,
    context_length,
    load_config,
    load_model,
    load_tokenizer,
    tokenizer_sha256,
)
from embstore.provenance import collect
from embstore.store.connection import Database, open_database
from embstore.store.writing import repeats, write_run
from embstore.tokens import Windows, draw_windows, sample_positions
from embstore.types import Configuration, Run, Sampling

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
    """

    sampling: Sampling = field(default_factory=Sampling)
    batch_size: int | None = None
    device: str = "auto"
    dtype: str = "auto"
    tags: Mapping[str, str] = field(default_factory=dict)
    force: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of one model: ``measured`` now, or ``stored`` before."""

    model: str
    revision: str
    run_id: str
    status: Literal["measured", "stored"]
    n_tokens: int
    seconds: float


def ingest(
    models: Sequence[Request],
    corpus: str | Path,
    store: str | Path | None,
    settings: Settings,
    *,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Iterator[Outcome]:
    """Measure models over a corpus into a store, one after the other.

    Args:
        models: which, in this order.
        corpus: a text source.
        store: the store's URL or path; created if it does not exist.
        settings: how to measure.
        progress: called as (stage, done, total) while a model is being measured;
            stage ``model`` names, by index, the model that begins.

    Yields:
        One outcome per model, as soon as it is stored.

    Raises:
        EmbstoreError: a model, the corpus, an option or the store cannot be used.
            Models already yielded are stored.
    """
    if settings.batch_size is not None and settings.batch_size < 1:
        raise UsageError(f"batch size {settings.batch_size} is too small; it must be at least 1")
    choose_device(settings.device)
    choose_dtype(settings.dtype)
    located = [locate(model.spec, name=model.name) for model in models]
    database = open_database(store, lazy=True)
    with open_corpus(corpus) as text:
        for index, model in enumerate(located):
            progress("model", index, len(located))
            yield _ingest_one(model, text, database, settings, progress)


def _ingest_one(
    located: Located,
    text: CorpusText,
    database: Database,
    settings: Settings,
    progress: Progress,
) -> Outcome:
    began = time.perf_counter()
    sampling = settings.sampling
    tokenizer = load_tokenizer(located)
    config = load_config(located)
    context = context_length(config, tokenizer)
    window = choose_window(sampling, context, located.name)
    windows = draw_windows(
        text, tokenizer, tokens=sampling.tokens, window=window, seed=sampling.seed
    )
    largest_id = int(windows.ids.max())
    if largest_id >= config.vocab_size:
        raise ModelError(
            f"the tokenizer of {located.name} gives token {largest_id}, but the model knows only "
            f"{config.vocab_size}; model and tokenizer do not belong together"
        )
    positions = sample_positions(
        windows.n_windows, window, sampling.sample, sampling.seed, mask=windows.attention_mask
    )
    device, dtype = choose_device(settings.device), choose_dtype(settings.dtype)

    def outcome(run_id: str, status: Literal["measured", "stored"]) -> Outcome:
        seconds = time.perf_counter() - began
        revision = located.checkpoint.revision
        return Outcome(located.name, revision, run_id, status, windows.n_tokens, seconds)

    configuration = Configuration(
        tokens=windows.n_tokens,
        window_size=window,
        n_windows=windows.n_windows,
        sample_size=len(positions),
        seed=sampling.seed,
        dtype=str(dtype).removeprefix("torch."),
        sink_threshold=SINK_THRESHOLD,
        n_special_tokens=windows.n_special_tokens,
        tokenizer_sha256=tokenizer_sha256(tokenizer),
        token_ids_sha256=windows.sha256,
    )
    work = _configuration_id(located, text, configuration)
    repeat = repeats(database, work)
    if repeat and not settings.force:
        return outcome(ids.run_id(work, repeat - 1), "stored")

    model = load_model(located, config, device=device, dtype=dtype, context=context)
    batch_size = settings.batch_size or default_batch_size(model, window)
    measured = measure_batches(
        hidden_batches(model, windows.ids, windows.attention_mask, batch_size=batch_size),
        positions,
        progress=_with_total(progress, windows),
    )
    words = {m.token_id: tokenizer.decode([m.token_id]) for m in measured.massive}
    massive = tuple(replace(m, token=words[m.token_id]) for m in measured.massive)
    measured = replace(measured, massive=massive)
    provenance = collect(
        measured,
        device=str(device),
        attention=model.attention,
        accumulation_dtype=ACCUMULATION_DTYPE,
        batch_size=batch_size,
        seconds=time.perf_counter() - began,
    )
    run = Run(
        model=model.facts,
        checkpoint=located.checkpoint,
        corpus=text.corpus,
        configuration=configuration,
        provenance=provenance,
        measured=measured,
        metrics=tuple(metric.info for metric in METRICS.values()),
        repeat=repeat,
        tags=settings.tags,
    )
    return outcome(write_run(database, run), "measured")


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


def _configuration_id(located: Located, text: CorpusText, configuration: Configuration) -> str:
    versions = {name: metric.info.version for name, metric in METRICS.items()}
    checkpoint = ids.checkpoint_id(located.name, located.checkpoint)
    return ids.configuration_id(checkpoint, ids.corpus_id(text.corpus), configuration, versions)


def _with_total(progress: Progress, windows: Windows) -> Progress:
    """Add the total that measuring a stream of batches cannot know."""

    def report(stage: str, done: int, total: int) -> None:
        progress(stage, done, windows.n_tokens if stage == "forward" else total)

    return report
