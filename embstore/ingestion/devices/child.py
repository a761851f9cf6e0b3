"""The process that measures on one of several devices: job after job, until nobody sends more."""

import os
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue

from embstore.common.messages import reason_of
from embstore.ingestion.devices.messages import Answer, Failed, Progressed
from embstore.ingestion.one_checkpoint import Job, measure_job
from embstore.models.devices import share_cores


def serve(descriptor: int, sharing: int) -> None:
    """Measure what comes through a pipe, and send back how far it is and what it gave.

    The process ends when its other end is closed, at once and whatever it is doing: the ingest
    has ended, perhaps because it was killed. It also ends after an error of CUDA, which leaves
    the device unusable for it.

    Args:
        descriptor: of the pipe.
        sharing: how many such processes share the cores.
    """
    pipe = Connection(descriptor)
    share_cores(sharing)
    jobs: SimpleQueue[Job | Exception] = SimpleQueue()
    threading.Thread(target=_receive, args=(pipe, jobs), name="jobs", daemon=True).start()
    while True:
        answer = _answer(jobs.get(), pipe)
        pipe.send(answer)
        if isinstance(answer, Failed) and answer.ends:
            # At once: what would be tidied up on the device cannot be reached.
            os._exit(1)


def _receive(pipe: "Connection[Answer, Job]", jobs: "SimpleQueue[Job | Exception]") -> None:
    while True:
        try:
            jobs.put(pipe.recv())
        except (EOFError, OSError):
            os._exit(0)
        except Exception as error:
            # Such as a class that comes with a model and is not found here.
            jobs.put(error)


def _answer(job: Job | Exception, pipe: "Connection[Answer, Job]") -> Answer:
    if isinstance(job, Exception):
        return Failed(reason_of(job))
    try:
        return measure_job(job, lambda *report: pipe.send(Progressed(report)))
    except Exception as error:
        # The error itself may hold what cannot be sent.
        return Failed(reason_of(error), ends=_has_lost_device(error))


def _has_lost_device(error: BaseException | None) -> bool:
    """Tell whether CUDA has failed, after which nothing runs in this process any more."""
    while error is not None:
        if type(error).__name__ == "AcceleratorError" or "CUDA error" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
