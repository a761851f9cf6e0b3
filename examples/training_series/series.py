"""The whole series: trained, measured live and from its folders, compared, drawn."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from examples.training_series.agreement import Agreement, compare_stores
from examples.training_series.measuring import (
    live_callback,
    measure_saved,
    tag_runs,
    timed,
)
from examples.training_series.one_each import measure_one_each
from examples.training_series.pictures import draw_pictures
from examples.training_series.plan import Plan
from examples.training_series.results import Found, write_results
from examples.training_series.text import split_text
from examples.training_series.tokens import frequency_loss, train_tokenizer, windows_of
from examples.training_series.training import Texts, train

Tell = Callable[[str], None]

TRAINING = "training and measuring live"
LIVE = "of that, measuring live"


@dataclass(frozen=True)
class Series:
    """What is there when all is done.

    Attributes:
        live: the store that the callback wrote to.
        saved: the store of the saved folders.
        results: the small files of numbers.
        pictures: the drawn files.
        agreement: of the two stores, metric by metric, the furthest apart first.
    """

    live: Path
    saved: Path
    results: tuple[Path, ...]
    pictures: tuple[Path, ...]
    agreement: tuple[Agreement, ...]


def run_series(plan: Plan, out: Path, *, tell: Tell) -> Series:
    """Train, measure live, measure again, compare and draw.

    Args:
        plan: what to train and measure.
        out: an empty folder, or one that is not there yet.
        tell: called with a line as each part ends.

    Raises:
        EmbstoreError: the text is not installed, or a measurement failed.
    """
    out.mkdir(parents=True, exist_ok=True)
    live, saved = out / "live.duckdb", out / "saved.duckdb"
    clock = _Clock(tell)
    with clock.on("text and tokenizer"):
        texts, corpus = _texts(plan, out)
    trained = []
    for seed in plan.seeds:
        callback = timed(live_callback(plan, seed, corpus, live), clock.note(LIVE))
        with clock.on(TRAINING):
            trained.append(train(plan, texts, out, seed=seed, callbacks=[callback]))
    with clock.on("measuring the saved folders"):
        for one in trained:
            measure_saved(plan, one.folder, corpus, saved)
    main = trained[0]
    with clock.on("control: one occurrence of each token"):
        one_each = {
            step: measure_one_each(main.folder / f"checkpoint-{step}", texts.held_out, seed=0)
            for step in plan.steps
        }
    with clock.on("comparing and drawing"):
        agreement = compare_stores(live, saved)
        for one in trained:
            tag_runs(saved, one.folder.name, "loss", one.losses)
        dimensions = {step: found.mean for step, found in one_each.items()}
        tag_runs(saved, main.folder.name, "twonn_one_each", dimensions)
        pictures = draw_pictures(saved, out, main=main.folder.name)
        frequency = frequency_loss(texts.training, texts.held_out, vocabulary=plan.vocabulary)
    found = Found(trained, one_each, frequency, agreement, clock.seconds)
    results = write_results(live, saved, found, out)
    return Series(live, saved, tuple(results), tuple(pictures), tuple(agreement))


def _texts(plan: Plan, out: Path) -> tuple[Texts, Path]:
    split = split_text(out, every=plan.held_out, most=plan.articles)
    tokenizer = train_tokenizer(split.training, vocabulary=plan.vocabulary)
    windows = windows_of(split.held_out, tokenizer, window=plan.window)
    return Texts(
        tokenizer,
        training=windows_of(split.training, tokenizer, window=plan.window),
        held_out=windows[:: plan.evaluated],
    ), split.file


class _Clock:
    """Seconds by what they were spent on, told as they pass."""

    def __init__(self, tell: Tell) -> None:
        self.seconds: dict[str, float] = {}
        self._tell = tell

    @contextmanager
    def on(self, part: str) -> Iterator[None]:
        # First, so that what is noted of a part comes after it.
        self.seconds.setdefault(part, 0.0)
        begun = time.perf_counter()
        yield
        spent = time.perf_counter() - begun
        self.seconds[part] += spent
        self._tell(f"{part}: {spent:.0f} s")

    def note(self, part: str) -> Callable[[float], None]:
        """Return what adds seconds to a part."""

        def add(spent: float) -> None:
            self.seconds[part] = self.seconds.get(part, 0.0) + spent

        return add
