"""Compares the model beneath an adapter with the files that its checkpoints are read with."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
import transformers
from safetensors import safe_open
from torch import Tensor

from embstore.checkpoints.located import Located
from embstore.errors import ModelError

# What peft adds to the path of a weight that it adapts, or keeps beside one that is trained.
_AROUND = (".base_layer", ".original_module")
# What a model is often read in, and may have been widened from again.
_NARROW = (torch.bfloat16, torch.float16)


def is_as_on_disk(
    whole: transformers.PreTrainedModel, base: Located, *, name: str, reworked: bool
) -> bool:
    """Tell whether the model beneath an adapter has the numbers of its files.

    Looked at is one row of every matrix that has the name and the shape of one in the files, which
    costs little: what is rounded, or has had another adapter added, is so everywhere.

    Args:
        whole: the model beneath, with what peft has put into it.
        base: the model that the adapter's checkpoints name, whose files are here.
        name: of the whole, for messages.
        reworked: whether the adapter took what it began with from the weights that it adapts,
            which then are not those of the files by right.

    Returns:
        False where the numbers are rounded, or none could be compared.

    Raises:
        ModelError: it is another model.
    """
    prefix = f"{whole.base_model_prefix}."
    held = {
        _path(key).removeprefix(prefix): weight
        for key, weight in whole.named_parameters()
        if weight.ndim > 1 and not (reworked and ".base_layer." in key)
    }
    n_same, n_rounded = 0, 0
    for key, weight, row in _rows(base, prefix, held):
        mine = weight[len(weight) // 2].detach().cpu()
        if torch.equal(mine.double(), row.double()):
            n_same += 1
        elif _is_rounded(mine, row):
            n_rounded += 1
        else:
            raise ModelError(
                f"{name} is an adapter on a model that is not the one its checkpoints are read "
                f"with: {key} has other numbers in {base.folder}, as after an earlier adapter was "
                "merged; save the model beneath with save_pretrained, and train on what that wrote"
            )
    return n_same > 0 and n_rounded == 0


def _path(key: str) -> str:
    for around in _AROUND:
        key = key.replace(around, "")
    return key


def _is_rounded(mine: Tensor, row: Tensor) -> bool:
    narrow = {mine.dtype, *_NARROW}
    return any(torch.equal(mine.double(), row.to(dtype).double()) for dtype in narrow)


def _rows(
    base: Located, prefix: str, held: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield the name, the weight in memory and its middle row on disk of what is in both."""
    for file in (base.folder / name for name in base.weights):
        for key, row in _on_disk(file, prefix, held, pickled=base.pickled):
            # Numbers of one byte go with scales.
            if row.is_floating_point() and row.dtype.itemsize > 1:
                yield key, held[key.removeprefix(prefix)], row


def _on_disk(
    file: Path, prefix: str, held: Mapping[str, Tensor], *, pickled: bool
) -> Iterator[tuple[str, Tensor]]:
    if pickled:
        yield from _pickled(file, prefix, held)
        return
    with safe_open(file, framework="pt") as opened:
        for key in opened.keys():  # noqa: SIM118 - it is no dictionary
            weight = held.get(key.removeprefix(prefix))
            tensor = opened.get_slice(key)
            if weight is not None and tuple(tensor.get_shape()) == tuple(weight.shape):
                middle = len(weight) // 2
                yield key, tensor[middle : middle + 1][0]


def _pickled(file: Path, prefix: str, held: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    try:
        tensors: Mapping[str, Tensor] = torch.load(
            file, map_location="cpu", weights_only=True, mmap=True
        )
    except RuntimeError:
        # Written before 2020: all of it would have to be read.
        return
    for key, tensor in tensors.items():
        weight = held.get(key.removeprefix(prefix))
        if weight is not None and tensor.shape == weight.shape:
            yield key, tensor[len(weight) // 2]
