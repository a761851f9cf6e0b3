"""Tensors as NumPy arrays, and files of them: .safetensors, and what torch.save wrote."""

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from embstore.common.messages import one_line
from embstore.errors import MeasurementError
from embstore.inputs.vectors.arrays import UNNAMED, Arrays

if TYPE_CHECKING:
    from torch import Tensor


def of_tensor(tensor: Any) -> NDArray[np.generic]:  # its module need not be loaded
    """Return a tensor's numbers: a masked one as a masked array, half precision as float32.

    Raises:
        MeasurementError: it has no plain numbers, such as a sparse or quantised one.
    """
    if callable(getattr(tensor, "get_mask", None)):
        hidden = np.logical_not(of_tensor(tensor.get_mask()))
        return np.ma.MaskedArray(of_tensor(tensor.get_data()), mask=hidden)
    try:
        plain = tensor.detach().cpu()
        # NumPy has no bfloat16 and no float8.
        narrow = plain.is_floating_point() and plain.element_size() < 4
        array: NDArray[np.generic] = (plain.float() if narrow else plain).numpy()
    except (RuntimeError, TypeError) as error:
        raise MeasurementError(
            f"this tensor cannot be read as an array: {one_line(error)}"
        ) from error
    return array


def open_safetensors(path: Path) -> Arrays:
    """List the tensors of a .safetensors file."""
    # bfloat16 is common there and unknown to NumPy, so it goes through torch.
    from safetensors import safe_open

    def read(name: str) -> NDArray[np.generic]:
        with safe_open(path, framework="pt") as tensors:
            return of_tensor(tensors.get_tensor(name))

    with safe_open(path, framework="pt") as tensors:
        return Arrays(tuple(sorted(tensors.keys())), read)


def open_torch(path: Path) -> Arrays:
    """List the tensors that torch.save wrote: one, or any nesting of dicts, lists and tuples.

    Names of nested ones are joined by dots, those of lists are places from 0: ``states.3``.

    Raises:
        MeasurementError: it is damaged, or holds anything but tensors and plain values, which
            could run code.
    """
    # Seconds to import, and few files need it.
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        if "GLOBAL" in str(error):
            raise MeasurementError(
                "holds objects that can run code when they are read; save plain tensors, as with "
                "torch.save(hidden_states, path)"
            ) from error
        # What torch says advises to read the file without caution.
        raise MeasurementError(
            "cut short or damaged as a file of torch.save; write or fetch it again"
        ) from error
    tensors = dict(_tensors(content))
    return Arrays(tuple(tensors), lambda name: of_tensor(tensors[name]))


def _tensors(content: object, name: str = UNNAMED) -> Iterator[tuple[str, "Tensor"]]:
    import torch

    if isinstance(content, torch.Tensor):
        yield name, content
    items: Iterator[tuple[object, object]] = iter(())
    if isinstance(content, Mapping):
        items = iter(content.items())
    elif isinstance(content, list | tuple):
        items = cast("Iterator[tuple[object, object]]", enumerate(content))
    for key, value in items:
        yield from _tensors(value, f"{name}.{key}" if name else str(key))
