"""Runs a model on a trial input without changing it, and records what went through it."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from embstore.models.forward_pass import Output, block_input, block_output, forward
from embstore.models.shared_copy import copy_sharing
from embstore.models.weight_changes import changes_of

_LISTS = (nn.ModuleList, nn.ModuleDict, nn.Sequential)


@dataclass(frozen=True, eq=False)
class Call:
    """One run of a block or a norm.

    Attributes:
        part: what ran.
        entered: the state that it took in; None where that is none.
        left: the state that it put out.
    """

    part: nn.Module
    entered: Tensor | None
    left: Tensor


@dataclass(frozen=True, eq=False)
class Records:
    """What went through a model in one run.

    Attributes:
        lists: of every list of modules, outermost first, the runs of its members in order.
        norms: the runs of the norms that are in no such list.
    """

    lists: tuple[list[Call], ...]
    norms: list[Call]


class Trial:
    """A copy of a model to try things on; the model itself stays as it is.

    A run may change a model for good: BigBird gives up its sparse attention at the first
    short input. So the copy has configuration, buffers and attributes of its own. Weights
    take much memory, and are shared unless another dtype is asked for.
    """

    def __init__(self, module: nn.Module, dtype: torch.dtype | None = None) -> None:
        weights = [] if dtype else list(module.parameters())
        self.module = copy_sharing(module, {id(weight): weight for weight in weights})
        if dtype:
            self.module.to(dtype)
        # Before any run, which may replace parts of the copy.
        self._original = dict(zip(self.module.modules(), module.modules(), strict=True))
        self._weights = list(module.parameters())
        self._changes = changes_of(self._weights)

    def original(self, part: nn.Module) -> nn.Module:
        """Return the part of the model that a part of the copy stands for."""
        return self._original[part]

    @property
    def changed_weights(self) -> bool:
        """Whether a run has changed weights of the model in place, as RWKV does at its first."""
        return self._changes != changes_of(self._weights)

    def run(self, inputs: Mapping[str, Tensor]) -> Output:
        """Run the copy."""
        with torch.inference_mode():
            return forward(self.module, inputs)

    def record(self, inputs: Mapping[str, Tensor]) -> tuple[Output, Records]:
        """Run the copy; also return what went through its lists of modules and its norms."""
        lists: list[list[Call]] = []
        norms: list[Call] = []
        inside: set[nn.Module] = set()
        hooks = []
        for part in self.module.modules():
            if isinstance(part, _LISTS):
                calls: list[Call] = []
                lists.append(calls)
                for member in part.children():
                    # A member may be the last norm itself, where all is kept in one dictionary.
                    inside.update(inner for inner in member.modules() if inner is not member)
                    hooks.append(self._keep(member, calls))
            elif "norm" in type(part).__name__.lower() and part not in inside:
                hooks.append(self._keep(part, norms))
        try:
            return self.run(inputs), Records(tuple(lists), norms)
        finally:
            for hook in hooks:
                hook.remove()

    def _keep(self, part: nn.Module, calls: list[Call]) -> RemovableHandle:
        return keep_runs(part, calls, stands_for=self._original[part])


def keep_runs(
    part: nn.Module, calls: list[Call], *, stands_for: nn.Module | None = None
) -> RemovableHandle:
    """Note each run of a part from now on.

    Args:
        part: what runs.
        calls: where to.
        stands_for: the part of another model that its runs are noted as; None for itself.
    """
    noted = part if stands_for is None else stands_for

    def keep(
        _part: nn.Module, args: tuple[object, ...], kwargs: dict[str, object], output: object
    ) -> None:
        entered, left = block_input(args, kwargs), block_output(output)
        if isinstance(left, Tensor):
            # Copies: what follows may change them in place.
            before = entered.clone() if isinstance(entered, Tensor) else None
            calls.append(Call(noted, before, left.clone()))

    return part.register_forward_hook(keep, with_kwargs=True)
