"""A real Ray cluster: a head and a machine, each a process here; another one joins and is killed.

Each machine imports torch for each ingest, which is most of the time that these tests take.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

import embstore
from embstore.choices import Sampling
from embstore.errors import IngestError, UsageError
from embstore.ingestion.cluster.joined import RETRIES
from embstore.ingestion.outcome import Outcome
from embstore.ingestion.request import ModelSpec, Request, Settings
from embstore.ingestion.run import Watch, ingest, unwatched
from embstore.metrics.selection import choose_metrics
from tests.ingestion.series.ingests import SMALL, damage, rows, statuses
from tests.processes import finish, start

pytestmark = [
    pytest.mark.slow,
    # Of Ray's own processes, which it leaves to the system.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

NUMBERS = """
SELECT revision, stack, layer, site, scope, metric, value, std_error, ci_low, ci_high, n
FROM profile ORDER BY ALL
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head that measures nothing, and a machine with one core."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        made.add_node(num_cpus=1)
        try:
            yield made
        finally:
            made.shutdown()  # type: ignore[no-untyped-call]


def outcomes(
    series: Path, text: Path, store: Path, cluster: Cluster, watch: Watch = unwatched, **more: Any
) -> Iterator[Outcome]:
    settings = Settings(
        Sampling(tokens=128, window=32, sample=64),
        metrics=("anisotropy",),
        ray=cluster.address,
        **more,
    )
    return ingest(Request((ModelSpec(str(series)),), str(text), settings), store, watch=watch)


def test_a_lost_machine_changes_no_number(
    cluster: Cluster, series: Path, text: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one.duckdb", tmp_path / "two.duckdb"
    expected = embstore.ingest(series, corpus=text, store=one, device="cpu", **SMALL)
    second = cluster.add_node(num_cpus=1)
    begun = threading.Event()
    found: list[Outcome] = []

    def lose() -> None:
        begun.wait(60)
        cluster.remove_node(second, allow_graceful=False)

    thread = threading.Thread(target=lose)
    thread.start()

    def watch(_checkpoint: str, _index: int, _total: int) -> Any:
        def report(stage: str, _done: int, _total: int) -> None:
            if stage == "forward":
                begun.set()

        return report

    sampling = Sampling(tokens=128, window=32, sample=64)
    metrics = choose_metrics(["default"], pairs=False)
    settings = Settings(sampling, ray=cluster.address, metrics=metrics)
    request = Request((ModelSpec(str(series)),), str(text), settings)
    found += ingest(request, two, watch=watch)
    thread.join()
    assert statuses(found) == ["measured"] * 3
    for what in ("revision", "run_id", "n_tokens", "duplicate_of"):
        assert [getattr(o, what) for o in found] == [getattr(o, what) for o in expected]
    # To the last bit.
    assert rows(two, NUMBERS) == rows(one, NUMBERS)
    assert statuses(list(ingest(request, two))) == ["stored"] * 3


def test_one_that_fails_is_noted_and_the_others_go_on(
    cluster: Cluster, series: Path, text: Path, tmp_path: Path
) -> None:
    damage(series / "checkpoint-20")
    store = tmp_path / "store.duckdb"
    with pytest.raises(IngestError, match=r"^1 of 3 checkpoints failed") as raised:
        embstore.ingest(series, corpus=text, store=store, ray=cluster.address, **SMALL)
    assert statuses(raised.value.outcomes) == ["measured", "failed", "measured"]
    assert len(rows(store, "SELECT * FROM failure")) == 1


def test_stopping_cancels_what_runs_and_keeps_what_is_stored(
    cluster: Cluster, series: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store.duckdb"
    coming = outcomes(series, text, store, cluster)
    assert next(coming).status == "measured"
    coming.close()  # type: ignore[attr-defined]
    assert not ray.is_initialized()
    stored = {row["revision"] for row in rows(store, "SELECT revision FROM profile")}
    assert 1 <= len(stored) <= 3
    # Without machines: what they measured is known all the same.
    again = embstore.ingest(
        series, corpus=text, store=store, metrics="anisotropy", device="cpu", **SMALL
    )
    assert {o.revision for o in again if o.status == "stored"} == stored
    assert len(rows(store, "FROM run")) == 3


def test_no_cluster_is_told_in_one_line(series: Path, text: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^no Ray cluster can be used at 'localhost:1': "):
        embstore.ingest(
            series, corpus=text, store=tmp_path / "store.duckdb", ray="localhost:1", **SMALL
        )


def test_a_task_that_is_killed_for_memory_is_not_begun_again_for_ever(tmp_path: Path) -> None:
    # Ray takes a machine for full at a thousandth of its memory here, and kills what it runs.
    code = """
import sys, time, warnings
warnings.simplefilter("ignore")
import ray
from embstore.ingestion.cluster.joined import RETRIES, joined

@ray.remote(max_retries=RETRIES)
def begun(log):
    with open(log, "a") as file:
        file.write("begun ")
    time.sleep(60)

with joined("local"):
    try:
        ray.get(begun.remote(sys.argv[1]), timeout=90)
    except ray.exceptions.RayError as error:
        # Ray prints on its own what it kills.
        print(f"\\nended by {type(error).__name__}")
"""
    process = start(
        code,
        tmp_path / "log",
        RAY_memory_usage_threshold="0.001",
        RAY_memory_monitor_refresh_ms="100",
        RAY_task_oom_retry_delay_base_ms="100",
    )
    assert "ended by OutOfMemoryError" in finish(process).splitlines()
    # One may be killed before it has written.
    log = tmp_path / "log"
    n_begun = len(log.read_text().split()) if log.exists() else 0
    assert n_begun <= RETRIES + 1
