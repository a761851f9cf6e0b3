"""Finds out by running a model what kind it is and where its hidden states come from.

Names and model types are not trusted: a fine-tuned checkpoint may be a decoder
made bidirectional, and every family calls its blocks and its last norm differently.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from embstore.errors import ModelError
from embstore.models.forward_pass import (
    Config,
    Output,
    block_input,
    block_output,
    forward,
    takes_images,
    trial_inputs,
)
from embstore.types import Kind, LayerKey, Site, Stack


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
    stacks: tuple[StackLayout, ...]


def probe(module: nn.Module, config: Config) -> Probe:
    """Run a model on a short input, and again with another last token.

    Earlier positions that change have seen a later one: the model is an encoder.
    An encoder-decoder is recognised from its configuration, and models of images are
    encoders.

    Raises:
        ModelError: the model returns no hidden states, not one for each token, or not the
            same ones when it is run again.
    """
    inputs = trial_inputs(module, config, rows=1)
    with torch.inference_mode():
        found, records = _run_recording_blocks(module, inputs)
    for states in found.states.values():
        _check_shapes(type(module).__name__, states, inputs.get("input_ids"))
    if config.is_encoder_decoder:
        kind: Kind = "encoder-decoder"
        wanted: list[tuple[Stack, str]] = [
            ("encoder", "encoder_hidden_states"),
            ("decoder", "decoder_hidden_states"),
        ]
    else:
        last = found.states["hidden_states"][-1]
        if takes_images(module):
            _check_repeatable(module, inputs, last)
            kind = "encoder"
        else:
            kind = "encoder" if _sees_ahead(module, inputs, last) else "decoder"
        wanted = [(kind, "hidden_states")]
    return Probe(kind, tuple(_layout(stack, name, found, records) for stack, name in wanted))


@dataclass
class _Record:
    """What the blocks of a list took in and put out during one run."""

    first_input: Tensor | None
    outputs: list[Tensor]


@dataclass
class _Records:
    """What went through the lists of blocks, and what the norms outside of them put out."""

    blocks: dict[nn.ModuleList, _Record]
    norms: dict[nn.Module, Tensor]


def _run_recording_blocks(
    module: nn.Module, inputs: Mapping[str, Tensor]
) -> tuple[Output, _Records]:
    """Run once; also return what went through the members of every list of modules."""
    records = _Records({}, {})

    def keep_norm(norm: nn.Module, _args: tuple[object, ...], output: object) -> None:
        if isinstance(output, Tensor):
            records.norms[norm] = output.clone()

    norms = [part for part in module.children() if "norm" in type(part).__name__.lower()]
    hooks = [norm.register_forward_hook(keep_norm) for norm in norms]
    for blocks in module.modules():
        if not isinstance(blocks, nn.ModuleList):
            continue
        records.blocks[blocks] = _Record(None, [])
        for block in blocks:

            def keep(
                _module: nn.Module,
                args: tuple[object, ...],
                kwargs: dict[str, object],
                output: object,
                record: _Record = records.blocks[blocks],
            ) -> None:
                state, entered = block_output(output), block_input(args, kwargs)
                if not record.outputs and isinstance(entered, Tensor):
                    record.first_input = entered.clone()
                if isinstance(state, Tensor):
                    record.outputs.append(state.clone())

            hooks.append(block.register_forward_hook(keep, with_kwargs=True))
    try:
        return forward(module, inputs), records
    finally:
        for hook in hooks:
            hook.remove()


def _check_shapes(name: str, states: Sequence[Tensor], ids: Tensor | None) -> None:
    expected = states[0].shape[:2] if ids is None else ids.shape
    for state in states:
        if state.ndim != 3 or state.shape[:2] != expected:
            raise ModelError(
                f"{name} returns hidden states of shape {tuple(state.shape)} for "
                f"{expected[-1]} tokens; embstore needs one state per token and layer"
            )


def _check_repeatable(module: nn.Module, inputs: Mapping[str, Tensor], state: Tensor) -> None:
    """Refuse masked autoencoders, which leave out patches at random."""
    with torch.inference_mode():
        again = forward(module, inputs).states["hidden_states"][-1]
    # On an accelerator sums may round another way; drawing at random is no rounding.
    if state.shape != again.shape or not torch.allclose(
        state.float(), again.float(), rtol=1e-2, atol=1e-3, equal_nan=True
    ):
        raise ModelError(
            f"{type(module).__name__} returns other hidden states when it is run again on the same "
            "input; a model whose output is random cannot be measured"
        )


def _sees_ahead(module: nn.Module, inputs: Mapping[str, Tensor], state: Tensor) -> bool:
    ids = inputs["input_ids"]
    changed = ids.clone()
    changed[0, -1] = ids[0, 0]
    if changed[0, -1] == ids[0, -1]:
        changed[0, -1] = ids[0, 1]
    with torch.inference_mode():
        other = forward(module, {"input_ids": changed}).states["hidden_states"][-1]
    before, after = state[0, :-1].float(), other[0, :-1].float()
    # A causal model repeats itself, or differs by rounding (1e-7); an encoder with untrained
    # weights already moves the third digit.
    return bool((after - before).norm() > 2e-6 * before.norm())


def _layout(stack: Stack, output: str, found: Output, records: _Records) -> StackLayout:
    """Find the list of blocks behind this stack's hidden states, and which state is which."""
    states = found.states[output]
    n_layers = len(states) - 1
    embedding = LayerKey(stack, 0, "embedding")
    blocks_keys = tuple(LayerKey(stack, layer, "block") for layer in range(1, n_layers + 1))
    final_norm = LayerKey(stack, n_layers, "final_norm")
    for blocks, record in records.blocks.items():
        outputs = record.outputs
        if n_layers == 0 or len(outputs) != n_layers or record.first_input is None:
            continue
        if _same(states[0], record.first_input) and _all_same(outputs[:-1], states[1:-1]):
            if _same(outputs[-1], states[-1]):
                normed = _normed_later(final_norm, found, states[-1], records.norms)
                return StackLayout(stack, output, n_layers, (embedding, *blocks_keys), normed)
            # The last block's own output is overwritten by the normalised one.
            last = Capture(blocks_keys[-1], blocks[-1], "output")
            returned = (embedding, *blocks_keys[:-1], final_norm)
            return StackLayout(stack, output, n_layers, returned, (last,))
        if _all_same(outputs, states[:-1]):
            # State-space models return what each block puts out, and not the embedding.
            first = Capture(embedding, blocks[0], "input")
            return StackLayout(stack, output, n_layers, (*blocks_keys, final_norm), (first,))
    # Blocks that are run in another way; what they return is taken as final.
    return StackLayout(stack, output, n_layers, (embedding, *blocks_keys), ())


def _normed_later(
    key: LayerKey, found: Output, state: Tensor, norms: Mapping[nn.Module, Tensor]
) -> tuple[Capture, ...]:
    """Models of images normalise the last state without counting that among their states."""
    if found.last is None or _same(found.last, state):
        return ()
    # A norm that stands last, such as the only one outside the blocks.
    for norm, output in norms.items():
        if _same(output, found.last):
            return (Capture(key, norm, "output"),)
    return ()


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a, b)


def _all_same(a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
    return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
