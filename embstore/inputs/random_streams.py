"""What one seed draws: windows of the corpus, and tokens of the windows."""

import numpy as np

from embstore.inputs.sampling import check_seed

# Each has a stream of its own, so that neither draw depends on the other.
WINDOW_STREAM, SAMPLE_STREAM = 0, 1


def seeded_generator(seed: int, stream: int) -> np.random.Generator:
    """Return a generator that draws the same on any machine.

    Raises:
        UsageError: the seed is negative.
    """
    check_seed(seed)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(stream,))))
