"""The driver of a cluster with ten thousand tasks; only the machines are made up.

Planning, dividing, progress, failures and the store are those of ``embstore ingest --ray``. A task
waits, and sends back numbers that were there before, as Arrow; one in a hundred fails.
"""

import contextlib
import json
import pickle
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

import embstore
from benchmarks.peak import Peak
from benchmarks.scale import Scale
from benchmarks.sections import Section, Table
from embstore.choices import Sampling
from embstore.ingestion.cluster.answer import packed, unpacked
from embstore.ingestion.cluster.errand import Errand
from embstore.ingestion.cluster.places import Need, places
from embstore.ingestion.cluster.slots import Slots
from embstore.ingestion.devices.messages import Failed
from embstore.ingestion.elsewhere import OpenPlaces
from embstore.ingestion.one_checkpoint import Result
from embstore.ingestion.request import ModelSpec, Request, Settings
from embstore.ingestion.resources import Resources
from embstore.ingestion.run import ingest
from embstore.types import Checkpoint
from tests import tiny_models
from tests.synthetic import make_run, with_effects

_SLOTS = Slots("cpu", 1, 64, 10**10)
_FAILING = 0.01
_SPANS = 5
# Small, but real: the text is read, windows are drawn, and every table gets rows.
_SAMPLING = Sampling(tokens=128, window=32, sample=64)


def run(scale: Scale) -> Section:
    """Let tasks end at once, then after a drawn time."""
    at_once = simulate(150 if scale.quick else 10_000, 0.0)
    mean = 0.2 if scale.quick else 6.0
    drawn = simulate(150 if scale.quick else 2_000, mean)
    spans = tuple(
        (
            f"{before.n + 1:,} to {after.n:,}",
            f"{(after.n - before.n) / (after.seconds - before.seconds):.1f}",
            f"{(after.processor - before.processor) / (after.n - before.n) * 1e3:.0f}",
            f"{after.megabytes:,.0f}",
        )
        for before, after in pairwise(at_once.moments)
    )
    last = drawn.moments[-1]
    busy = drawn.worked / (_SLOTS.n * last.seconds)
    text = (
        f"A series of {at_once.moments[-1].n:,} checkpoints of a tiny model on {_SLOTS.n} machines "
        f"that are made up: a task ends at once, and 1 % fail ({at_once.failed:,} did). All else "
        "is real: configurations and tokenizers are read, windows drawn, errands pickled, answers "
        f"read from Arrow, and runs of {at_once.numbers:,} numbers stored in a DuckDB file. So "
        "this is what one driver can do at most. Milliseconds are the processor's, of all threads; "
        "megabytes the peak so far, above the process before the ingest. Then "
        f"{last.n:,} tasks that take {mean:g} s in the mean, drawn exponentially: "
        f"{last.n / last.seconds:.1f} tasks a second, and the machines were at work "
        f"{100 * busy:.0f} % of the time; of the rest the last tasks' end is part."
    )
    table = Table(("tasks", "tasks a second", "ms a task", "peak MB"), spans)
    return Section("The driver of a cluster", text, (table,))


@dataclass(frozen=True)
class Moment:
    """How far a simulation is: tasks, seconds, those of the processor, and its peak memory."""

    n: int
    seconds: float
    processor: float
    megabytes: float


@dataclass(frozen=True)
class Simulated:
    """A simulation that has ended.

    Attributes:
        moments: the start, and the end of each fifth of its tasks.
        failed: how many tasks failed.
        worked: seconds that all machines together were at work.
        numbers: of each run.
    """

    moments: tuple[Moment, ...]
    failed: int
    worked: float
    numbers: int


def simulate(n: int, seconds: float) -> Simulated:
    """Ingest a series on machines that are made up.

    Args:
        n: checkpoints.
        seconds: what a task takes in the mean; 0 for nothing.

    Raises:
        RuntimeError: the store has not what was measured.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        series, text, store = _series(folder, n), folder / "text.txt", folder / "store.duckdb"
        text.write_text(" ".join(f"w{5 + i % (tiny_models.VOCAB - 5)}" for i in range(4000)))
        settings = Settings(_SAMPLING, devices=("cpu",), ray="made up")
        request = Request((ModelSpec(str(series)),), str(text), settings)
        machines = _Machines(seconds)
        began, processor, peak = time.perf_counter(), time.process_time(), Peak()
        moments, failed = [Moment(0, 0.0, 0.0, 0.0)], 0
        for done, outcome in enumerate(ingest(request, store, places=machines.places), 1):
            failed += outcome.status == "failed"
            if done * _SPANS // n > len(moments) - 1:
                took = time.perf_counter() - began
                worked = time.process_time() - processor
                moments.append(Moment(done, took, worked, peak.megabytes()))
        machines.close()
        sql = "SELECT (SELECT count(*) FROM run) AS runs, (SELECT count(*) FROM measurement) AS n"
        (stored,) = embstore.open(store).sql(sql).to_pylist()
    if stored["runs"] != n - failed or failed != machines.failed:
        raise RuntimeError(f"of {n} tasks {failed} failed, and {stored['runs']} are stored")
    return Simulated(tuple(moments), failed, machines.worked, stored["n"] // stored["runs"])


class _Machines:
    """What stands for a cluster: so many tasks at a time, each of which only waits."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._generator = np.random.default_rng(0)
        self._pool = ThreadPoolExecutor(_SLOTS.n)
        self._drawing = threading.Lock()
        self._result = packed(_result())
        self.worked = 0.0
        self.failed = 0

    @contextlib.contextmanager
    def places(self, resources: Resources, settings: Settings) -> Iterator[OpenPlaces | None]:
        """Give what opens the places, in place of those of a cluster."""
        n, permissions = len(resources.candidates), resources.permissions
        yield lambda: places(_SLOTS, n, permissions, settings, self._begin)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _begin(self, errand: Errand, _need: Need) -> "_Task":
        with self._drawing:
            seconds = float(self._generator.exponential(self._seconds))
            fails = self._generator.random() < _FAILING
            self.worked += seconds
            self.failed += fails
        # As it travels.
        sent: Errand = pickle.loads(pickle.dumps(errand))
        answer = None if fails else self._result
        return _Task(self._pool.submit(time.sleep, seconds), sent.job.located.checkpoint, answer)


class _Task:
    def __init__(
        self, waiting: "Future[None]", checkpoint: Checkpoint, answer: pa.Buffer | None
    ) -> None:
        self._waiting = waiting
        self._checkpoint = checkpoint
        self._answer = answer

    def wait(self, seconds: float) -> bool:
        return bool(wait([self._waiting], seconds).done)

    def report(self) -> tuple[str, int, int]:
        return "forward", 1, _SAMPLING.tokens

    def answer(self) -> Result | Failed:
        found = Failed("made up") if self._answer is None else unpacked(self._answer)
        if isinstance(found, Failed):
            return found
        # A machine fingerprints the tensors; each checkpoint has others.
        of_files = self._checkpoint.weights_sha256
        checkpoint = replace(self._checkpoint, weights_sha256=of_files[::-1], files_sha256=of_files)
        return replace(found, checkpoint=checkpoint)

    def cancel(self) -> None:
        self._waiting.cancel()


def _result() -> Result:
    """Make up the numbers of a model of three blocks."""
    generator = np.random.default_rng(0)
    n_windows = _SAMPLING.tokens // (_SAMPLING.window or 1)
    run = with_effects(
        make_run(n_layers=3, hidden_size=32),
        lambda _: generator.standard_normal(n_windows).tolist(),
    )
    return Result(run.model, run.measured, "sdpa", "torch", 8, 1.0, 10**9)


def _series(folder: Path, n: int) -> Path:
    """Make checkpoints of one model, each with weights of its own, which nobody loads."""
    whole = tiny_models.build("llama", folder / "whole")
    series = folder / "series"
    series.mkdir()
    for file in whole.glob("tokenizer*"):
        file.rename(series / file.name)
    config = (whole / "config.json").read_bytes()
    header = json.dumps({"w": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}).encode()
    for step in range(1, n + 1):
        checkpoint = series / f"checkpoint-{step}"
        checkpoint.mkdir()
        (checkpoint / "config.json").write_bytes(config)
        weights = struct.pack("<Q", len(header)) + header + struct.pack("<q", step)
        (checkpoint / "model.safetensors").write_bytes(weights)
    return series
