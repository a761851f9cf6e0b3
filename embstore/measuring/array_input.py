"""What a caller gives as vectors and windows: checked, and put into the order of the windows.

Every refusal is one line, and the only one: what passes here can be measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from embstore.common.messages import one_line
from embstore.errors import MeasurementError
from embstore.inputs.vectors.lookalikes import is_numeric, lookalike, pandas_index
from embstore.inputs.vectors.tables import stack
from embstore.inputs.vectors.tensors import of_tensor
from embstore.measuring.window_labels import number_windows

_LEAST_ROWS = 2
# Fewer may go up by one by chance.
_LEAST_COUNTING = 5


@dataclass(frozen=True, eq=False)
class Rows:
    """Vectors one below the other.

    Attributes:
        what: they are called in messages.
        array: (n, d), of any floating-point dtype, finite.
        per_window: rows in each window, where the array that was given had windows.
        counting: coordinates that go up or down by one from row to row, as an index does.
    """

    what: str
    array: NDArray[np.floating]
    per_window: int | None
    counting: tuple[int, ...]


def rows_of(X: object, what: str = "vectors") -> Rows:
    """Return the vectors of an (n, d) or (windows, tokens, d) array or table.

    Args:
        X: a NumPy array, a torch tensor, a data frame, or nested lists.
        what: what they are called in a message.

    Raises:
        MeasurementError: no such array, too few rows, or with NaN or infinite values.
    """
    array = _as_vectors(X, what)
    per_window = array.shape[1] if array.ndim == 3 else None
    flat = array.reshape(-1, array.shape[-1])
    if len(flat) < _LEAST_ROWS:
        raise MeasurementError(
            f"{what}: {len(flat)} row; a cloud has at least {_LEAST_ROWS}, better hundreds"
        )
    finite = np.isfinite(flat).all(axis=1)
    if not finite.all():
        first = int(np.argmin(finite))
        row = f"row {first:,}"
        if per_window is not None:
            row = f"window {first // per_window:,}, token {first % per_window:,}"
        raise MeasurementError(
            f"{len(flat) - int(finite.sum()):,} of {len(flat):,} {what} have NaN or infinite "
            f"values, the first is {row} (from 0); leave them out first"
        )
    return Rows(what, flat, per_window, _counting(flat))


def together(x: Rows, y: Rows) -> list[Rows]:
    """Return two sets whose rows are the same tokens.

    Raises:
        MeasurementError: there are not equally many, or they come in other windows.
    """
    if len(x.array) != len(y.array):
        raise MeasurementError(
            f"X has {len(x.array):,} rows and Y {len(y.array):,}; a row of both must be the "
            "same token"
        )
    if None not in (x.per_window, y.per_window) and x.per_window != y.per_window:
        raise MeasurementError(
            f"X has {x.per_window:,} tokens a window and Y {y.per_window:,}; both must be the "
            "same tokens"
        )
    return [x, y]


def in_windows(
    sets: Sequence[Rows], windows: object
) -> tuple[list[NDArray[np.floating]], NDArray[np.int64], bool]:
    """Bring the rows of a window together.

    Args:
        sets: the same rows in one or two layers.
        windows: a label per row, or None.

    Returns:
        The arrays with the rows of each window side by side; of each row the number of its
        window, from 0, ascending; and whether windows are known at all: without, every row
        is one of its own.

    Raises:
        MeasurementError: the labels are not one per row, one is missing, or all differ; or
            the array had windows already.
    """
    arrays = [rows.array for rows in sets]
    n = len(arrays[0])
    shaped = next((rows for rows in sets if rows.per_window is not None), None)
    if windows is None:
        per_window = shaped.per_window if shaped is not None and shaped.per_window else 1
        return arrays, np.arange(n) // per_window, shaped is not None
    if shaped is not None:
        raise MeasurementError(
            f"{shaped.what} came as (windows, tokens, d), which are windows already; leave "
            "windows out, or give the vectors as (n, d)"
        )
    numbers = number_windows(windows, n)
    if numbers.max() + 1 == n:
        raise MeasurementError(
            f"each of the {n:,} rows has a window of its own; leave windows out, which means "
            "the same, or give rows that belong together one label"
        )
    if (np.diff(numbers) < 0).any():
        order = np.argsort(numbers, kind="stable")
        return [array[order] for array in arrays], numbers[order], True
    return arrays, numbers, True


def _counting(array: NDArray[np.floating]) -> tuple[int, ...]:
    """Find coordinates that count the rows; arrays have no names to tell them by."""
    # Steps between the largest numbers are infinite, which is not one.
    with np.errstate(over="ignore"):
        some = np.diff(array[:_LEAST_COUNTING], axis=0)
        likely = np.flatnonzero((np.abs(some) == 1).all(axis=0) & (some == some[0]).all(axis=0))
        if len(array) < _LEAST_COUNTING or not len(likely):
            return ()
        steps = np.diff(array[:, likely], axis=0)
    return tuple(likely[(steps == steps[0]).all(axis=0)].tolist())


def _as_vectors(X: object, what: str) -> NDArray[np.floating]:
    """Return an array of floating-point numbers, of two dimensions or three, nothing masked."""
    given = _as_array(X, what)
    array = np.asarray(given)
    if array.dtype.kind not in "fiu":
        raise MeasurementError(
            f"{what} must be real numbers, found dtype {array.dtype}; convert them first"
        )
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise MeasurementError(
            f"{what} must be an (n, d) or (windows, tokens, d) array, found shape "
            f"{array.shape}; reshape it to one vector a row"
        )
    if np.ma.is_masked(given):
        hidden = np.ma.getmaskarray(given).any(axis=-1)
        raise MeasurementError(
            f"{hidden.sum():,} of {hidden.size:,} {what} have masked values; leave them out first"
        )
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _as_array(X: object, what: str) -> NDArray[np.generic]:
    """Return what was given as an array, with its mask if it has one."""
    if callable(getattr(X, "detach", None)):
        return of_tensor(X)
    if isinstance(X, str | Path):
        raise MeasurementError(
            f"{what} must be an array, not a path; load it first, or use the command embstore "
            "measure"
        )
    if hasattr(X, "columns"):
        return _of_frame(X, what)
    try:
        if isinstance(X, list | tuple) and any(isinstance(row, np.ma.MaskedArray) for row in X):
            return np.ma.stack(X)
        return np.asanyarray(X)
    except ValueError as error:
        if isinstance(X, list | tuple) and "inhomogeneous" in str(error):
            raise MeasurementError(_uneven(X, what)) from error
        raise MeasurementError(f"{what} are no array: {one_line(error)}") from error


def _of_frame(frame: object, what: str) -> NDArray[np.generic]:
    """Return the coordinates of a data frame, whose every column must be one."""
    table = pa.table(frame)
    names = [name for name in table.column_names if name not in pandas_index(table)]
    for name in names:
        if not is_numeric(table[name].type):
            raise MeasurementError(
                f"{what}: column {name!r} holds {table[name].type}, not numbers; drop it"
            )
    if (found := lookalike(table, names)) is not None:
        raise MeasurementError(
            f"{what}: column {found[0]!r} {found[1]}, so it may be no coordinate; drop it, or "
            "give an array if it is one"
        )
    return stack(table, names)


def _uneven(rows: Sequence[object], what: str) -> str:
    """Say which of nested lists has another length than the first."""
    sizes = [np.size(row) if np.isscalar(row) else len(cast("list[object]", row)) for row in rows]
    odd = next((i for i, size in enumerate(sizes) if size != sizes[0]), None)
    if odd is None:
        return f"{what} are lists of unequal lengths; give an array"
    return (
        f"{what} are not all of one length: row {odd:,} has {sizes[odd]:,} numbers, row 0 has "
        f"{sizes[0]:,}; give an array"
    )
