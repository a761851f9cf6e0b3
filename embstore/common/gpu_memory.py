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
