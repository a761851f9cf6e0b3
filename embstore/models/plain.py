"""A model of anybody's own, in plain torch, made to give its hidden states as transformers does.

Its blocks are found by running it: the longest list of modules of which each takes in what the one
before put out. What it is called with is a batch of token ids, (batch, tokens), and nothing else.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import transformers
from torch import Tensor, nn

from embstore.common.messages import one_line
from embstore.errors import ModelError
from embstore.models.load import Weights
from embstore.models.plain_trial import (
    TRIAL_IDS,
    TRIAL_LENGTH,
    are_same,
    call,
    mixes_sequences,
    run_trial,
)
from embstore.models.shared_copy import shared_copy
from embstore.models.trial import Call, keep_runs
from embstore.models.weight_changes import changes_of

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
    seen = run_trial(alone, TRIAL_IDS, it)
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
    if mixes_sequences(alone, path, it):
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
        tokens_first=calls[0].left.shape[0] == TRIAL_LENGTH,
        changes_weights=changes_of(alone.parameters()) != before,
    )


def _said(module: nn.Module, names: Sequence[str]) -> int | None:
    """Return a number that a model, or its configuration, has under one of some names."""
    holders = (module, getattr(module, "config", None))
    said = (getattr(holder, name, None) for holder in holders for name in names)
    return next((n for n in said if isinstance(n, int) and n > 0), None)


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
        hooks = [keep_runs(block, calls) for block in blocks.children()]
        inside = set(blocks.modules())
        hooks += [
            keep_runs(part, norms)
            for part in self.module.modules()
            if "norm" in type(part).__name__.lower() and part not in inside
        ]
        try:
            call(self.module, input_ids)
        finally:
            for hook in hooks:
                hook.remove()
        last = calls[-1].left
        after = [n.left for n in norms if are_same(n.entered, last)]
        states = [calls[0].entered, *(call.left for call in calls), *after[:1]]
        if self._tokens_first:
            states = [None if state is None else state.transpose(0, 1) for state in states]
        return {"hidden_states": tuple(states)}
