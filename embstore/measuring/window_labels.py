"""Labels that say which rows came together, to numbers of windows."""

from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import NDArray

from embstore.common.messages import one_line
from embstore.errors import MeasurementError


def number_windows(windows: object, n: int) -> NDArray[np.int64]:
    """Number windows from 0 on, in the order in which they first occur, (n,).

    Args:
        windows: a label per row: numbers, text or tuples, in any order.
        n: how many rows there are.

    Raises:
        MeasurementError: there is not one label for each row, or one is missing.

    >>> number_windows(["b", "b", "a", "b"], 4).tolist()
    [0, 0, 1, 0]
    """
    labels = _as_labels(windows)
    if len(labels) != n:
        raise MeasurementError(
            f"windows has {len(labels):,} labels for {n:,} rows; give one per row"
        )
    missing = _missing(labels)
    if missing is not None:
        raise MeasurementError(
            f"windows has no label at row {missing:,} (from 0); give every row one"
        )
    if isinstance(labels, list):
        known: dict[Hashable, int] = {}
        try:
            return np.array(
                [known.setdefault(label, len(known)) for label in labels],
                dtype=np.int64,
            )
        except TypeError as error:
            raise MeasurementError(
                f"windows: {one_line(error)}; give numbers, text or tuples as labels"
            ) from error
    _, first, group = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty_like(first)
    rank[np.argsort(first)] = np.arange(len(first))
    numbers: NDArray[np.int64] = rank[group].astype(np.int64)
    return numbers


def _as_labels(windows: object) -> NDArray[np.generic] | list[object]:
    """Return labels as an array of numbers or text, else as a list of anything."""
    detach = getattr(windows, "detach", None)
    if callable(detach):
        windows = detach().cpu().numpy()
    if isinstance(windows, str | bytes) or not isinstance(windows, Iterable):
        raise MeasurementError(f"windows must be one label per row, not {windows!r}")
    if isinstance(windows, list | tuple) and any(isinstance(label, tuple) for label in windows):
        return list(windows)
    try:
        array = np.asarray(windows if hasattr(windows, "__array__") else list(windows))
    except ValueError:
        return list(windows)
    if array.ndim != 1:
        raise MeasurementError(
            f"windows must be one label per row, (n,), found shape {array.shape}"
        )
    return array if array.dtype.kind in "biufSUM" else list(array.tolist())


def _missing(labels: NDArray[np.generic] | list[object]) -> int | None:
    """Return the first row without a label: None, NaN, NaT or pandas' NA."""
    if isinstance(labels, list):
        return next((i for i, label in enumerate(labels) if _is_missing(label)), None)
    bad = labels != labels
    return int(np.argmax(bad)) if bad.any() else None


def _is_missing(label: object) -> bool:
    if label is None:
        return True
    try:
        return bool(label != label)
    except (TypeError, ValueError):
        # pandas' NA is neither equal nor unequal to itself; an array is no label at all.
        return not isinstance(label, np.ndarray)
