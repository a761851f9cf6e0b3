"""What the process of a device answers, and that it does not outlive who asks."""

import os
import pickle
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NoReturn

import pytest

from embstore.errors import ModelError
from embstore.ingestion.devices import child
from embstore.ingestion.devices.child import _answer, _receive
from embstore.ingestion.devices.messages import Failed, Progressed
from embstore.ingestion.one_checkpoint import Job, Result, measure_job


class Ended(BaseException):
    """In place of the end of the process."""


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(code: int) -> NoReturn:
        assert code == 0
        raise Ended

    monkeypatch.setattr(os, "_exit", end)


def test_a_job_that_was_sent_gives_what_it_gives_here(job: Job) -> None:
    mine, theirs = Pipe()
    answer = _answer(pickle.loads(pickle.dumps(job)), theirs)
    assert isinstance(answer, Result)
    told: list[tuple[str, int, int]] = []
    expected = measure_job(job, lambda *report: told.append(report))
    sent = pickle.loads(pickle.dumps(answer))
    assert sent.measured.measurements == expected.measured.measurements
    assert (sent.model, sent.batch_size) == (expected.model, expected.batch_size)
    theirs.close()
    assert [mine.recv() for _ in told] == [Progressed(report) for report in told]
    assert told[-1][0] == "geometry"


def test_a_job_that_fails_is_told_in_one_line(job: Job, tmp_path: Path) -> None:
    _, theirs = Pipe()
    nowhere = replace(job, located=replace(job.located, folder=tmp_path))
    answer = _answer(nowhere, theirs)
    assert isinstance(answer, Failed)
    assert answer.reason.startswith("cannot read the configuration of tiny-llama: ")
    assert _answer(MemoryError("no room\nfor it"), theirs) == Failed(
        "unexpected MemoryError: no room for it"
    )


@pytest.mark.usefixtures("ended")
def test_it_ends_with_who_asks(job: Job) -> None:
    mine, theirs = Pipe()
    mine.send(job)
    # Nothing that can be unpickled.
    mine.send_bytes(b"\x00")
    mine.close()
    jobs: SimpleQueue[Any] = SimpleQueue()
    with pytest.raises(Ended):
        _receive(theirs, jobs)
    assert isinstance(jobs.get(), Job)
    assert isinstance(jobs.get(), pickle.UnpicklingError)


class AcceleratorError(RuntimeError):
    """As torch calls it, where it is new enough."""


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (RuntimeError("CUDA error: an illegal memory access was encountered\nmore"), True),
        (AcceleratorError("unspecified launch failure"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), False),
        (ValueError("no such thing"), False),
    ],
)
def test_the_process_ends_once_its_device_is_lost(
    error: Exception, ends: bool, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> NoReturn:
        raise ModelError("cannot run tiny-llama") from error

    monkeypatch.setattr(child, "measure_job", fails)
    answer = _answer(job, Pipe()[1])
    assert answer == Failed("cannot run tiny-llama", ends=ends)
    if ends:
        here, there = Pipe()
        here.send(job)
        monkeypatch.setattr(os, "_exit", _end)
        # The thread of its own would end the tests once this pipe is closed.
        monkeypatch.setattr(child, "_receive", lambda pipe, jobs: jobs.put(pipe.recv()))
        with pytest.raises(Ended):
            child.serve(os.dup(there.fileno()), 1)
        assert here.recv() == answer


def _end(_code: int) -> NoReturn:
    raise Ended
