"""Two contenders timed in turns in one process, and the machine they ran on."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """What two contenders answered, how long they took, and the ratio of their times.

    Attributes:
        ours: embstore's answer.
        theirs: the peer's.
        our_ms: median of embstore's times.
        their_ms: median of the peer's.
        ratio: median over the peer's runs of its time divided by the mean of
            embstore's runs just before and just after.
    """

    ours: float
    theirs: float
    our_ms: float
    their_ms: float
    ratio: float


def in_turns(ours: Callable[[], float], theirs: Callable[[], float], *, repeats: int) -> Pair:
    """Run A B A B … A, so that a slow minute of a shared machine hits both alike.

    Args:
        ours: embstore; run ``repeats + 1`` times.
        theirs: the peer; run ``repeats`` times.
        repeats: at least 1.
    """
    our_answer, first = _timed(ours)
    our_ms, their_ms, ratios = [first], [], []
    for _ in range(repeats):
        their_answer, slow = _timed(theirs)
        _, after = _timed(ours)
        ratios.append(slow / statistics.fmean([our_ms[-1], after]))
        their_ms.append(slow)
        our_ms.append(after)
    median = statistics.median
    return Pair(our_answer, their_answer, median(our_ms), median(their_ms), median(ratios))


def _timed(work: Callable[[], float]) -> tuple[float, float]:
    began = time.perf_counter()
    answer = work()
    return answer, (time.perf_counter() - began) * 1000


def machine(*, threads: int) -> str:
    """Describe in one line what the times depend on."""
    parts = [
        f"{_cpu_model()}, {os.cpu_count()} cores, {threads} of them used",
        f"Python {platform.python_version()}",
        *(f"{package} {version(package)}" for package in ("torch", "numpy")),
    ]
    core = os.environ.get("OPENBLAS_CORETYPE")
    if core:
        parts.append(f"OPENBLAS_CORETYPE={core}")
    return "; ".join(parts)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
