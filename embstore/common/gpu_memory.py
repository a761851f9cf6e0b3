"""How much of a GPU's memory is free."""

import math


def free_bytes(device: str) -> float:
    """Return how much is free on a GPU, with what torch holds there and does not use.

    >>> free_bytes("cpu"), free_bytes("mps")
    (inf, inf)

    Args:
        device: its name; of what is no GPU of this kind nothing is known, which is infinity.
    """
    if not device.startswith("cuda"):
        return math.inf
    # Imported late: who only asks needs no torch.
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return float(free + held)


def share_of_free(device: str, share: float, *, least: int, most: int) -> int:
    """Return a share of what is free on a GPU, within bounds; the least elsewhere.

    >>> share_of_free("cpu", 1 / 16, least=80, most=2000)
    80

    Args:
        device: its name.
        share: of the bytes that are free.
        least: bytes to take at least.
        most: bytes to take at most.
    """
    free = free_bytes(device)
    return least if math.isinf(free) else int(max(least, min(most, free * share)))
