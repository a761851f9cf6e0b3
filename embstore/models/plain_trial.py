"""Runs a model of anybody's own on eight tokens, and finds its blocks by what went through it."""

import inspect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from embstore.common.float32 import all_of_float32
from embstore.common.messages import one_line
from embstore.errors import ModelError
from embstore.models.trial import Call, keep_runs

TRIAL_LENGTH = 8
# What a batch of token ids looks like to a model that was never told how many there are.
TRIAL_IDS = torch.arange(TRIAL_LENGTH, device="cpu")[None] % 2
_TRIAL_PLACES = torch.arange(TRIAL_LENGTH, device="cpu")


@dataclass(eq=False)
class Seen:
    """What went through a model in its trial.

    Attributes:
        lists: the runs of the members of each list of modules, by where the list is.
        dictionaries: the members of those that are dictionaries.
        vocab_size: how many token ids its embedding knows; None if none was seen.
        context: how many places its embedding of places knows; None if none was seen.
    """

    lists: dict[str, list[Call]] = field(default_factory=dict)
    dictionaries: dict[str, set[nn.Module]] = field(default_factory=dict)
    vocab_size: int | None = None
    context: int | None = None

    def watch(self, module: nn.Module) -> list[torch.utils.hooks.RemovableHandle]:
        """Hook into every table and every member of a list."""
        hooks = []
        for path, part in module.named_modules():
            if _table_of(part) is not None:
                hooks.append(part.register_forward_hook(self._note_table))
            if isinstance(part, nn.ModuleList | nn.Sequential | nn.ModuleDict):
                calls = self.lists.setdefault(path, [])
                if isinstance(part, nn.ModuleDict):
                    self.dictionaries[path] = set(part.children())
                hooks += [keep_runs(member, calls) for member in part.children()]
        return hooks

    def longest_chain(self) -> tuple[str | None, Sequence[Call]]:
        """Return the longest list of members that follow each other, and that is in no other."""
        chains = {
            path: calls
            for path, calls in self.lists.items()
            # A dictionary may hold all sorts of parts, among them the list of blocks.
            if self.dictionaries.get(path, set()) <= {call.part for call in calls}
            and _are_chained(calls)
        }
        outermost = [path for path in chains if not any(_is_within(path, it) for it in chains)]
        if not outermost:
            return None, []
        longest = max(outermost, key=lambda path: len(chains[path]))
        return longest, chains[longest]

    def _note_table(self, part: nn.Module, args: tuple[object, ...], _output: object) -> None:
        table, ids = _table_of(part), args[0] if args else None
        if table is None or not isinstance(ids, Tensor) or ids.numel() != TRIAL_LENGTH:
            return
        numbers = ids.flatten().cpu()
        if torch.equal(numbers, TRIAL_IDS[0]):
            self.vocab_size = max(self.vocab_size or 0, len(table))
        if torch.equal(numbers, _TRIAL_PLACES):
            self.context = min(self.context or len(table), len(table))


def _table_of(part: nn.Module) -> Tensor | None:
    """Return the only matrix of a module without parts, which may be an embedding by hand."""
    if any(True for _ in part.children()):
        return None
    matrices = [weight for weight in part.parameters(recurse=False) if weight.ndim == 2]
    return matrices[0] if len(matrices) == 1 else None


def run_trial(module: nn.Module, ids: Tensor, it: str) -> Seen:
    """Run a model and see what goes through it.

    Raises:
        ModelError: it cannot be called so.
    """
    seen = Seen()
    hooks = seen.watch(module)
    try:
        with torch.inference_mode():
            call(module, ids.to(next(module.parameters()).device))
    except Exception as error:
        raise ModelError(
            f"{it} cannot be called with a batch of token ids alone ({one_line(error)}); wrap it "
            "in a module that can"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    return seen


@all_of_float32()
def call(module: nn.Module, ids: Tensor) -> None:
    """Run a model on token ids, by the name that Trainers give them where it has that."""
    if "input_ids" in inspect.signature(module.forward).parameters:
        module(input_ids=ids)
    else:
        module(ids)


def mixes_sequences(module: nn.Module, blocks: str, it: str) -> bool:
    """Tell whether what comes out for one sequence depends on another in the same batch."""
    lefts = [
        run_trial(module, torch.cat([other, TRIAL_IDS]), it).lists[blocks][-1].left
        for other in (TRIAL_IDS, TRIAL_IDS, 1 - TRIAL_IDS)
    ]
    first, again, beside = (
        (left.transpose(0, 1) if left.shape[0] == TRIAL_LENGTH else left)[1].cpu().double()
        for left in lefts
    )
    # One that draws at random is refused for that. All passes have one shape, so that none rounds
    # another way; of NaN nothing is told.
    return are_same(first, again) and bool((first - beside).norm() > 1e-5 * first.norm())


def _is_within(path: str, other: str) -> bool:
    return path != other and (not other or path.startswith(f"{other}."))


def _are_chained(calls: Sequence[Call]) -> bool:
    """Tell whether each run took in the state that the one before put out."""
    if not calls or not all(_is_state(call.entered) and _is_state(call.left) for call in calls):
        return False
    return len({call.left.shape for call in calls}) == 1 and all(
        are_same(after.entered, before.left) for before, after in itertools.pairwise(calls)
    )


def are_same(one: Tensor | None, other: Tensor) -> bool:
    """Compare two states; those of a training that has diverged hold NaN."""
    return (
        one is not None
        and one.shape == other.shape
        and torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)
    )


def _is_state(state: Tensor | None) -> bool:
    """Tell whether it is (batch, tokens, width), or (tokens, batch, width)."""
    if state is None or state.ndim != 3 or not state.is_floating_point():
        return False
    return tuple(state.shape[:2]) in {(1, TRIAL_LENGTH), (TRIAL_LENGTH, 1)}
