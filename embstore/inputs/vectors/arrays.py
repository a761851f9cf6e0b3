"""Arrays of a file by name, each read when it is asked for; NumPy's own files of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from embstore.common.messages import listed
from embstore.errors import MeasurementError, UsageError

# Of an array in a file that has but one and gives it no name.
UNNAMED = ""


@dataclass(frozen=True)
class Arrays:
    """The arrays of a file by name, in the file's order; ``read`` fetches one of them."""

    names: tuple[str, ...]
    read: Callable[[str], NDArray[np.generic]]

    @classmethod
    def of_one(cls, array: NDArray[np.generic]) -> "Arrays":
        """Wrap the one array of a file that gives it no name."""
        return cls((UNNAMED,), lambda _name: array)


def choose(names: tuple[str, ...], key: str | None) -> str:
    """Return the array that ``key`` names, or the only one there is.

    Args:
        names: of all there are.
        key: what was asked for, if anything.

    Raises:
        UsageError: there is none of that name, or several and none was asked for.
    """
    if names == (UNNAMED,) and key is not None:
        raise UsageError("holds one array without a name; leave the key out")
    if key is None and len(names) == 1:
        return names[0]
    if key is not None and key in names:
        return key
    if not names:
        raise MeasurementError("holds no arrays")
    found = listed(names)
    asked = "none of them was chosen" if key is None else f"{key!r} is not one of them"
    raise UsageError(f"holds the arrays {found}, and {asked}; name one as the key, or measure all")


def read_npy(stream: IO[bytes]) -> NDArray[np.generic]:
    """Read one array from a stream of bytes, also while it is unpacked."""
    array: NDArray[np.generic] = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def open_npz(path: Path) -> Arrays:
    """List the arrays of an archive of NumPy's."""

    def read(name: str) -> NDArray[np.generic]:
        with np.load(path, allow_pickle=False) as arrays:
            array: NDArray[np.generic] = arrays[name]
        return array

    with np.load(path, allow_pickle=False) as arrays:
        return Arrays(tuple(arrays.files), read)
