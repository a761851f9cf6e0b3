"""How much memory this machine has, and how much of it is free."""

import functools

import psutil


def free_memory() -> int:
    """Return the bytes that can be had without swapping."""
    return int(psutil.virtual_memory().available)


@functools.cache
def total_memory() -> int:
    """Return the bytes of this machine's memory."""
    return int(psutil.virtual_memory().total)
