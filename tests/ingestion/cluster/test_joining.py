"""A cluster is joined when the first checkpoint is to be measured, and not at all for none."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import embstore
from embstore.choices import Sampling
from embstore.errors import IngestError, UsageError
from embstore.ingestion.cluster import on_ray
from embstore.ingestion.one_checkpoint import Job, Result, measure_job
from embstore.ingestion.request import ModelSpec, Request, Settings
from embstore.ingestion.run import ingest
from embstore.measuring.checkpoint import Progress
from embstore.metrics.selection import choose_metrics
from tests.ingestion.series.ingests import SMALL, damage, statuses

pytestmark = pytest.mark.slow

NOBODY = "localhost:1"


class Here:
    """A place that measures in a thread of this process."""

    device = "cpu"
    n_workers = 1

    def measure(self, _prepared: object, job: Job, progress: Progress) -> Result:
        return measure_job(job, progress)

    def end(self) -> None:
        pass


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens in turn: outcomes, added by tests, and that a cluster is joined and left."""
    found: list[str] = []

    @contextlib.contextmanager
    def join(address: str, *_: object) -> Iterator[list[Here]]:
        found.append(f"joined {address}")
        yield [Here()]
        found.append("left")

    monkeypatch.setattr(on_ray, "places_of_cluster", join)
    return found


def test_nothing_is_joined_where_all_is_stored(series: Path, text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    embstore.ingest(series, corpus=text, store=store, device="cpu", **SMALL)
    # Nobody answers there.
    again = embstore.ingest(series, corpus=text, store=store, ray=NOBODY, **SMALL)
    assert statuses(again) == ["stored"] * 3


def test_nothing_is_joined_for_what_has_failed_before(
    series: Path, text: Path, tmp_path: Path
) -> None:
    for folder in series.iterdir():
        damage(folder)
    with pytest.raises(IngestError, match="3 of 3 checkpoints failed"):
        embstore.ingest(series, corpus=text, store=tmp_path / "s.duckdb", ray=NOBODY, **SMALL)


def test_it_is_joined_for_the_first_one_to_measure(
    told: list[str], series: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    first, last = series / "checkpoint-10", series / "checkpoint-30"
    for folder in (first, last):
        embstore.ingest(folder, corpus=text, store=store, device="cpu", **SMALL)
    sampling = Sampling(tokens=128, window=32, sample=64)
    metrics = choose_metrics(["default"], pairs=False)
    settings = Settings(sampling, metrics=metrics, ray="head:1")
    seen: list[tuple[int, str]] = []

    def watch(_checkpoint: str, index: int, total: int) -> Any:
        assert total == 3
        return lambda stage, _done, _total: seen.append((index, stage))

    request = Request((ModelSpec(str(series)),), str(text), settings)
    coming = ingest(request, store, watch=watch)
    while (outcome := next(coming, None)) is not None:
        told.append(f"{outcome.revision} {outcome.status}")
    assert told == [
        *("checkpoint-10 stored", "joined head:1", "checkpoint-20 measured"),
        *("checkpoint-30 stored", "left"),
    ]
    assert list(dict.fromkeys(seen)) == [
        *((0, "done"), (1, "forward"), (1, "geometry"), (1, "store"), (1, "done"), (2, "done")),
    ]


def test_a_cluster_that_is_not_there_ends_the_ingest_before_anything_is_measured(
    series: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    embstore.ingest(series / "checkpoint-10", corpus=text, store=store, device="cpu", **SMALL)
    with pytest.raises(UsageError, match=r"^no Ray cluster can be used at 'localhost:1': "):
        embstore.ingest(series, corpus=text, store=store, ray=NOBODY, **SMALL)
    (counted,) = embstore.open(store).sql("SELECT count(*) AS n FROM run").to_pylist()
    assert counted == {"n": 1}
