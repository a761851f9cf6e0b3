"""Decides what measuring a checkpoint means, and whether it is stored; no weights are loaded.

What can be wrong with a model and a text together is found here. ``ingest`` carries the
plans out, a dry run shows them.
"""

import logging
import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from embstore.checkpoints.located import Located
from embstore.choices import DEFAULT_WINDOW, Sampling
from embstore.common.messages import listed
from embstore.errors import ModelError, UsageError
from embstore.ingestion.completing import Task, find_task
from embstore.ingestion.memory_estimate import Extent, scope_counts
from embstore.ingestion.request import Settings
from embstore.ingestion.resources import Resources
from embstore.inputs.image_windows import ImageWindows, draw_images
from embstore.inputs.images import ImageFolder
from embstore.inputs.token_sample import sample_places
from embstore.inputs.windows import Windows
from embstore.measuring.scopes import SINK_THRESHOLD
from embstore.metrics.selection import Selection
from embstore.models.config_text import config_changes, config_text
from embstore.models.description import ModelDescription, describe
from embstore.models.heads import headed_class
from embstore.models.image_reader import ModelImageReader
from embstore.models.loaded import tokenizer_sha256
from embstore.store import ids
from embstore.store.stored_numbers import Sample
from embstore.types import Configuration, Corpus, MetricInfo

_LOG = logging.getLogger(__name__)
# Of the windows that a shuffle changes.
_FEW_SHUFFLED = 0.5


@dataclass(frozen=True, eq=False)
class Plan:
    """A model's work, complete but for the weights.

    Attributes:
        model: what is known of it already.
        corpus: the text.
        windows: what to feed.
        positions: the kept sample, flat positions into the windows.
        configuration: what decides the numbers.
        metrics: what is measured.
        task: what of it is measured, and what the store has already.
        work: identifies all of this.
        repeat: as which doing of it a run is stored, above all that are stored.
        model_config: the model's configuration as text.
        seconds: what planning took.
    """

    model: ModelDescription
    corpus: Corpus
    windows: Windows | ImageWindows
    positions: NDArray[np.int64]
    configuration: Configuration
    metrics: tuple[MetricInfo, ...]
    task: Task
    work: str
    repeat: int
    model_config: str
    seconds: float

    def stored_run(self, settings: Settings) -> str | None:
        """Return the id of the run that leaves nothing to do; None if the work is to be done."""
        if settings.force:
            return None
        if self.task.stored:
            return self.task.stored.run_id if self.task.done else None
        # What is stored could be counted and not be read: somebody holds the store.
        return ids.run_id(self.work, self.repeat - 1) if self.repeat else None


def plan(
    located: Located,
    resources: Resources,
    settings: Settings,
    *,
    known: ModelDescription | None = None,
) -> Plan:
    """Draw the windows and the sample, and ask the store whether this work is there.

    Args:
        located: the checkpoint.
        resources: what is read and written.
        settings: how to measure.
        known: what its files say of the model; None to read them.

    Raises:
        EmbstoreError: model and text, or model and options, do not fit together; or the store
            has the weights under another configuration.
    """
    began = time.perf_counter()
    sampling = settings.sampling
    model = replace(known, located=located) if known else describe(located)
    asked = Selection(settings.metrics, settings.intervals)
    _check_can_be_asked(model, asked)
    windows, reader = _draw(model, resources, sampling)
    positions = sample_places(windows.attention_mask, sampling.sample, sampling.seed)
    configuration = Configuration(
        tokens=windows.n_tokens,
        window_size=windows.window,
        n_windows=windows.n_windows,
        sample_size=len(positions),
        seed=sampling.seed,
        dtype=str(resources.dtype).removeprefix("torch."),
        sink_threshold=SINK_THRESHOLD,
        scopes=",".join(settings.scopes),
        intervals=settings.intervals,
        n_special_tokens=windows.n_special_tokens,
        tokenizer_sha256=reader,
        token_ids_sha256=windows.sha256,
        windows=sampling.windows,
        shuffle=sampling.shuffle,
    )
    checkpoint = ids.checkpoint_id(located.name, located.checkpoint)
    if not settings.force:
        _check_same_model(model, resources.stored.config_of(checkpoint))
    corpus = ids.corpus_id(resources.text.corpus)
    sample = Sample.of(checkpoint, corpus, configuration)
    stored = [] if settings.force else resources.stored.of_sample(sample)
    task = find_task(settings.scopes, asked, stored)
    configuration = replace(
        configuration, scopes=",".join(task.scopes), intervals=task.selection.intervals
    )
    metrics = task.selection.infos
    work = ids.configuration_id(
        checkpoint,
        corpus,
        configuration,
        {metric.name: metric.version for metric in metrics},
    )
    return Plan(
        model=model,
        corpus=resources.text.corpus,
        windows=windows,
        positions=positions,
        configuration=configuration,
        metrics=metrics,
        task=task,
        work=work,
        repeat=resources.stored.next_repeat(work),
        model_config=config_text(model.config),
        seconds=time.perf_counter() - began,
    )


def _draw(
    model: ModelDescription, resources: Resources, sampling: Sampling
) -> tuple[Windows | ImageWindows, str]:
    """Choose what is fed, and fingerprint what turns a text or an image into it."""
    name, text = model.located.name, resources.text
    if isinstance(text, ImageFolder):
        if model.image_processor is None:
            raise ModelError(
                f"{name} reads text, but the corpus is a folder of images; give a text"
            )
        _check_for_images(sampling, name)
        pixels = ModelImageReader(model, model.image_processor)
        images = draw_images(text, pixels, tokens=sampling.tokens, seed=sampling.seed)
        return images, pixels.sha256
    if model.tokenizer is None:
        raise ModelError(
            f"{name} reads images, but the corpus is a text; give a folder of images instead"
        )
    window = choose_window(sampling, model.context, name)
    reader = tokenizer_sha256(model.tokenizer)
    windows = resources.drawn.draw(text, model.tokenizer, reader, sampling, window)
    _check_blocks(windows, sampling.shuffle, name)
    largest_id = int(windows.ids.max())
    if largest_id >= model.config.vocab_size:
        raise ModelError(
            f"the tokenizer of {name} gives token {largest_id}, but the model knows only "
            f"{model.config.vocab_size}; model and tokenizer do not belong together"
        )
    return windows, reader


def _check_can_be_asked(model: ModelDescription, asked: Selection) -> None:
    """Refuse what a model cannot have, as far as its configuration tells.

    Raises:
        ModelError: its head is wanted, and it has none; or it reads images.
    """
    name = model.located.name
    if model.tokenizer is None and (asked.needs("head") or asked.needs("attention")):
        raise ModelError(
            f"{name} reads images: its attention is not measured, and it predicts no tokens; "
            "leave out head and attention"
        )
    if asked.needs("head"):
        headed_class(model.config, name)


def _check_same_model(model: ModelDescription, before: str | None) -> None:
    """Refuse weights that are stored already, but under a configuration that makes another model.

    What is stored, and what is added to it, would be numbers of two models under one name.

    Args:
        model: as it is now.
        before: the configuration with which its weights were measured last, if known.

    Raises:
        ModelError: it says something else.
    """
    changes = config_changes(model.config, before) if before is not None else []
    if changes:
        raise ModelError(
            f"{model.located.name} is stored with the same weights and another configuration: "
            f"{listed(changes, between='; ')}. Give it another name, or measure it anew with "
            "force, which is then what counts"
        )


def _check_blocks(windows: Windows, shuffle: str, name: str) -> None:
    """Refuse to call text shuffled where no window has a second block; warn where few have.

    Raises:
        UsageError: none has.
    """
    if shuffle == "none":
        return
    block = int(shuffle.partition(":")[2] or 1)
    share = float(np.mean(windows.lengths > block))
    if share == 0:
        raise UsageError(
            f"shuffle {shuffle}: no window that {name} reads has more than {block:,} tokens, so "
            "nothing would change its place; give shorter blocks, or longer windows"
        )
    if share < _FEW_SHUFFLED:
        _LOG.warning(
            "shuffle %s: only %.0f %% of the windows that %s reads have more than one block; the "
            "others stay as they are",
            shuffle,
            100 * share,
            name,
        )


def _check_for_images(sampling: Sampling, name: str) -> None:
    """Refuse what only a text can have.

    Raises:
        UsageError: something of it is asked for.
    """
    if sampling.window is not None:
        raise UsageError(f"{name} reads images, so the image sets the window; leave it out")
    if sampling.windows != "tokens":
        raise UsageError(
            f"{name} reads images, each a window of its own already; leave out windows of "
            f"{sampling.windows}"
        )
    if sampling.shuffle != "none":
        raise UsageError(
            f"{name} reads images, which have no {sampling.shuffle.partition(':')[0]} to shuffle; "
            "leave out the shuffling"
        )


def plan_extent(planned: Plan, itemsize: int, settings: Settings) -> Extent:
    """Return how much a plan feeds and keeps, for estimates of memory and time."""
    windows = planned.windows
    return Extent(
        n_windows=windows.n_windows,
        # Padding is hardly fed: of texts of unequal lengths the mean counts.
        window=-(-windows.n_tokens // windows.n_windows),
        n_sample=len(planned.positions),
        **scope_counts(planned.task.scopes),
        pairs=planned.task.measured.needs("joint covariance"),
        search=planned.task.measured.needs("neighbors"),
        eigen=planned.task.measured.eigen,
        head=planned.task.measured.needs("head"),
        attention=planned.task.measured.needs("attention"),
        batch_size=settings.batch_size,
        itemsize=itemsize,
    )


def choose_window(sampling: Sampling, context: int | None, name: str) -> int:
    """Return the tokens per sequence: as asked, or 512, or less if the model takes less.

    Raises:
        UsageError: the window asked for is longer than the model's limit.
    """
    limit = context or sampling.tokens
    if sampling.window is None:
        return min(DEFAULT_WINDOW, limit, sampling.tokens)
    if context is not None and sampling.window > context:
        raise UsageError(
            f"a window of {sampling.window} tokens is larger than the limit of {name}, "
            f"{context}; give a window of {context} or less"
        )
    return sampling.window
