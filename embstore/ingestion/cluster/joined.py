"""Joins a Ray cluster, or makes this machine one, and leaves nothing of it behind."""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import ray
from ray import exceptions

from embstore.common.messages import one_line
from embstore.errors import UsageError

LOCAL = "local"
# How often a task is begun again, elsewhere, when its worker or its machine is lost.
RETRIES = 3
# How long a head may take to answer.
_ANSWER_SECONDS = 10.0


@contextlib.contextmanager
def joined(address: str) -> Iterator[None]:
    """Be part of a cluster. One that this process is part of already is used, and not left.

    Args:
        address: ``local``, ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``.

    Raises:
        UsageError: no cluster is there.
    """
    if ray.is_initialized():
        yield
        return
    try:
        _join(address)
        yield
    finally:
        with _uninterrupted():
            ray.shutdown()


def _join(address: str) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Of a task that is killed for memory Ray counts by itself, and would begin again for ever.
    os.environ.setdefault("RAY_task_oom_retries", str(RETRIES))
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == LOCAL:
        options["include_dashboard"] = False
    try:
        _knock(address)
        with _uninterrupted():
            ray.init(address, **options)
        _be_quiet()
    except (ValueError, RuntimeError, OSError, exceptions.RayError) as error:
        raise UsageError(
            f"no Ray cluster can be used at {address!r}: {one_line(error)}; give local, auto, or "
            "HOST:PORT of its head, and set RAY_AUTH_MODE=token if the cluster wants a token"
        ) from error


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait: Ray leaves processes behind if it is stopped as it starts or ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[tuple[int, FrameType | None]] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if heard and callable(before):
        before(*heard[0])


def _knock(address: str) -> None:
    """Find out at once that nobody answers; Ray would try for minutes.

    Raises:
        OSError: nobody does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS).close()


def _be_quiet() -> None:
    """Keep Ray from printing pages of its own log on standard output, where data belongs.

    What matters of it comes as an error of the task.
    """
    with contextlib.suppress(ImportError, AttributeError, KeyError):
        from ray._private.ray_logging import global_worker_stdstream_dispatcher as dispatcher

        dispatcher.remove_handler("ray_print_logs")
