"""A store of ten million numbers: writing it, its size, every question, a merge, long answers.

All goes through what users call; only the numbers of the runs are made up.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

import embstore
from benchmarks.scale import Scale
from benchmarks.sections import Bar, Section, Table
from embstore.asking.ask import readable_questions
from embstore.errors import EmbstoreError
from embstore.metrics.registry import metric_infos
from embstore.store.writing import write_runs
from embstore.types import Run
from tests.stores import new_store
from tests.synthetic import make_run, with_effects

# About 10,000 numbers a run: 81 states, three scopes, all metrics.
_BLOCKS, _WIDTH = 80, 64
# Of the default sample: each number is stored with how much each of them moves it.
_WINDOWS = 16
_STEPS = 20
_TOGETHER = 20
# What questions that have no default are asked.
_ASKED = {
    "model": "model 0",
    "a": "model 0",
    "b": "model 1",
    "models": "model 0",
    "revisions": "step0",
}
# Questions that compare what this store has only one of.
_OF_OTHER_STORES = {"value_by_tokens"}


def run(scale: Scale) -> Section:
    """Write, ask, merge."""
    n_runs = 40 if scale.quick else 1000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = _written(folder / "one.duckdb", "model", n_runs)
        _written(folder / "other.duckdb", "another", n_runs)
        store = embstore.open(folder / "one.duckdb")
        numbers = int(str(store.info()["measurements"]))
        size = store.path.stat().st_size
        asked = dict(sorted(_asked(store, scale.repeats(3)), key=lambda item: -item[1]))
        began = time.perf_counter()
        store.merge(folder / "other.duckdb")
        merged = time.perf_counter() - began
    slowest, longest = next(iter(asked.items()))
    text = (
        f"{n_runs:,} runs of {numbers // n_runs:,} numbers, {numbers / 1e6:.1f} million in all, "
        f"{_TOGETHER} runs in a transaction: {numbers / seconds:,.0f} numbers a second (spectra "
        f"and curves come on top), {size / 1e6:,.0f} MB, {size / numbers:.0f} bytes a number. "
        f"Merging another such store took {merged:.1f} s. The {len(asked)} shipped questions, "
        f"asked of the open store with their own defaults, took "
        f"{statistics.median(asked.values()):.2f} s in the median; below are the slowest."
    )
    rows = tuple((name, f"{found:.2f}") for name, found in islice(asked.items(), 8))
    bars = [
        Bar("written", 200_000 * seconds / numbers),
        Bar("slowest question", longest, slowest),
        Bar("merge", merged),
    ]
    return Section("Ten million numbers", text, [Table(("question", "s"), rows)], bars)


def _runs(name: str, n: int) -> Iterator[Run]:
    metrics = metric_infos(pairs=True)
    generator = np.random.default_rng(n)
    for i in range(n):
        model, step = divmod(i, _STEPS)
        run = make_run(
            name=f"{name} {model}",
            kind="encoder" if model % 3 == 0 else "decoder",
            revision=f"step{1000 * step}",
            step=1000 * step,
            n_layers=_BLOCKS,
            hidden_size=_WIDTH,
            tokens=8192,
            metrics=metrics,
        )
        drawn = generator.standard_normal((len(run.measured.measurements), _WINDOWS)).tolist()
        effects = iter(drawn)
        yield with_effects(run, lambda _, effects=effects: next(effects))  # type: ignore[misc]


def _written(path: Path, name: str, n: int) -> float:
    """Fill a store; return the seconds that writing took, without making up the numbers."""
    database, seconds = new_store(path), 0.0
    runs = _runs(name, n)
    while some := list(islice(runs, _TOGETHER)):
        began = time.perf_counter()
        write_runs(database, some)
        seconds += time.perf_counter() - began
    os.sync()
    return seconds


def _asked(store: embstore.Store, times: int) -> Iterator[tuple[str, float]]:
    """Ask every shipped question; the median of some times."""
    questions, _ = readable_questions([])
    for name, question in questions.items():
        needed = [it.name for it in question.parameters if it.default is None]
        params = {parameter: _ASKED[parameter] for parameter in needed if parameter in _ASKED}
        took = []
        for _ in range(times):
            began = time.perf_counter()
            try:
                store.query(name, **params)
            except EmbstoreError as error:
                # Its answer was computed, and found to compare nothing: all read as many tokens.
                if name not in _OF_OTHER_STORES:
                    raise RuntimeError(f"{name} with {params}: {error}") from error
            took.append(time.perf_counter() - began)
        yield name, statistics.median(took)
