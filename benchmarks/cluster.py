"""Two machines of a Ray cluster against one, each a process here with one core."""

import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ray.cluster_utils import Cluster

from benchmarks.forward import sampling_of
from benchmarks.scale import Scale
from benchmarks.sections import Bar, Section, Table
from embstore.demo import MODELS, TEXT, packaged
from embstore.ingestion.request import ModelSpec, Request, Settings
from embstore.ingestion.run import ingest
from embstore.measuring.checkpoint import Progress


def run(scale: Scale) -> Section:
    """Measure the same models on one machine and on two, in turns."""
    n_models = 2 if scale.quick else 8
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(scale.repeats(3)):
        for n_machines, found in seconds.items():
            with _cluster(n_machines) as address:
                found.append(_seconds(scale, address, n_models))
    medians = {n: statistics.median(found) for n, found in seconds.items()}
    speed_up = statistics.median(one / two for one, two in zip(seconds[1], seconds[2], strict=True))
    text = (
        f"`embstore ingest --ray` of {MODELS[-1].name} under {n_models} names, its default metrics "
        "and tokens, on machines of one core: processes of this machine, which has two. Seconds "
        "are from the first tokens read anywhere to the last run stored; before that each process "
        "imports its libraries."
    )
    rows = tuple((str(n), f"{value:.1f}") for n, value in medians.items())
    table = Table(("machines", "s"), rows)
    return Section("A cluster", text, (table,), (Bar("two machines", speed_up),))


@contextlib.contextmanager
def _cluster(n_machines: int) -> Iterator[str]:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        for _ in range(n_machines):
            cluster.add_node(num_cpus=1)
        yield cluster.address
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


def _seconds(scale: Scale, address: str, n_models: int) -> float:
    began: list[float] = []

    def watch(_checkpoint: str, _index: int, _total: int) -> Progress:
        def report(stage: str, _done: int, _total: int) -> None:
            if stage == "forward" and not began:
                began.append(time.perf_counter())

        return report

    spec = str(packaged(MODELS[-1]))
    models = tuple(ModelSpec(spec, name=f"model {i}") for i in range(n_models))
    settings = Settings(sampling=sampling_of(scale), devices=("cpu",), ray=address)
    with tempfile.TemporaryDirectory() as folder:
        request = Request(models, str(packaged(TEXT)), settings)
        for _ in ingest(request, Path(folder) / "store.duckdb", watch=watch):
            pass
    return time.perf_counter() - began[0]
