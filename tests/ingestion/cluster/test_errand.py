"""What a machine of a cluster does for an ingest, here without a cluster."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from embstore.checkpoints import hub
from embstore.checkpoints.find import find
from embstore.checkpoints.locate import fingerprinted, locate_files
from embstore.checkpoints.located import Permissions
from embstore.ingestion.cluster.errand import Errand, _evict, run_errand
from embstore.ingestion.devices.messages import Failed
from embstore.ingestion.one_checkpoint import Job, Result, measure_job
from embstore.ingestion.provenance import versions
from tests.ingestion.series.ingests import damage


@pytest.fixture(autouse=True)
def _cores_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def errand_of(job: Job, folder: Path, **changes: Any) -> Errand:
    (candidate,) = find(str(folder))
    located = locate_files(candidate, Permissions())
    return replace(
        Errand(replace(job, located=located), candidate, Permissions(), evict=False, n_cores=1),
        **changes,
    )


def nothing(_stage: str, _done: int, _total: int) -> None:
    pass


def test_numbers_are_those_of_the_machine_that_planned(job: Job, tiny_llama: Path) -> None:
    reports: list[tuple[str, int, int]] = []
    found = run_errand(errand_of(job, tiny_llama), lambda *report: reports.append(report))
    assert isinstance(found, Result)
    assert torch.get_num_threads() == 1
    expected = measure_job(job, nothing).measured.measurements
    assert found.measured.measurements == expected
    # The tensors are fingerprinted where they are.
    assert found.checkpoint == fingerprinted(errand_of(job, tiny_llama).job.located).checkpoint
    assert {stage for stage, *_ in reports} == {"forward", "geometry"}


def test_a_folder_that_is_not_there_is_told_by_machine(job: Job, tiny_llama: Path) -> None:
    errand = errand_of(job, tiny_llama)
    away = replace(errand, candidate=replace(errand.candidate, place="/nowhere/model"))
    found = run_errand(away, nothing)
    assert isinstance(found, Failed)
    assert found.reason.startswith(
        f"/nowhere/model is not on machine {os.uname().nodename}: put it"
    )


def test_other_weights_than_planned_are_not_measured(job: Job, series: Path) -> None:
    folders = sorted(series.iterdir())
    errand = errand_of(job, folders[0])
    weights = folders[1] / "model.safetensors"
    (folders[0] / "model.safetensors").write_bytes(weights.read_bytes())
    found = run_errand(errand, nothing)
    assert isinstance(found, Failed)
    assert (
        "is not the one that was planned: its files have changed, or differ there" in found.reason
    )


def test_what_cannot_be_loaded_says_why_in_one_line(job: Job, series: Path) -> None:
    folder = sorted(series.iterdir())[0]
    errand = errand_of(job, folder)
    damage(folder)
    found = run_errand(errand, nothing)
    assert isinstance(found, Failed)
    assert "\n" not in found.reason


def test_other_packages_than_the_run_will_say_are_refused(job: Job, tiny_llama: Path) -> None:
    errand = errand_of(job, tiny_llama, versions={**versions(), "torch": "1.0"})
    found = run_errand(errand, nothing)
    assert isinstance(found, Failed)
    assert "and the ingest was started with torch 1.0: install the same on all" in found.reason


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("evict", [True, False])
def test_a_model_of_the_hub_is_fetched_and_deleted_where_it_is_measured(
    evict: bool, job: Job, hub_cache: Path
) -> None:
    (candidate,) = find("lab/tiny@step10")
    located = locate_files(candidate, Permissions())
    assert located.download_bytes > 0
    errand = Errand(replace(job, located=located), candidate, Permissions(), evict, 1)
    found = run_errand(errand, nothing)
    assert isinstance(found, Result), found
    assert found.checkpoint is not None
    assert found.checkpoint.files_sha256 == located.checkpoint.weights_sha256
    assert bool(list(hub_cache.rglob("model.safetensors"))) is not evict


@pytest.mark.parametrize("downloads", [(), ("adapter_model.safetensors",)])
def test_of_an_adapter_only_what_is_its_own_download_is_deleted(
    downloads: tuple[str, ...], job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = hub.Snapshot("lab/tuned", "main", "0" * 40, {})
    # Its base is downloaded in any case.
    located = replace(job.located, snapshot=snapshot, downloads=downloads, download_bytes=100)
    deleted = []
    monkeypatch.setattr(hub, "evict", lambda *given: deleted.append(given))
    _evict(located)
    assert deleted == ([(snapshot, downloads)] if downloads else [])


def test_what_was_there_before_is_not_deleted(
    job: Job, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> int:
        raise AssertionError("deleted")

    monkeypatch.setattr(hub, "evict", never)
    assert isinstance(run_errand(errand_of(job, tiny_llama, evict=True), nothing), Result)
