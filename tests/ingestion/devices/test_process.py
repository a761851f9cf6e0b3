"""The process of a device: what it says, how it ends, and that nothing of it stays."""

import threading
import time

import pytest

from embstore.errors import MeasurementError
from embstore.ingestion.devices import process
from embstore.ingestion.devices.process import DeviceProcess
from embstore.ingestion.one_checkpoint import Job
from embstore.ingestion.stopped import Stopped

pytestmark = pytest.mark.slow

# In place of what loads torch and measures.
SCRIPT = """
import os, signal, sys, time
from multiprocessing.connection import Connection
pipe = Connection({{descriptor}})
job = pipe.recv()
{work}
"""


def start(work: str, monkeypatch: pytest.MonkeyPatch) -> DeviceProcess:
    monkeypatch.setattr(process, "_START", SCRIPT.format(work=work))
    return DeviceProcess("cuda:1", sharing=2)


@pytest.mark.parametrize(
    ("work", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL"),
        ("sys.exit(3)", "ended with exit code 3"),
    ],
)
def test_one_that_ends_fails_its_job_and_the_next_gets_a_new_one(
    work: str, said: str, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = start(work, monkeypatch)
    for _ in range(2):
        with pytest.raises(MeasurementError) as caught:
            device.measure(None, job, lambda *_: None)
        assert str(caught.value) == (
            f"the process that measured on cuda:1 {said}; if memory ran out, use fewer devices at "
            "once or a smaller batch size"
        )
    device.end()


def test_one_that_ends_with_its_answer_is_followed_by_a_new_one(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = start(
        "from embstore.ingestion.devices.messages import Failed\n"
        "pipe.send(Failed('CUDA error in ' + str(os.getpid()), ends=True))",
        monkeypatch,
    )
    said = []
    for _ in range(2):
        with pytest.raises(MeasurementError, match=r"^CUDA error in \d+$") as caught:
            device.measure(None, job, lambda *_: None)
        said.append(str(caught.value))
    assert said[0] != said[1]
    device.end()


def test_one_that_is_ended_while_it_measures_tells_no_failure(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = start("time.sleep(60)", monkeypatch)
    threading.Timer(0.5, device.end).start()
    with pytest.raises(Stopped):
        device.measure(None, job, lambda *_: None)
    with pytest.raises(Stopped):
        device.measure(None, job, lambda *_: None)


def test_what_libraries_print_goes_to_standard_error(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    device = start("print('a library speaks', flush=True); time.sleep(60)", monkeypatch)
    measuring = threading.Thread(target=_measure, args=(device, job))
    measuring.start()
    said, until = "", time.monotonic() + 30
    while "speaks" not in said and time.monotonic() < until:
        time.sleep(0.05)
        captured = capsys.readouterr()
        assert captured.out == ""
        said += captured.err
    device.end()
    measuring.join(30)
    assert said == "a library speaks\n"


def _measure(device: DeviceProcess, job: Job) -> None:
    with pytest.raises(Stopped):
        device.measure(None, job, lambda *_: None)
