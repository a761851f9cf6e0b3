"""What one seed draws: windows of the corpus, tokens of the windows, and an order of tokens."""

import numpy as np

from embstore.inputs.sampling import check_seed

# Each has a stream of its own, so that no draw depends on another.
WINDOW_STREAM, SAMPLE_STREAM, SHUFFLE_STREAM = 0, 1, 2


def seeded_generator(seed: int, stream: int, *within: int) -> np.random.Generator:
    """Return a generator that draws the same on any machine.

    Args:
        seed: not negative.
        stream: what it draws.
        within: which part of it, such as the number of a window; each has a stream of its own.

    Raises:
        UsageError: the seed is negative.
    """
    check_seed(seed)
    sequence = np.random.SeedSequence(seed, spawn_key=(stream, *within))
    return np.random.Generator(np.random.PCG64(sequence))
