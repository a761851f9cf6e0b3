"""The seeded choice of the tokens, or windows, whose vectors are kept."""

import numpy as np
from numpy.typing import NDArray

from embstore.inputs.random_streams import SAMPLE_STREAM, seeded_generator
from embstore.inputs.sampling import check_sample


def sample_positions(
    n_windows: int,
    window: int,
    sample: int,
    seed: int,
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Choose the tokens whose vectors are kept, spread evenly over all windows.

    Each window gives ``sample / n_windows`` of its tokens, rounded down or up at
    random, drawn without replacement. A window with fewer tokens than that gives all,
    and the others make up for it. With ``sample`` at or above the number of tokens
    all are chosen. The draw is independent of the draw of windows with the same seed.

    Args:
        n_windows: number of sequences.
        window: tokens per sequence.
        sample: how many tokens to choose.
        seed: not negative.
        mask: (n_windows, window), True where a token may be chosen; None for all.

    Returns:
        Ascending flat indices into the (n_windows, window) tokens, row by row, of
        shape (min(sample, number of tokens),).

    Raises:
        UsageError: ``sample`` is below 1, or the seed is negative.

    >>> sample_positions(2, 3, 6, seed=0).tolist()
    [0, 1, 2, 3, 4, 5]
    """
    check_sample(sample)
    generator = seeded_generator(seed, SAMPLE_STREAM)
    allowed = np.ones((n_windows, window), dtype=np.bool_) if mask is None else mask
    quota = _quotas(allowed.sum(axis=1), sample, order=np.argsort(generator.random(n_windows)))
    # Masked tokens sort behind every other, beyond any quota.
    lots = np.where(allowed, generator.random((n_windows, window)), 1.0)
    drawn = np.argsort(lots, axis=1, kind="stable") + window * np.arange(n_windows)[:, np.newaxis]
    return np.sort(drawn[np.arange(window) < quota[:, np.newaxis]])


def sample_rows(counts: NDArray[np.int64], sample: int, seed: int) -> NDArray[np.int64]:
    """Choose rows as ``sample_positions`` does, from windows of any lengths.

    Args:
        counts: rows of each window, (n_windows,), one window after the other.
        sample: how many rows to choose.
        seed: not negative.

    Returns:
        Ascending rows, (min(sample, number of rows),); for windows of one length those
        that ``sample_positions`` chooses.

    Raises:
        UsageError: ``sample`` is below 1, or the seed is negative.

    >>> sample_rows(np.array([3, 1]), 4, seed=0).tolist()
    [0, 1, 2, 3]
    """
    check_sample(sample)
    generator = seeded_generator(seed, SAMPLE_STREAM)
    quota = _quotas(counts, sample, order=np.argsort(generator.random(len(counts))))
    windows = np.repeat(np.arange(len(counts)), counts)
    lots = generator.random(len(windows))
    drawn = np.lexsort((lots, windows))
    place = np.arange(len(windows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(drawn[place < quota[windows]])


def sample_windows(n_windows: int, sample: int, seed: int) -> NDArray[np.int64]:
    """Choose windows that are kept as one vector each.

    Args:
        n_windows: how many there are.
        sample: how many to choose.
        seed: not negative.

    Returns:
        Ascending windows, (min(sample, n_windows),).

    Raises:
        UsageError: ``sample`` is below 1, or the seed is negative.

    >>> sample_windows(3, 4096, seed=0).tolist()
    [0, 1, 2]
    """
    return sample_rows(np.ones(n_windows, dtype=np.int64), sample, seed)


def sample_places(mask: NDArray[np.bool_], sample: int, seed: int) -> NDArray[np.int64]:
    """Choose tokens as ``sample_positions`` does, of windows that are padded behind their ends.

    Random numbers are drawn for tokens alone, as ``sample_rows`` draws them: so the same tokens are
    chosen as from vectors of the same windows, and padding takes no memory.

    Args:
        mask: (n_windows, window), True for tokens.
        sample: how many to choose.
        seed: not negative.

    Returns:
        Ascending flat indices into the (n_windows, window) places.

    Raises:
        UsageError: ``sample`` is below 1, or the seed is negative.

    >>> sample_places(np.array([[True, True, False], [True, False, False]]), 9, 0).tolist()
    [0, 1, 3]
    """
    if mask.all():
        n_windows, window = mask.shape
        return sample_positions(n_windows, window, sample, seed)
    return np.flatnonzero(mask)[sample_rows(mask.sum(axis=1), sample, seed)]


def _quotas(
    available: NDArray[np.int64], sample: int, *, order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Share ``sample`` over windows as evenly as ``available`` allows.

    What is left when it no longer divides goes one each to the first in ``order``.
    """
    quota = np.zeros_like(available)
    left = min(sample, int(available.sum()))
    while left:
        open_windows = order[quota[order] < available[order]]
        share = left // len(open_windows)
        if share == 0:
            quota[open_windows[:left]] += 1
            break
        quota[open_windows] += np.minimum(share, (available - quota)[open_windows])
        left = min(sample, int(available.sum())) - int(quota.sum())
    return quota
