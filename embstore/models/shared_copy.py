"""Copies a model to run it, without the memory of its weights and without what training adds."""

import copy
from collections.abc import Iterator, Mapping
from types import GeneratorType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

# Where accelerate keeps a module's own forward while one of mixed precision runs in its place.
_OWN_FORWARD = "_original_forward"


def shared_copy(module: nn.Module, dtype: torch.dtype, *, own_weights: bool = False) -> nn.Module:
    """Return a model in evaluation mode that shares the weights of another.

    Buffers, modes and attributes are its own. It has no hooks that look on, and nothing of it is
    compiled or runs in another precision than its numbers have.

    Args:
        module: the model, which stays as it is.
        dtype: of the copy; weights of another are converted, and take memory.
        own_weights: copy the weights, too: the copy may change its own.

    Raises:
        TypeError: it keeps something that can be neither copied nor shared.
    """
    given: dict[int, object] = dict(_given(module, dtype, own_weights=own_weights))
    for part in module.modules():
        if (beneath := part._modules.get("_orig_mod")) is not None:
            given[id(part)] = copy_sharing(beneath, given)
    alone = copy_sharing(module, given)
    for part in alone.modules():
        _drop_hooks(part)
        if _OWN_FORWARD in part.__dict__:
            part.__dict__["forward"] = part.__dict__[_OWN_FORWARD]
        # Compiled by itself: its own method is beneath.
        if hasattr(part.__dict__.get("forward"), "_torchdynamo_orig_callable"):
            del part.__dict__["forward"]
    return alone.eval()


def copy_sharing(module: nn.Module, given: dict[int, object]) -> nn.Module:
    """Copy a module with all that it keeps, but for what can only be shared.

    Modules keep locks, open files and process groups, which cannot be copied and which running a
    copy does not change. A generator is not shared, since it would be further on afterwards.

    Args:
        module: what to copy.
        given: what the copy takes as it is, by the identity of what it stands for; the copies
            that are made are added.

    Raises:
        TypeError: it keeps something that can be neither copied nor shared.
    """
    before = dict(given)
    try:
        return copy.deepcopy(module, given)
    except Exception:
        given.clear()
        given.update(before)
        given.update(_only_shared(module, before))
        return copy.deepcopy(module, given)


def _only_shared(module: nn.Module, given: Mapping[int, object]) -> Iterator[tuple[int, object]]:
    """Yield what cannot be copied, and without its history what a forward pass has left."""
    states = {
        id(value): value.detach()
        for value in _kept(module, within_objects=True)
        if isinstance(value, Tensor) and value.grad_fn is not None and id(value) not in given
    }
    yield from states.items()
    known = {**given, **states, **{id(part): part for part in module.modules()}}
    for value in _kept(module, within_objects=False):
        if id(value) not in known and not _is_copyable(value, known):
            yield id(value), value


def _kept(module: nn.Module, *, within_objects: bool) -> Iterator[object]:
    """Yield what the parts of a model keep, also in lists and dictionaries, each once."""
    seen: set[int] = set()
    open_ = [value for part in module.modules() for value in part.__dict__.values()]
    while open_:
        value = open_.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, list | tuple | set | frozenset):
            open_ += value
        elif isinstance(value, dict):
            open_ += value.values()
        else:
            yield value
            if within_objects and not isinstance(value, nn.Module | type | ModuleType):
                open_ += getattr(value, "__dict__", {}).values()


def _is_copyable(value: object, known: dict[int, object]) -> bool:
    # So that the copy is refused, as it would move on what the model draws from.
    if isinstance(value, GeneratorType):
        return True
    try:
        copy.deepcopy(value, dict(known))
    except Exception:
        return False
    return True


def _given(
    body: nn.Module, dtype: torch.dtype, *, own_weights: bool
) -> Iterator[tuple[int, object]]:
    """Yield what a copy takes as it is instead of copying it, by its identity."""
    converted = set()
    for weight in body.parameters():
        to_run = _to_run(weight, dtype)
        converted |= {weight.dtype} - {to_run.dtype}
        yield id(weight), copy.deepcopy(to_run) if own_weights else to_run
    for buffer in body.buffers():
        # What goes together with weights has their numbers.
        if buffer.dtype in converted:
            yield id(buffer), buffer.detach().to(dtype)
    for part in body.modules():
        for value in part.__dict__.values():
            # What a forward pass left behind cannot be copied otherwise.
            if isinstance(value, Tensor) and value.grad_fn is not None:
                yield id(value), value.detach()
        # Dropped in the end: with a method as a hook goes whatever its object holds.
        yield from ((id(hook), hook) for _, _, hook in _hooks_that_look_on(part))


def _to_run(weight: nn.Parameter, dtype: torch.dtype) -> nn.Parameter:
    # A subclass may mean anything by its numbers, such as quantised ones.
    if type(weight) is not nn.Parameter:
        return weight
    numbers = weight.detach()
    numbers = numbers.to(dtype) if numbers.is_floating_point() else numbers
    return nn.Parameter(numbers, requires_grad=False)


def _drop_hooks(part: nn.Module) -> None:
    for hooks, key, _ in list(_hooks_that_look_on(part)):
        del hooks[key]


def _hooks_that_look_on(part: nn.Module) -> Iterator[tuple[dict[int, Any], int, Any]]:
    """Yield all hooks but those of torch that make a weight; others look on, or serve training."""
    for hooks in (
        part._forward_hooks,
        part._forward_pre_hooks,
        part._backward_hooks,
        part._backward_pre_hooks,
    ):
        for key, hook in hooks.items():
            if not type(hook).__module__.startswith("torch.nn.utils"):
                yield hooks, key, hook
