"""Finds out by running a model what kind it is and where its hidden states come from.

Names and model types are not trusted: a fine-tuned checkpoint may be a decoder
made bidirectional, and every family calls its blocks and its last norm differently.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from embstore.errors import ModelError
from embstore.types import Kind, LayerKey, Site, Stack

# Long enough for state-space convolutions, short enough to cost nothing.
_PROBE_LENGTH = 12


class Config(Protocol):
    """The part of a Hugging Face configuration that the probe reads."""

    is_encoder_decoder: bool
    vocab_size: int


@dataclass(frozen=True, eq=False)
class Capture:
    """A state that the model does not return: a block's input or output."""

    key: LayerKey
    block: nn.Module
    side: Literal["input", "output"]


@dataclass(frozen=True, eq=False)
class StackPlan:
    """How one stack yields its hidden states.

    Attributes:
        stack: encoder or decoder.
        output: name of its hidden states in the model's output.
        n_layers: its number of blocks.
        returned: which state each of the returned ones is, in their order.
        captured: the states to be taken from the blocks themselves.
    """

    stack: Stack
    output: str
    n_layers: int
    returned: tuple[LayerKey, ...]
    captured: tuple[Capture, ...]

    @property
    def keys(self) -> list[LayerKey]:
        """Every state the stack yields: embedding, blocks, final norm."""
        order: dict[Site, int] = {"embedding": 0, "block": 1, "final_norm": 2}
        keys = [*self.returned, *(capture.key for capture in self.captured)]
        return sorted(keys, key=lambda key: (key.layer, order[key.site]))


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
        outputs, records = _run_recording_blocks(module, ids)
    if config.is_encoder_decoder:
        kind: Kind = "encoder-decoder"
        wanted: list[tuple[Stack, str]] = [
            ("encoder", "encoder_hidden_states"),
            ("decoder", "decoder_hidden_states"),
        ]
    else:
        kind = "encoder" if _sees_ahead(module, ids, outputs["hidden_states"][-1]) else "decoder"
        wanted = [(kind, "hidden_states")]
    return Probe(kind, tuple(_plan(stack, name, outputs[name], records) for stack, name in wanted))


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


def block_input(args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
    """Return the hidden state that a block was called with."""
    return args[0] if args else kwargs.get("hidden_states")


@dataclass
class _Record:
    """What the blocks of a list took in and put out during one run."""

    first_input: Tensor | None
    outputs: list[Tensor]


def _run_recording_blocks(
    module: nn.Module, ids: Tensor
) -> tuple[dict[str, tuple[Tensor, ...]], dict[nn.ModuleList, _Record]]:
    """Run once; also return what went through the members of every list of modules."""
    records: dict[nn.ModuleList, _Record] = {}
    hooks = []
    for blocks in module.modules():
        if not isinstance(blocks, nn.ModuleList):
            continue
        records[blocks] = _Record(None, [])
        for block in blocks:

            def keep(
                _module: nn.Module,
                args: tuple[object, ...],
                kwargs: dict[str, object],
                output: object,
                record: _Record = records[blocks],
            ) -> None:
                state, entered = block_output(output), block_input(args, kwargs)
                if not record.outputs and isinstance(entered, Tensor):
                    record.first_input = entered.clone()
                if isinstance(state, Tensor):
                    record.outputs.append(state.clone())

            hooks.append(block.register_forward_hook(keep, with_kwargs=True))
    try:
        # Another input than the encoder's: shared embeddings would make the stacks look alike.
        two_stacks = module.config.is_encoder_decoder  # type: ignore[union-attr]
        inputs = {"decoder_input_ids": ids.flip(1)} if two_stacks else {}
        return forward(module, ids, **inputs), records
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
    records: dict[nn.ModuleList, _Record],
) -> StackPlan:
    """Find the list of blocks behind this stack's hidden states, and which state is which."""
    n_layers = len(states) - 1
    embedding = LayerKey(stack, 0, "embedding")
    blocks_keys = tuple(LayerKey(stack, layer, "block") for layer in range(1, n_layers + 1))
    final_norm = LayerKey(stack, n_layers, "final_norm")
    for blocks, record in records.items():
        outputs = record.outputs
        if n_layers == 0 or len(outputs) != n_layers or record.first_input is None:
            continue
        if _same(states[0], record.first_input) and _all_same(outputs[:-1], states[1:-1]):
            if _same(outputs[-1], states[-1]):
                return StackPlan(stack, output, n_layers, (embedding, *blocks_keys), ())
            # The last block's own output is overwritten by the normalised one.
            last = Capture(blocks_keys[-1], blocks[-1], "output")
            returned = (embedding, *blocks_keys[:-1], final_norm)
            return StackPlan(stack, output, n_layers, returned, (last,))
        if _all_same(outputs, states[:-1]):
            # State-space models return what each block puts out, and not the embedding.
            first = Capture(embedding, blocks[0], "input")
            return StackPlan(stack, output, n_layers, (*blocks_keys, final_norm), (first,))
    # Blocks shared between layers (ALBERT) stand in no such list; what they return is final.
    return StackPlan(stack, output, n_layers, (embedding, *blocks_keys), ())


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a, b)


def _all_same(a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
    return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
