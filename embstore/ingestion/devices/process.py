"""A process of its own for one of several devices, as the ingest sees it.

A process and not a thread, because much of what measuring changes is of the whole process: the
default dtype and the initialisers while a model is built, the generators of random numbers, the
threads of linear algebra, the precision of products on a graphics card. And one that is out of
memory ends alone.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from multiprocessing import Pipe
from typing import IO, TYPE_CHECKING

from embstore.common.workers import n_workers
from embstore.errors import MeasurementError
from embstore.ingestion.devices.messages import Answer, Failed, Progressed
from embstore.ingestion.one_checkpoint import Job, Result
from embstore.ingestion.stopped import Stopped
from embstore.measuring.checkpoint import Progress

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

# Not by multiprocessing: its children run the user's own script again, up to where it was.
_START = """
import sys
sys.path[:] = {path!r}
from embstore.ingestion.devices.child import serve
serve({descriptor}, {sharing})
"""


class DeviceProcess:
    """Measures on a device, in a process that is started when there is something to do.

    Attributes:
        device: on which models run.
        n_workers: layers measured side by side.
    """

    def __init__(self, device: str, *, sharing: int) -> None:
        """Name a device; nothing is started yet.

        Args:
            device: on which models run.
            sharing: how many such processes there are, which share the cores.
        """
        self.device = device
        self.n_workers = n_workers(sharing)
        self._sharing = sharing
        self._lock = threading.Lock()
        self._running: tuple[subprocess.Popen[str], Connection[Job, Answer]] | None = None
        self._ended = False

    def measure(self, _prepared: object, job: Job, progress: Progress) -> Result:
        """Measure a job, as ``measure_job`` does; to be called by one thread at a time.

        Args:
            _prepared: the checkpoint, of which the job has all that is needed on this machine.
            job: what to do.
            progress: called as (stage, done, total).

        Raises:
            MeasurementError: it failed, or the process ended; the next job gets a new one.
            Stopped: ``end`` was called.
        """
        process, pipe = self._started()
        try:
            pipe.send(job)
            while isinstance(answer := pipe.recv(), Progressed):
                progress(*answer.report)
        except (EOFError, OSError) as error:
            if self._ended:
                raise Stopped from error
            pipe.close()
            self._running = None
            raise MeasurementError(
                f"the process that measured on {self.device} {_ending(process.wait())}; if memory "
                "ran out, use fewer devices at once or a smaller batch size"
            ) from error
        if isinstance(answer, Failed):
            if answer.ends:
                pipe.close()
                self._running = None
                process.wait()
            raise MeasurementError(answer.reason)
        return answer

    def end(self) -> None:
        """End the process, whatever it is doing; it has nothing that could be lost."""
        with self._lock:
            self._ended = True
            if self._running is not None:
                process, _ = self._running
                process.kill()
                process.wait()

    def _started(self) -> "tuple[subprocess.Popen[str], Connection[Job, Answer]]":
        with self._lock:
            if self._ended:
                raise Stopped
            if self._running is None:
                self._running = self._start()
            return self._running

    def _start(self) -> "tuple[subprocess.Popen[str], Connection[Job, Answer]]":
        mine, theirs = Pipe()
        with theirs:
            descriptor = theirs.fileno()
            code = _START.format(path=sys.path, descriptor=descriptor, sharing=self._sharing)
            process = subprocess.Popen(  # noqa: S603 - our own code, with numbers and paths in it
                [sys.executable, "-c", code],
                env={**os.environ, "PYTHONUTF8": str(sys.flags.utf8_mode)},
                pass_fds=[descriptor],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            )
        threading.Thread(target=_pass_on, args=(process.stdout,), daemon=True).start()
        return process, mine


def _pass_on(said: IO[str]) -> None:
    """Write what libraries say in the process on standard error, around a progress bar."""
    with said, contextlib.suppress(OSError, ValueError):
        for line in said:
            sys.stderr.write(line)


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"
