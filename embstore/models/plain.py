"""A model of anybody's own, in plain torch, made to give its hidden states as transformers does.

Its blocks are found by running it: the longest list of modules of which each takes in what the one
before put out. What it is called with is a batch of token ids, and nothing else.
"""

import copy
import hashlib
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

_TRIAL_LENGTH = 8
# What a batch of token ids looks like to a model that was never told how many there are.
_TRIAL_IDS = torch.arange(_TRIAL_LENGTH)[None] % 2


@dataclass(frozen=True, eq=False)
class PlainModel:
    """A module of which it is known where its hidden states come from.

    Attributes:
        module: the model.
        name: what the store calls it.
        blocks: where in it the list of its blocks is.
        config: its sizes, as a configuration of transformers says them.
        changes_weights: whether it changes its own weights when it runs.
    """

    module: nn.Module
    name: str
    blocks: str
    config: transformers.PretrainedConfig
    changes_weights: bool

    def weights(self, dtype: torch.dtype) -> Weights:
        """Return a copy to run, in evaluation mode, that shares the weights where it may."""
        alone = shared_copy(self.module, dtype)
        if self.changes_weights:
            alone = copy.deepcopy(alone)
        # Attention is the model's own affair.
        return Weights(_WithStates(alone, self.blocks, self.config).eval(), "own")

    def fingerprint(self) -> tuple[str, int]:
        """Return the SHA-256 of all its tensors, as of a safetensors file, and their bytes."""
        digest, n_bytes = hashlib.sha256(), 0
        for name, tensor in sorted(self.module.state_dict().items()):
            numbers = tensor.detach().cpu().contiguous()
            said = [name, str(numbers.dtype).removeprefix("torch."), list(numbers.shape)]
            digest.update(json.dumps(said, separators=(",", ":")).encode() + b"\n")
            digest.update(numbers.reshape(-1).view(torch.uint8).numpy().tobytes())
            n_bytes += numbers.nbytes
        return digest.hexdigest(), n_bytes


def examine_plain(module: nn.Module, name: str, *, context: int | None) -> PlainModel:
    """Find the blocks of a model by running a copy of it on eight tokens.

    Args:
        module: takes token ids, (batch, tokens).
        name: what the store calls it.
        context: its longest sequence, where known.

    Raises:
        ModelError: it cannot be called so, or has no list of blocks that follow each other.
    """
    device = next(module.parameters()).device
    # With weights of its own: some models change theirs as soon as they run.
    alone = copy.deepcopy(shared_copy(module, next(module.parameters()).dtype))
    versions = [weight._version for weight in alone.parameters()]
    seen = _Seen()
    hooks = seen.watch(alone)
    try:
        with torch.inference_mode():
            alone(_TRIAL_IDS.to(device))
    except Exception as error:
        raise ModelError(
            f"{name}, a {type(module).__name__}, cannot be called with a batch of token ids alone "
            f"({one_line(error)}); wrap it in a module that can"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    path, calls = seen.longest_chain()
    if path is None:
        raise ModelError(
            f"{name}, a {type(module).__name__}, has no list of blocks of which each takes in what "
            "the one before put out, a state of (batch, tokens, width), so that it is not clear "
            "what its layers are; keep them in one torch.nn.ModuleList"
        )
    config = transformers.PretrainedConfig(
        hidden_size=calls[0].left.shape[-1],
        num_hidden_layers=len(calls),
        vocab_size=seen.vocab_size,
        is_encoder_decoder=False,
        max_position_embeddings=context,
    )
    config.model_type = type(module).__name__
    changes_weights = versions != [weight._version for weight in alone.parameters()]
    return PlainModel(module, name, path, config, changes_weights)


@dataclass(eq=False)
class _Seen:
    """What went through a model in its trial.

    Attributes:
        lists: the runs of the members of each list of modules, by where the list is.
        vocab_size: how many token ids its embedding knows.
    """

    lists: dict[str, list[Call]] = field(default_factory=dict)
    vocab_size: int = 2

    def watch(self, module: nn.Module) -> list[torch.utils.hooks.RemovableHandle]:
        """Hook into every embedding and every member of a list."""
        hooks = []
        for path, part in module.named_modules():
            if isinstance(part, nn.Embedding):
                hooks.append(part.register_forward_hook(self._note_embedding))
            if isinstance(part, nn.ModuleList | nn.Sequential):
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

    def _note_embedding(self, part: nn.Module, args: tuple[object, ...], _output: object) -> None:
        ids = args[0] if args else None
        if isinstance(ids, Tensor) and ids.shape == _TRIAL_IDS.shape:
            reads_tokens = torch.equal(ids.cpu(), _TRIAL_IDS)
            if reads_tokens and isinstance(part, nn.Embedding):
                self.vocab_size = max(self.vocab_size, part.num_embeddings)


class _WithStates(nn.Module):
    """A model that returns what goes into its first block and comes out of each."""

    def __init__(
        self, module: nn.Module, blocks: str, config: transformers.PretrainedConfig
    ) -> None:
        super().__init__()
        self.module = module
        self.config = config
        self._blocks = blocks

    def forward(self, input_ids: Tensor, **_rest: object) -> dict[str, object]:
        """Return ``hidden_states``, and ``last_hidden_state`` where a norm follows the blocks."""
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
            self.module(input_ids)
        finally:
            for hook in hooks:
                hook.remove()
        last = calls[-1].left
        after = [n.left for n in norms if n.entered is not None and torch.equal(n.entered, last)]
        states = (calls[0].entered, *(call.left for call in calls))
        return {"hidden_states": states, "last_hidden_state": after[0] if after else last}


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
    return len({call.left.shape[-1] for call in calls}) == 1 and all(
        after.entered is not None and torch.equal(after.entered, before.left)
        for before, after in itertools.pairwise(calls)
    )


def _is_state(state: Tensor | None) -> bool:
    shape = None if state is None else state.shape
    return shape is not None and len(shape) == 3 and shape[:2] == _TRIAL_IDS.shape
