"""Copies a model to run it, without the memory of its weights and without what training adds."""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn


def shared_copy(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return a model in evaluation mode that shares the weights of another.

    Buffers, modes and attributes are its own. It has no hooks that look on, and nothing of it is
    compiled.

    Args:
        module: the model, which stays as it is.
        dtype: of the copy; weights of another are converted, and take memory.
    """
    given: dict[int, object] = dict(_given(module, dtype))
    for part in module.modules():
        if (beneath := part._modules.get("_orig_mod")) is not None:
            given[id(part)] = copy.deepcopy(beneath, given)
    alone = copy.deepcopy(module, given)
    for part in alone.modules():
        _drop_hooks(part)
        # Compiled by itself: its own method is beneath.
        if hasattr(part.__dict__.get("forward"), "_torchdynamo_orig_callable"):
            del part.__dict__["forward"]
    return alone.eval()


def _given(body: nn.Module, dtype: torch.dtype) -> Iterator[tuple[int, object]]:
    """Yield what a copy takes as it is instead of copying it, by its identity."""
    for weight in body.parameters():
        yield id(weight), _to_run(weight, dtype)
    for part in body.modules():
        for value in part.__dict__.values():
            # What a forward pass left behind cannot be copied otherwise.
            if isinstance(value, Tensor) and value.grad_fn is not None:
                yield id(value), value.detach()


def _to_run(weight: nn.Parameter, dtype: torch.dtype) -> nn.Parameter:
    # A subclass may mean anything by its numbers, such as quantised ones.
    if type(weight) is not nn.Parameter:
        return weight
    numbers = weight.detach()
    numbers = numbers.to(dtype) if numbers.is_floating_point() else numbers
    return nn.Parameter(numbers, requires_grad=False)


def _drop_hooks(part: nn.Module) -> None:
    """Leave no hook but those of torch that make a weight; others look on, or serve training."""
    for hooks in (part._forward_hooks, part._forward_pre_hooks):
        for key, hook in list(hooks.items()):
            if not type(hook).__module__.startswith("torch.nn.utils"):
                del hooks[key]
