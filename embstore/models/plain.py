"""A model of anybody's own, in plain torch, made to give its hidden states as transformers does.

Its blocks are found by running it: the longest list of modules of which each takes in what the one
before put out. What it is called with is a batch of token ids, (batch, tokens), and nothing else.
"""

import hashlib
import inspect
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import transformers
from torch import Tensor, nn

from embstore.common.messages import one_line
from embstore.errors import ModelError
from embstore.models.forward_pass import block_input, block_output
from embstore.models.load import Weights
from embstore.models.shared_copy import shared_copy
from embstore.models.trial import Call
from embstore.models.weight_changes import changes_of

_TRIAL_LENGTH = 8
# What a batch of token ids looks like to a model that was never told how many there are.
_TRIAL_IDS = torch.arange(_TRIAL_LENGTH, device="cpu")[None] % 2
_TRIAL_PLACES = torch.arange(_TRIAL_LENGTH, device="cpu")
# What the longest sequence is called in models by hand.
_CONTEXT = ("block_size", "context_length", "max_seq_len", "max_position_embeddings", "n_ctx")


@dataclass(frozen=True, eq=False)
class PlainModel:
    """A module of which it is known where its hidden states come from.

    Attributes:
        module: the model.
        name: what the store calls it.
        blocks: where in it the list of its blocks is.
        config: its sizes, as a configuration of transformers says them.
        context: its longest sequence, where known.
        tokens_first: whether its states are (tokens, batch, width).
        changes_weights: whether it changes its own weights when it runs.
    """

    module: nn.Module
    name: str
    blocks: str
    config: transformers.PretrainedConfig
    context: int | None
    tokens_first: bool
    changes_weights: bool

    def weights(self, dtype: torch.dtype) -> Weights:
        """Return a copy to run, in evaluation mode, that shares the weights where it may."""
        alone = shared_copy(self.module, dtype, own_weights=self.changes_weights)
        # Attention is the model's own affair.
        return Weights(_WithStates(alone, self).eval(), "own")

    def fingerprint(self) -> tuple[str, int]:
        """Return the SHA-256 of all its tensors, as of a safetensors file, and their bytes."""
        digest, n_bytes = hashlib.sha256(), 0
        for name, tensor in sorted(self.module.state_dict().items()):
            numbers = tensor.detach().cpu().contiguous()
            # The same weights, compiled or not.
            name = name.replace("_orig_mod.", "")
            said = [name, str(numbers.dtype).removeprefix("torch."), list(numbers.shape)]
            digest.update(json.dumps(said, separators=(",", ":")).encode() + b"\n")
            digest.update(numbers.reshape(-1).view(torch.uint8).numpy().tobytes())
            n_bytes += numbers.nbytes
        return digest.hexdigest(), n_bytes


def examine_plain(module: nn.Module, name: str) -> PlainModel:
    """Find the blocks of a model by running a copy of it on eight tokens.

    Args:
        module: takes token ids, (batch, tokens).
        name: what the store calls it.

    Raises:
        ModelError: it cannot be copied or called so, has no list of blocks that follow each
            other, or one sequence of a batch has a part in the states of another.
    """
    it = f"{name}, a {type(module).__name__},"
    for key, numbers in module.state_dict().items():
        if not isinstance(numbers, Tensor):
            raise ModelError(
                f"{it} keeps {key} in its state, a {type(numbers).__name__} and no tensor, so that "
                "it cannot be told by its numbers; embstore measures models before quantisation"
            )
    try:
        # With weights of its own: some models change theirs as soon as they run.
        alone = shared_copy(module, next(module.parameters()).dtype, own_weights=True)
    except Exception as error:
        raise ModelError(
            f"{it} cannot be copied ({one_line(error)}); take out what it keeps beside its weights"
        ) from error
    before = changes_of(alone.parameters())
    seen = _run(alone, _TRIAL_IDS, it)
    path, calls = seen.longest_chain()
    if path is None:
        raise ModelError(
            f"{it} has no list of blocks of which each takes in what the one before put out, a "
            "state of (batch, tokens, width), so that it is not clear what its layers are; keep "
            "them in one torch.nn.ModuleList"
        )
    vocab_size = seen.vocab_size or _said(module, ("vocab_size",))
    if vocab_size is None:
        raise ModelError(
            f"{it} looks its token ids up in no torch.nn.Embedding, so that it is not clear how "
            "many it knows; give it an attribute vocab_size"
        )
    if _mixes_sequences(alone, path, it):
        raise ModelError(
            f"{it} gives a sequence other states beside other sequences of its batch: it seems to "
            "be called with (tokens, batch); wrap it in a module that is called with "
            "(batch, tokens)"
        )
    context = _said(module, _CONTEXT) or seen.context
    config = transformers.PretrainedConfig(
        hidden_size=calls[0].left.shape[-1],
        num_hidden_layers=len(calls),
        vocab_size=vocab_size,
        is_encoder_decoder=False,
        max_position_embeddings=context,
    )
    config.model_type = type(module).__name__
    return PlainModel(
        module,
        name,
        path,
        config,
        context,
        tokens_first=calls[0].left.shape[0] == _TRIAL_LENGTH,
        changes_weights=changes_of(alone.parameters()) != before,
    )


def _run(module: nn.Module, ids: Tensor, it: str) -> "_Seen":
    """Run a model and see what goes through it.

    Raises:
        ModelError: it cannot be called so.
    """
    seen = _Seen()
    hooks = seen.watch(module)
    try:
        with torch.inference_mode():
            _call(module, ids.to(next(module.parameters()).device))
    except Exception as error:
        raise ModelError(
            f"{it} cannot be called with a batch of token ids alone ({one_line(error)}); wrap it "
            "in a module that can"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def _call(module: nn.Module, ids: Tensor) -> None:
    """Run a model on token ids, by the name that Trainers give them where it has that."""
    if "input_ids" in inspect.signature(module.forward).parameters:
        module(input_ids=ids)
    else:
        module(ids)


def _mixes_sequences(module: nn.Module, blocks: str, it: str) -> bool:
    """Tell whether what comes out for one sequence depends on another in the same batch."""
    lefts = [
        _run(module, torch.cat([other, _TRIAL_IDS]), it).lists[blocks][-1].left
        for other in (_TRIAL_IDS, _TRIAL_IDS, 1 - _TRIAL_IDS)
    ]
    first, again, beside = (
        (left.transpose(0, 1) if left.shape[0] == _TRIAL_LENGTH else left)[1].cpu().double()
        for left in lefts
    )
    # One that draws at random is refused for that. All passes have one shape, so that none rounds
    # another way; of NaN nothing is told.
    return _are_same(first, again) and bool((first - beside).norm() > 1e-5 * first.norm())


def _said(module: nn.Module, names: Sequence[str]) -> int | None:
    """Return a number that a model, or its configuration, has under one of some names."""
    holders = (module, getattr(module, "config", None))
    said = (getattr(holder, name, None) for holder in holders for name in names)
    return next((n for n in said if isinstance(n, int) and n > 0), None)


@dataclass(eq=False)
class _Seen:
    """What went through a model in its trial.

    Attributes:
        lists: the runs of the members of each list of modules, by where the list is.
        vocab_size: how many token ids its embedding knows; None if none was seen.
        context: how many places its embedding of places knows; None if none was seen.
    """

    lists: dict[str, list[Call]] = field(default_factory=dict)
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
                hooks += [_keep(member, calls) for member in part.children()]
        return hooks

    def longest_chain(self) -> tuple[str | None, Sequence[Call]]:
        """Return the longest list of members that follow each other, and that is in no other."""
        chains = {path: calls for path, calls in self.lists.items() if _are_chained(calls)}
        outermost = [path for path in chains if not any(_is_within(path, it) for it in chains)]
        if not outermost:
            return None, []
        longest = max(outermost, key=lambda path: len(chains[path]))
        return longest, chains[longest]

    def _note_table(self, part: nn.Module, args: tuple[object, ...], _output: object) -> None:
        table, ids = _table_of(part), args[0] if args else None
        if table is None or not isinstance(ids, Tensor) or ids.numel() != _TRIAL_LENGTH:
            return
        numbers = ids.flatten().cpu()
        if torch.equal(numbers, _TRIAL_IDS[0]):
            self.vocab_size = max(self.vocab_size or 0, len(table))
        if torch.equal(numbers, _TRIAL_PLACES):
            self.context = min(self.context or len(table), len(table))


def _table_of(part: nn.Module) -> Tensor | None:
    """Return the only matrix of a module without parts, which may be an embedding by hand."""
    if any(True for _ in part.children()):
        return None
    matrices = [weight for weight in part.parameters(recurse=False) if weight.ndim == 2]
    return matrices[0] if len(matrices) == 1 else None


class _WithStates(nn.Module):
    """A model that returns what goes into its first block, comes out of each and of a last norm.

    Attributes:
        module: the model.
        config: its sizes.
        shown_name: what messages call it.
    """

    def __init__(self, module: nn.Module, known: PlainModel) -> None:
        super().__init__()
        self.module = module
        self.config = known.config
        self._blocks = known.blocks
        self.shown_name = type(module).__name__
        self._tokens_first = known.tokens_first

    def forward(self, input_ids: Tensor, **_rest: object) -> dict[str, object]:
        """Return ``hidden_states``, each (batch, tokens, width)."""
        blocks = self.module.get_submodule(self._blocks)
        calls: list[Call] = []
        norms: list[Call] = []
        hooks = [_keep(block, calls) for block in blocks.children()]
        inside = set(blocks.modules())
        hooks += [
            _keep(part, norms)
            for part in self.module.modules()
            if "norm" in type(part).__name__.lower() and part not in inside
        ]
        try:
            _call(self.module, input_ids)
        finally:
            for hook in hooks:
                hook.remove()
        last = calls[-1].left
        after = [n.left for n in norms if _are_same(n.entered, last)]
        states = [calls[0].entered, *(call.left for call in calls), *after[:1]]
        if self._tokens_first:
            states = [None if state is None else state.transpose(0, 1) for state in states]
        return {"hidden_states": tuple(states)}


def _keep(part: nn.Module, calls: list[Call]) -> torch.utils.hooks.RemovableHandle:
    """Note each run of a part from now on."""

    def keep(
        part: nn.Module, args: tuple[object, ...], kwargs: dict[str, object], output: object
    ) -> None:
        entered, left = block_input(args, kwargs), block_output(output)
        if isinstance(left, Tensor):
            # Copies: what follows may change them in place.
            before = entered.clone() if isinstance(entered, Tensor) else None
            calls.append(Call(part, before, left.clone()))

    return part.register_forward_hook(keep, with_kwargs=True)


def _is_within(path: str, other: str) -> bool:
    return path != other and (not other or path.startswith(f"{other}."))


def _are_chained(calls: Sequence[Call]) -> bool:
    """Tell whether each run took in the state that the one before put out."""
    if not calls or not all(_is_state(call.entered) and _is_state(call.left) for call in calls):
        return False
    return len({call.left.shape for call in calls}) == 1 and all(
        _are_same(after.entered, before.left) for before, after in itertools.pairwise(calls)
    )


def _are_same(one: Tensor | None, other: Tensor) -> bool:
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
    return tuple(state.shape[:2]) in {(1, _TRIAL_LENGTH), (_TRIAL_LENGTH, 1)}
