"""Tells which hidden state is which by what went through a model's blocks; never guesses."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from embstore.errors import ModelError
from embstore.models.forward_pass import Output
from embstore.models.trial import Call, Records
from embstore.types import LayerKey, Site, Stack


@dataclass(frozen=True, eq=False)
class Capture:
    """A state that the model does not return: a block's input or output."""

    key: LayerKey
    block: nn.Module
    side: Literal["input", "output"]


@dataclass(frozen=True, eq=False)
class StackLayout:
    """How one stack yields its hidden states.

    Attributes:
        stack: encoder or decoder.
        output: name of its hidden states in the model's output.
        n_layers: its number of blocks.
        returned: which state each of the returned ones is, in their order; None for one that
            comes after the last block and is no norm, such as a projection.
        captured: the states to be taken from the blocks themselves.
        blocks: its blocks in the order they run in, one that runs again each time.
    """

    stack: Stack
    output: str
    n_layers: int
    returned: tuple[LayerKey | None, ...]
    captured: tuple[Capture, ...]
    blocks: tuple[nn.Module, ...] = ()

    @property
    def keys(self) -> list[LayerKey]:
        """Every state the stack yields: embedding, blocks, final norm."""
        order: dict[Site, int] = {"embedding": 0, "block": 1, "final_norm": 2}
        keys = [key for key in self.returned if key is not None]
        keys += [capture.key for capture in self.captured]
        return sorted(keys, key=lambda key: (key.layer, order[key.site]))


def find_layout(stack: Stack, output: str, found: Output, records: Records) -> StackLayout:
    """Find the blocks that a stack's hidden states come from, and which state is which.

    A state is a block's if it is what the block put out, number for number; where no list
    of blocks fits that way, also if it is that times one factor.

    Args:
        stack: which.
        output: name of its hidden states in the model's output.
        found: what the model returned; all of it is finite.
        records: what went through it meanwhile.

    Raises:
        ModelError: the states are not those of any list of blocks.
    """
    states = found.states[output]
    for same in (_equal, _proportional):
        seen = _Seen(stack, states, records, same)
        for calls in filter(None, records.lists):
            explained = _explain(seen, calls)
            if explained is None:
                continue
            returned, captured = explained
            final = LayerKey(stack, len(calls), "final_norm")
            norm = None if final in returned else seen.norm_beside(found.last, calls[-1])
            captured += (Capture(final, norm, "output"),) if norm else ()
            blocks = tuple(call.part for call in calls)
            return StackLayout(stack, output, len(calls), returned, captured, blocks)
    raise ModelError(
        f"the {len(states)} hidden states of its {stack} cannot be told apart: they are not what "
        "its blocks put out, one after the other, and embstore does not guess"
    )


@dataclass(frozen=True, eq=False)
class _Seen:
    """The states of a stack, what went through the model, and when two states are one.

    Attributes:
        stack: encoder or decoder.
        states: as the model returned them.
        records: what went through its parts.
        same: tells whether two states of one shape are the same.
    """

    stack: Stack
    states: Sequence[Tensor]
    records: Records
    same: Callable[[Tensor, Tensor], bool]

    def is_one(self, state: Tensor, other: Tensor | None) -> bool:
        """Tell whether a state is another one, however a model lays its axes out."""
        return other is not None and any(self.same(state, view) for view in _views(other, state))

    def norm_of(self, state: Tensor, last: Call) -> nn.Module | None:
        """Return the norm that made a state of what the last block put out."""
        made = (norm.part for norm in self._norms_after(last) if self.is_one(state, norm.left))
        return next(made, None)

    def norm_beside(self, final: Tensor | None, last: Call) -> nn.Module | None:
        """Return the norm after the last block, where the states leave out what it makes.

        Models of images do not count it among their states; others return a projection of it.
        """
        if final is None or self.is_one(final, last.left):
            return None
        norms = [norm for norm in self._norms_after(last) if _is_laid_out_as(norm, self.states[0])]
        return norms[0].part if len(norms) == 1 else None

    def _norms_after(self, last: Call) -> Iterator[Call]:
        return (norm for norm in self.records.norms if self.is_one(last.left, norm.entered))

    def enters(self, state: Tensor) -> bool:
        """Tell whether a part of some list takes a state in first of all."""
        return any(calls and self.is_one(state, calls[0].entered) for calls in self.records.lists)


def _explain(
    seen: _Seen, calls: Sequence[Call]
) -> tuple[tuple[LayerKey | None, ...], tuple[Capture, ...]] | None:
    """Say which state is which, if the runs of one list of modules account for all of them.

    Returns:
        The states that are returned, and those to be captured; None if they do not.
    """
    n_layers, last = len(calls), len(seen.states) - 1
    blocks = [LayerKey(seen.stack, layer, "block") for layer in range(1, n_layers + 1)]
    keys = [LayerKey(seen.stack, 0, "embedding"), *blocks]
    passed = [calls[0].entered, *(call.left for call in calls)]
    returned: list[LayerKey | None] = []
    place = 0
    for index, state in enumerate(seen.states):
        match = next((i for i in range(place, len(keys)) if seen.is_one(state, passed[i])), None)
        if match is not None:
            returned.append(keys[match])
            place = match + 1
        elif index == 0 and last and seen.enters(state):
            # The list is of the last part of each block, as in XLM.
            returned.append(keys[0])
            place = 1
        elif index == last and seen.norm_of(state, calls[-1]):
            returned.append(LayerKey(seen.stack, n_layers, "final_norm"))
        elif index == last and _are_chained(seen, calls):
            # What comes after the last block and is no norm, such as a projection.
            returned.append(None)
        else:
            return None
    if not set(blocks[:-1]) <= set(returned):
        return None
    captured = []
    if keys[0] not in returned:
        captured.append(Capture(keys[0], calls[0].part, "input"))
    if blocks[-1] not in returned:
        captured.append(Capture(blocks[-1], calls[-1].part, "output"))
    if not all(_can_be_captured(seen, calls, capture) for capture in captured):
        return None
    return tuple(returned), tuple(captured)


def _can_be_captured(seen: _Seen, calls: Sequence[Call], capture: Capture) -> bool:
    """Tell whether a hook on a block will get the state, laid out as the returned ones are."""
    if capture.side == "output":
        return _is_laid_out_as(calls[-1], seen.states[0])
    first = calls[0]
    # A block that runs more than once would leave the input of its last run.
    once = [call.part for call in calls].count(first.part) == 1
    entered = first.entered is not None and first.entered.shape[:2] == seen.states[0].shape[:2]
    return once and entered and _are_chained(seen, calls)


def _are_chained(seen: _Seen, calls: Sequence[Call]) -> bool:
    """Tell whether each run took in what the one before put out: they are whole blocks."""
    pairs = list(itertools.pairwise(calls))
    return bool(pairs) and all(
        after.entered is not None and seen.is_one(after.entered, before.left)
        for before, after in pairs
    )


def _is_laid_out_as(call: Call, state: Tensor) -> bool:
    return call.left.shape[:2] == state.shape[:2]


def _views(state: Tensor, like: Tensor) -> Iterator[Tensor]:
    """Yield the ways to see one state in the shape of another: axes exchanged, padding cut off."""
    views = [state]
    if state.ndim == like.ndim == 3:
        views += [state.transpose(0, 1), state.transpose(1, 2)]
        n_tokens = like.shape[1]
        if state.shape[1] > n_tokens:
            views += [state[:, :n_tokens], state[:, -n_tokens:]]
    return (view for view in views if view.shape == like.shape)


def _equal(a: Tensor, b: Tensor) -> bool:
    return torch.equal(a, b)


def _proportional(a: Tensor, b: Tensor) -> bool:
    """Tell whether one state is the other times a positive number, up to rounding."""
    if not (a.is_floating_point() and b.is_floating_point()):
        return False
    rounding = max(torch.finfo(a.dtype).eps, torch.finfo(b.dtype).eps)
    x, y = a.cpu().double(), b.cpu().double()
    factor = (x * y).sum() / (y * y).sum()
    # Two roundings: of the product, and of the factor.
    return bool(factor > 0) and bool(((x - factor * y).abs() <= 2 * rounding * x.abs()).all())
