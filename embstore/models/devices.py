"""Where models run: the devices that are there, and their numbers."""

import contextlib
from collections.abc import Iterator, Sequence

import torch

from embstore.common.messages import counted, one_line
from embstore.errors import ModelError, UsageError

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_CHOICES = "choose from auto, cpu, cuda, cuda:1, mps"


def choose_devices(wanted: Sequence[str]) -> tuple[torch.device, ...]:
    """Turn names into devices that are there; the same may be named more than once.

    Args:
        wanted: one or several of what ``choose_device`` takes; ``auto`` only alone.

    Raises:
        UsageError: one is no such device, or not on this machine; says which.
    """
    if len(wanted) > 1 and "auto" in wanted:
        raise UsageError(
            "device auto is one device, which embstore chooses; to use several, name each of them, "
            "as in cuda:0,cuda:1"
        )
    return tuple(choose_device(name) for name in wanted)


def choose_device(wanted: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps`` into a device that is there.

    Raises:
        UsageError: no such device, or not on this machine.
    """
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        device = torch.device("meta")
    if device.type == "meta":
        # torch would list every device it was ever written for.
        raise UsageError(f"unknown device {wanted!r}; {_CHOICES}")
    if device.type == "cpu":
        # There is one, also where torch takes a number.
        return torch.device("cpu")
    if problem := _problem(device):
        raise UsageError(f"device {wanted!r} cannot be used here: {problem}")
    return device


def _problem(device: torch.device) -> str | None:
    """Say why a device cannot be used; None if it can."""
    if device.type == "cuda" and torch.cuda.is_available():
        # Only counted: where one process at a time may use a card, trying it here would keep
        # it from the process that measures on it.
        n = torch.cuda.device_count()
        if (device.index or 0) < n:
            return None
        return f"there {'is' if n == 1 else 'are'} {counted(n, 'CUDA device')}, from cuda:0 on"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        return one_line(error)
    return None


def choose_dtype(wanted: str) -> torch.dtype:
    """Turn one of ``DTYPES`` into torch's; ``auto`` is float32: bfloat16 shifts metrics by 5 %."""
    return _DTYPES["float32" if wanted == "auto" else wanted]


@contextlib.contextmanager
def telling_of_memory(name: str, device: str) -> Iterator[None]:
    """Say what helps where a GPU has too little memory for what is computed there.

    Args:
        name: the model's.
        device: where it runs.

    Raises:
        ModelError: it has too little.
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise ModelError(
            f"{name} leaves too little memory on {device} to measure it ({one_line(error)}); try "
            "a smaller batch size or sample, fewer metrics, dtype bfloat16, or device cpu"
        ) from error


@contextlib.contextmanager
def current(device: torch.device) -> Iterator[None]:
    """Make a graphics card the current one: kernels of Triton run there, whatever they are given.

    Args:
        device: where a model is; on any other kind nothing is done.
    """
    if device.type != "cuda":
        yield
        return
    with torch.cuda.device(device):
        yield


def share_cores(sharing: int) -> None:
    """Let this process's models use their part of the cores, where several processes run models.

    Args:
        sharing: how many processes.
    """
    use_cores(max(1, torch.get_num_threads() // sharing))


def use_cores(n: int) -> None:
    """Let this process's models use so many cores."""
    torch.set_num_threads(n)
