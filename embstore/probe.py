"""Finds out by running a model what kind it is and where its hidden states come from.

Names and model types are not trusted: a fine-tuned checkpoint may be a decoder
made bidirectional, and every family calls its blocks and its last norm differently.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from embstore.errors import ModelError
from embstore.types import Kind, Stack

# Long enough for state-space convolutions, short enough to cost nothing.
_PROBE_LENGTH = 12


class Config(Protocol):
    """The part of a Hugging Face configuration that the probe reads."""

    is_encoder_decoder: bool
    vocab_size: int


@dataclass(frozen=True, eq=False)
class StackPlan:
    """How one stack yields its hidden states.

    Attributes:
        stack: encoder or decoder.
        output: name of its hidden states in the model's output.
        n_layers: its number of blocks.
        last_block: the module whose output is the state before the final norm, where
            the model returns the last state only after it; None where it does not.
    """

    stack: Stack
    output: str
    n_layers: int
    last_block: nn.Module | None


@dataclass(frozen=True)
class Probe:
    """What the probe found."""

    kind: Kind
    stacks: tuple[StackPlan, ...]


def probe(module: nn.Module, config: Config) -> Probe:
    """Run a model on a short input, and again with another last token.

    Earlier positions that change have seen a later one: the model is an encoder.
    An encoder-decoder is recognised from its configuration.

    Raises:
        ModelError: the model returns no hidden states.
    """
    device = next(module.parameters()).device
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, config.vocab_size, (1, _PROBE_LENGTH), generator=generator)
    # An end-of-text or padding id among them could be masked; low ids usually are special.
    ids = ids.clamp(min=min(10, config.vocab_size - 1)).to(device)
    with torch.inference_mode():
        outputs, produced = _run_recording_blocks(module, ids)
    if config.is_encoder_decoder:
        kind: Kind = "encoder-decoder"
        wanted: list[tuple[Stack, str]] = [
            ("encoder", "encoder_hidden_states"),
            ("decoder", "decoder_hidden_states"),
        ]
    else:
        kind = "encoder" if _sees_ahead(module, ids, outputs["hidden_states"][-1]) else "decoder"
        wanted = [(kind, "hidden_states")]
    return Probe(kind, tuple(_plan(stack, name, outputs[name], produced) for stack, name in wanted))


def forward(module: nn.Module, ids: Tensor, **inputs: Tensor) -> dict[str, tuple[Tensor, ...]]:
    """Run the model for its hidden states; returns each tuple of them by name.

    Raises:
        ModelError: the model returns none.
    """
    output = module(
        input_ids=ids, output_hidden_states=True, return_dict=True, use_cache=False, **inputs
    )
    names = ("hidden_states", "encoder_hidden_states", "decoder_hidden_states")
    states = {name: output[name] for name in names if output.get(name) is not None}
    if not states:
        raise ModelError(f"{type(module).__name__} returns no hidden states; it cannot be measured")
    return states


def block_output(output: object) -> object:
    """Return the hidden state of a block that may return more beside it."""
    return output[0] if isinstance(output, tuple) else output


def _run_recording_blocks(
    module: nn.Module, ids: Tensor
) -> tuple[dict[str, tuple[Tensor, ...]], dict[nn.ModuleList, list[Tensor]]]:
    """Run once; also return what the members of every list of modules put out."""
    produced: dict[nn.ModuleList, list[Tensor]] = {}
    hooks = []
    for blocks in module.modules():
        if not isinstance(blocks, nn.ModuleList):
            continue
        record = produced[blocks] = []
        for block in blocks:

            def keep(
                _module: nn.Module, _inputs: object, output: object, record: list[Tensor] = record
            ) -> None:
                state = block_output(output)
                if isinstance(state, Tensor):
                    record.append(state.clone())

            hooks.append(block.register_forward_hook(keep))
    try:
        inputs = {"decoder_input_ids": ids} if module.config.is_encoder_decoder else {}  # type: ignore[union-attr]
        return forward(module, ids, **inputs), produced
    finally:
        for hook in hooks:
            hook.remove()


def _sees_ahead(module: nn.Module, ids: Tensor, state: Tensor) -> bool:
    changed = ids.clone()
    changed[0, -1] = ids[0, 0]
    if changed[0, -1] == ids[0, -1]:
        changed[0, -1] = ids[0, 1]
    with torch.inference_mode():
        other = forward(module, changed)["hidden_states"][-1]
    before, after = state[0, :-1].float(), other[0, :-1].float()
    # A causal model repeats itself, or differs by rounding (1e-7); an encoder with untrained
    # weights already moves the third digit.
    return bool((after - before).norm() > 2e-6 * before.norm())


def _plan(
    stack: Stack,
    output: str,
    states: tuple[Tensor, ...],
    produced: dict[nn.ModuleList, list[Tensor]],
) -> StackPlan:
    """Find the list of blocks whose outputs are this stack's inner hidden states."""
    n_layers = len(states) - 1
    for blocks, record in produced.items():
        if len(record) != n_layers or n_layers == 0:
            continue
        inner = zip(record[:-1], states[1:-1], strict=True)
        if all(a.shape == b.shape and torch.equal(a, b) for a, b in inner):
            last = record[-1]
            returned = last.shape == states[-1].shape and torch.equal(last, states[-1])
            return StackPlan(stack, output, n_layers, None if returned else blocks[-1])
    # Blocks shared between layers (ALBERT) stand in no such list; what they return is final.
    return StackPlan(stack, output, n_layers, None)
