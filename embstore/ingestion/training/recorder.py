"""Measures a model while it trains, and stores what it finds, without ever being in the way."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

import torch
from torch import nn

from embstore.checkpoints.located import Permissions
from embstore.checkpoints.revisions import Revision
from embstore.common.messages import reason_of
from embstore.errors import StoreError, UsageError
from embstore.ingestion.drawn_windows import DrawnWindows
from embstore.ingestion.one_checkpoint import Place
from embstore.ingestion.plan import plan
from embstore.ingestion.recording import MeasuredRun, measure_planned
from embstore.ingestion.resources import Resources, open_text
from embstore.ingestion.stored_work import StoredWork
from embstore.ingestion.training.alerts import Alert, Guard
from embstore.ingestion.training.budget import Budget
from embstore.ingestion.training.find_subject import find_subject
from embstore.ingestion.training.how import How, settings_of
from embstore.ingestion.training.ranks import is_first
from embstore.ingestion.training.recorded import Recorded
from embstore.ingestion.training.telling import Telling
from embstore.inputs.sampling import whole_number
from embstore.models.devices import choose_dtype
from embstore.models.randomness import same_randomness
from embstore.store.connection import open_database
from embstore.store.spool import Kept, store_or_keep, take_in_waiting

# Devices on which a training may run in lower precision than its weights have.
_AUTOCAST = ("cpu", "cuda", "mps", "xpu")
# Training waits meanwhile; what cannot be stored by then is kept in a file.
_PATIENCE = 2.0
_LARGEST = 2**63 - 1


class Recorder:
    """Measures one model again and again while it trains; a context manager.

    The tokens are drawn once, from the corpus as it is at the start. A model of transformers is
    stored under the run id that ``embstore ingest`` gives to the checkpoint saved at that step, so
    that neither measures what the other has.

    Of the model nothing changes: it is not run, but a copy that shares its weights, in evaluation
    mode and without gradients, in ``dtype`` whatever the training's is; generators of random
    numbers are put back. Only what is wrong from the start raises: later failures are told once,
    and training goes on. What cannot be stored is kept in files, which the next success takes in.

    In a training of several processes make one in each: that of the first measures. As in::

        with Recorder(model, tokenizer, corpus="text.txt", name="run-7") as recorder:
            for step, batch in enumerate(batches):
                train_on(batch)
                if step % 100 == 0:
                    recorder.measure(step)
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: object,
        *,
        corpus: str | Path,
        name: str,
        store: str | Path | None = None,
        max_overhead: float | None = None,
        alerts: str | Iterable[str] = (),
        on_alert: Callable[[Alert], None] | None = None,
        say: Callable[[str], None] | None = None,
        **how: Unpack[How],
    ) -> None:
        """Open the corpus, draw the tokens and find out what the model is.

        Args:
            model: one of transformers, a module that holds one, or any module that is called
                with a batch of token ids, (batch, tokens), and keeps its blocks in a list or
                dictionary; wrapped or not.
            tokenizer: of transformers, or the folder or Hub id of a model that has it; an image
                processor for a model of images; for a module of one's own also anything with a
                method ``encode``, or a function from a text to a list of token ids.
            corpus: a text, a data set, ``enwik8``, or a folder of images.
            name: what the store calls the model.
            store: as in ``embstore.ingest``.
            max_overhead: leave out measurements that would take more than this share of the time
                since here; None to leave out none. The first is always made.
            alerts: thresholds, as ``mean_cosine > 0.95`` or ``rankme@all < 10``.
            on_alert: called when a layer's number crosses one.
            say: called with one line for each measurement; None for standard error.
            how: further options, each as in ``embstore.ingest``.

        Raises:
            EmbstoreError: the model, the corpus, an option or the store cannot be used.
        """
        self._settings = settings_of(**how)
        self._guard = Guard(alerts)
        self._guard.check_measured(self._settings.metrics, self._settings.scopes)
        self._telling = Telling(say, on_alert)
        self._budget = Budget(max_overhead)
        self._opened = contextlib.ExitStack()
        self._works = is_first()
        if self._works:
            began = time.perf_counter()
            with self._opened, _out_of_the_way():
                self._subject = find_subject(model, tokenizer, name, self._settings)
                self._resources = self._open(corpus, store)
                self._check_sample()
                self._opened = self._opened.pop_all()
            self._budget.prepare(time.perf_counter() - began)

    def measure(
        self,
        step: int,
        *,
        tokens_seen: int | None = None,
        revision: str | None = None,
        folder: str | Path | None = None,
    ) -> Recorded:
        """Measure the model as it is now, and store what is found.

        Args:
            step: how many optimizer steps were taken.
            tokens_seen: how many tokens were trained on, where known.
            revision: what the checkpoint of this step is called; None for ``checkpoint-STEP``.
            folder: where a checkpoint of this very moment was just saved; without one, a model of
                transformers is written to a temporary folder to identify its weights.

        Returns:
            What became of it. Nothing that fails here raises.

        Raises:
            UsageError: the step or the tokens are no whole number.
        """
        step = _count("step", step)
        if tokens_seen is not None:
            tokens_seen = _count("tokens_seen", tokens_seen)
        # Processes may have found each other only after each had made a recorder.
        if not self._works or not is_first():
            return Recorded(step, "skipped", reason="another process of the training measures")
        if not self._budget.allows():
            self._budget.skip()
            return Recorded(
                step, "skipped", overhead=self._budget.overhead, reason="max_overhead is reached"
            )
        named = Revision(revision or f"checkpoint-{step}", step, tokens_seen)
        began = time.perf_counter()
        try:
            with _out_of_the_way():
                done, run_id, kept = self._measure(named, None if folder is None else Path(folder))
        except Exception as error:
            self._telling.of_failure(step, error)
            return Recorded(step, "failed", reason=reason_of(error))
        finally:
            skipped = self._budget.skipped
            self._budget.add(time.perf_counter() - began)
        recorded = Recorded(
            step,
            "stored" if done is None else "kept" if kept else "measured",
            run_id=run_id,
            run=done.run if done else None,
            seconds=time.perf_counter() - began,
            overhead=self._budget.overhead,
            alerts=tuple(self._guard.check(step, done.run.measured.measurements) if done else ()),
            reason=kept.reason if kept else None,
            file=kept.file if kept else None,
        )
        self._telling.of(recorded, skipped)
        return recorded

    def close(self) -> None:
        """Close the corpus, and say how many measurements have failed."""
        self._opened.close()
        self._telling.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self, corpus: str | Path, store: str | Path | None) -> Resources:
        settings = self._settings
        database = open_database(store, lazy=True, even_locked=True, timeout=_PATIENCE)
        reads_images = self._subject.description.image_processor is not None
        text = open_text(str(corpus), settings.text_field, lambda: reads_images)
        self._opened.callback(text.close)
        return Resources(
            candidates=(),
            alone=True,
            text=text,
            drawn=DrawnWindows(),
            database=database,
            stored=StoredWork(database, even_unread=True),
            devices=(torch.device(self._subject.device),),
            dtype=choose_dtype(settings.dtype),
            permissions=Permissions(settings.allow_pickle, settings.allow_remote_code),
        )

    def _check_sample(self) -> None:
        """Draw the tokens, so that what is wrong with them is found before training."""
        known = self._subject.description
        plan(known.located, self._resources, self._settings, known=known)

    def _measure(
        self, revision: Revision, folder: Path | None
    ) -> tuple[MeasuredRun | None, str | None, Kept | None]:
        """Return what was measured, its run in the store, and where it is if it is not there."""
        known = self._subject.description
        with self._subject.locate(revision, folder) as located:
            planned = plan(located, self._resources, self._settings, known=known)
            if run_id := planned.stored_run(self._settings):
                return None, run_id, None
            place = Place(self._subject.device, self._subject.measure)
            done = measure_planned(planned, self._resources, self._settings, place, _unwatched)
        database = self._resources.database
        stored = store_or_keep(database, done.run, patient=False)
        self._resources.stored.look_again()
        if isinstance(stored, Kept):
            return done, None, stored
        with contextlib.suppress(StoreError):
            take_in_waiting(database)
        return done, stored, None


def _count(name: str, value: int) -> int:
    """Return a number that the store can hold."""
    number = whole_number(name, value, least=0)
    if number > _LARGEST:
        raise UsageError(f"{name} is {number}, and the store takes no number above {_LARGEST}")
    return number


@contextlib.contextmanager
def _out_of_the_way() -> Iterator[None]:
    """Put back whatever of torch a whole process shares."""
    dtype = torch.get_default_dtype()
    with contextlib.ExitStack() as within, same_randomness():
        # Tensors that are made for inference cannot be told to have changed.
        within.enter_context(torch.inference_mode(mode=False))
        within.enter_context(torch.no_grad())
        for kind in filter(torch.amp.is_autocast_available, _AUTOCAST):
            if torch.is_autocast_enabled(kind):
                within.enter_context(torch.autocast(kind, enabled=False))
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)


def _unwatched(_stage: str, _done: int, _total: int) -> None:
    """Show nothing: the training has bars of its own."""
