"""Several devices: as many checkpoints at once, and the store and the outcomes of one device."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from threadpoolctl import threadpool_limits

import embstore
from embstore.choices import Sampling
from embstore.errors import IngestError, StoreError
from embstore.ingestion import elsewhere
from embstore.ingestion.one_checkpoint import Job, Result, measure_job
from embstore.ingestion.outcome import Outcome
from embstore.ingestion.request import ModelSpec, Request, Settings
from embstore.ingestion.run import Watch, ingest, unwatched
from embstore.ingestion.stopped import Stopped
from embstore.measuring.checkpoint import Progress
from tests.fake_hub import FakeHub
from tests.ingestion.series.ingests import SMALL, damage, rows, statuses

pytestmark = pytest.mark.slow

NUMBERS = """
SELECT revision, stack, layer, site, scope, metric, value, std_error, ci_low, ci_high, n
FROM profile ORDER BY ALL
"""
COPIES = """
SELECT c.revision, o.revision AS original
FROM checkpoint AS c JOIN checkpoint AS o ON o.checkpoint_id = c.duplicate_of
"""


def test_numbers_and_copies_are_those_of_one_device(
    series: Path, text: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one.duckdb", tmp_path / "two.duckdb"
    expected = embstore.ingest(series, corpus=text, store=one, device="cpu", **SMALL)
    found = embstore.ingest(series, corpus=text, store=two, device=["cpu", " cpu"], **SMALL)
    for what in ("revision", "status", "run_id", "n_tokens", "least_recall", "duplicate_of"):
        assert [getattr(o, what) for o in found] == [getattr(o, what) for o in expected]
    # To the last bit.
    assert rows(two, NUMBERS) == rows(one, NUMBERS)
    assert rows(two, COPIES) == [{"revision": "checkpoint-30", "original": "checkpoint-20"}]
    made = rows(two, "SELECT device, peak_memory_bytes > 1e7 AS own FROM run")
    assert made == [{"device": "cpu", "own": True}] * 3
    # Nothing is to do, so nothing is started.
    again = embstore.ingest(series, corpus=text, store=two, device="cpu,cpu", **SMALL)
    assert statuses(again) == ["stored"] * 3


def test_one_that_fails_in_its_process_does_not_stop_the_others(
    series: Path, text: Path, tmp_path: Path
) -> None:
    damage(series / "checkpoint-20")
    broken = series / "checkpoint-10" / "model.safetensors"
    weights = load_file(broken)
    weights["layers.1.mlp.up_proj.weight"][0, 0] = float("nan")
    save_file(weights, broken, {"format": "pt"})
    store = tmp_path / "s.duckdb"
    with pytest.raises(IngestError, match="2 of 3 checkpoints failed") as caught:
        embstore.ingest(series, corpus=text, store=store, device="cpu,cpu", **SMALL)
    assert caught.value.exit_code == 4
    assert statuses(caught.value.outcomes) == ["failed", "failed", "measured"]
    first, second, _ = [o for o in caught.value.outcomes if isinstance(o, Outcome)]
    reason = "series holds weights that are not finite, layers.1.mlp.up_proj.weight first; "
    assert (first.stage, second.stage) == ("measure", "locate")
    assert str(first.reason).startswith(reason)
    noted = rows(store, "SELECT revision, stage FROM failure ORDER BY revision")
    assert [row["revision"] for row in noted] == ["checkpoint-10", "checkpoint-20"]


class Here:
    """Measures in a thread of this process, and lets a test decide when."""

    before: Callable[[str], None] = staticmethod(lambda _revision: None)
    after: Callable[[str], None] = staticmethod(lambda _revision: None)
    ended: int = 0

    n_workers = 1

    def __init__(self, device: str, *, sharing: int) -> None:
        assert sharing == 2
        self.device = device

    def measure(self, _prepared: object, job: Job, progress: Progress) -> Result:
        revision = job.located.checkpoint.revision
        type(self).before(revision)
        result = measure_job(job, progress)
        type(self).after(revision)
        return result

    def end(self) -> None:
        type(self).ended += 1


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Here]]:
    class Own(Here):
        pass

    monkeypatch.setattr(elsewhere, "DeviceProcess", Own)
    # Each limits the whole process while it measures, and puts back what it found.
    with threadpool_limits(1, "blas"):
        yield Own


def outcomes(
    series: Path | str,
    text: Path,
    store: Path,
    watch: Watch = unwatched,
    **settings: Any,
) -> Iterator[Outcome]:
    sampling = Sampling(tokens=128, window=32, sample=64)
    asked = Settings(sampling, devices=("cpu", "cpu"), metrics=("anisotropy",), **settings)
    model = ModelSpec(str(series), revisions="all" if isinstance(series, str) else None)
    return ingest(Request((model,), str(text), asked), store, watch=watch)


def test_two_are_measured_at_the_same_time(
    here: type[Here], series: Path, text: Path, tmp_path: Path
) -> None:
    both = threading.Barrier(2, timeout=60)

    def meet(revision: str) -> None:
        if revision != "checkpoint-30":
            # Would break if one were measured after the other.
            both.wait()

    here.before = staticmethod(meet)
    found = list(outcomes(series, text, tmp_path / "s.duckdb"))
    assert statuses(found) == ["measured"] * 3
    assert here.ended == 2


def test_outcomes_come_in_order_and_runs_are_stored_at_once(
    here: type[Here], series: Path, text: Path, tmp_path: Path
) -> None:
    second_is_stored = threading.Event()
    told: list[tuple[int, str]] = []

    def watch(_checkpoint: str, index: int, _total: int) -> Progress:
        def show(stage: str, _done: int, _total: int) -> None:
            # As everything that is shown: where the outcomes are waited for.
            assert threading.current_thread() is threading.main_thread()
            told.append((index, stage))
            if (index, stage) == (1, "done"):
                second_is_stored.set()

        return show

    def wait(revision: str) -> None:
        if revision == "checkpoint-10":
            assert second_is_stored.wait(60)

    here.before = staticmethod(wait)
    found = [o.revision for o in outcomes(series, text, tmp_path / "s.duckdb", watch)]
    assert found == ["checkpoint-10", "checkpoint-20", "checkpoint-30"]
    assert told.index((1, "done")) < told.index((0, "store"))
    for index in range(3):
        stages = list(dict.fromkeys(stage for which, stage in told if which == index))
        assert stages == ["forward", "geometry", "store", "done"]


def test_a_copy_that_is_measured_first_waits_for_its_original(
    here: type[Here], series: Path, text: Path, tmp_path: Path
) -> None:
    copy_is_measured = threading.Event()

    def wait(revision: str) -> None:
        if revision == "checkpoint-20":
            assert copy_is_measured.wait(60)

    def note(revision: str) -> None:
        if revision == "checkpoint-30":
            copy_is_measured.set()

    here.before, here.after = staticmethod(wait), staticmethod(note)
    store = tmp_path / "s.duckdb"
    found = list(outcomes(series, text, store))
    assert [o.duplicate_of for o in found] == [None, None, "checkpoint-20"]
    assert rows(store, COPIES) == [{"revision": "checkpoint-30", "original": "checkpoint-20"}]


def test_a_copy_that_waits_for_its_original_is_stored_when_the_ingest_ends(
    here: type[Here], series: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_is_measured, is_ended = threading.Event(), threading.Event()

    def end_with_the_ingest(revision: str) -> None:
        if revision == "checkpoint-20":
            assert is_ended.wait(60)
            raise Stopped

    def note(revision: str) -> None:
        if revision == "checkpoint-30":
            copy_is_measured.set()

    here.before, here.after = staticmethod(end_with_the_ingest), staticmethod(note)
    monkeypatch.setattr(here, "end", lambda _self: is_ended.set())
    store = tmp_path / "s.duckdb"
    found = outcomes(series, text, store)
    assert next(found).revision == "checkpoint-10"
    assert copy_is_measured.wait(60)
    found.close()  # type: ignore[attr-defined]
    stored = rows(store, "SELECT revision FROM checkpoint ORDER BY revision")
    assert [row["revision"] for row in stored] == ["checkpoint-10", "checkpoint-30"]


def test_an_interrupt_ends_the_processes_and_notes_no_failure(
    here: type[Here], series: Path, text: Path, tmp_path: Path
) -> None:
    def watch(_checkpoint: str, index: int, _total: int) -> Progress:
        def show(stage: str, _done: int, _total: int) -> None:
            if (index, stage) == (0, "store"):
                raise KeyboardInterrupt

        return show

    store = tmp_path / "s.duckdb"
    with pytest.raises(KeyboardInterrupt):
        list(outcomes(series, text, store, watch))
    assert here.ended == 2
    # What was being stored at that moment is.
    assert {"revision": "checkpoint-10"} in rows(store, "SELECT revision FROM checkpoint")
    assert rows(store, "SELECT revision FROM failure") == []


def test_a_store_that_can_be_used_no_more_ends_the_ingest(
    here: type[Here],
    series: Path,
    text: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_arguments: object, **_options: object) -> None:
        raise StoreError("no room for the store, nor for a file beside it")

    for write in ("write_runs", "store_or_keep"):
        monkeypatch.setattr(f"embstore.ingestion.storing.{write}", full)
    with pytest.raises(StoreError, match=r"^no room for the store"):
        list(outcomes(series, text, tmp_path / "s.duckdb"))
    assert here.ended == 2


def test_downloads_are_evicted(
    here: type[Here], server: FakeHub, hub_cache: Path, text: Path, tmp_path: Path
) -> None:
    found = list(outcomes("lab/tiny", text, tmp_path / "s.duckdb", evict=True))
    assert statuses(found) == ["measured", "measured"]
    assert not list((hub_cache / "models--lab--tiny").glob("snapshots/*"))


def test_devices_without_a_checkpoint_are_named_in_a_note(
    tiny_llama: Path, text: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options: dict[str, Any] = {"corpus": text, "store": tmp_path / "s.duckdb", **SMALL}
    assert statuses(embstore.ingest(tiny_llama, device="cpu,cpu", **options)) == ["measured"]
    assert [record.message for record in caplog.records] == [
        "2 devices are named for 1 checkpoint, each measured on one: only cpu is used"
    ]
