"""Feeds windows to a model and yields its hidden states, one batch at a time."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from embstore.models import LoadedModel
from embstore.probe import StackPlan, block_output, forward
from embstore.types import LayerKey

# Hidden states of one batch, all layers together, stay below this size by default. Larger
# batches are no faster on a CPU and make progress coarse.
_BATCH_BYTES = 80 * 2**20


@dataclass(frozen=True, eq=False)
class HiddenBatch:
    """All hidden states of a few windows, of every stack.

    Attributes:
        start: index of the batch's first window.
        states: by layer, each (windows, window, d), on the CPU.
        mask: which positions are tokens and not padding, (windows, window).
        seconds: what the forward pass took.
    """

    start: int
    states: dict[LayerKey, Tensor]
    mask: NDArray[np.bool_]
    seconds: float


def layer_keys(plan: StackPlan) -> list[LayerKey]:
    """List the states a stack yields, in order: embedding, blocks, final norm."""
    keys = [LayerKey(plan.stack, 0, "embedding")]
    keys += [LayerKey(plan.stack, layer, "block") for layer in range(1, plan.n_layers + 1)]
    if plan.last_block is not None:
        keys.append(LayerKey(plan.stack, plan.n_layers, "final_norm"))
    return keys


def default_batch_size(model: LoadedModel, window: int) -> int:
    """Choose how many windows go in at once so that their hidden states fit a fixed size."""
    states = sum(len(layer_keys(plan)) for plan in model.stacks)
    return max(1, min(32, _BATCH_BYTES // (states * window * model.facts.hidden_size * 4)))


def hidden_batches(
    model: LoadedModel,
    ids: NDArray[np.int64],
    attention_mask: NDArray[np.bool_],
    *,
    batch_size: int,
) -> Iterator[HiddenBatch]:
    """Yield the hidden states of all windows, ``batch_size`` windows at a time.

    The decoder of an encoder-decoder reads the same window shifted right by its
    start token, as in training. Nothing of a batch is kept once the next is asked for.

    Args:
        model: the loaded model.
        ids: token ids, (n_windows, window).
        attention_mask: False for padding, (n_windows, window).
        batch_size: windows per forward pass.
    """
    captured: dict[str, Tensor] = {}
    hooks = [
        plan.last_block.register_forward_hook(_capture(captured, plan.stack))
        for plan in model.stacks
        if plan.last_block is not None
    ]
    try:
        for start in range(0, len(ids), batch_size):
            rows = slice(start, start + batch_size)
            began = time.perf_counter()
            states = _forward_batch(model, ids[rows], attention_mask[rows], captured)
            seconds = time.perf_counter() - began
            yield HiddenBatch(start, states, attention_mask[rows], seconds)
    finally:
        for hook in hooks:
            hook.remove()


def _forward_batch(
    model: LoadedModel,
    ids: NDArray[np.int64],
    mask: NDArray[np.bool_],
    captured: dict[str, Tensor],
) -> dict[LayerKey, Tensor]:
    token_ids = torch.from_numpy(ids).to(model.device)
    inputs = {"attention_mask": torch.from_numpy(mask.astype(np.int64)).to(model.device)}
    if model.facts.kind == "encoder-decoder":
        shifted = token_ids.roll(1, dims=1)
        shifted[:, 0] = model.decoder_start_token_id or 0
        inputs |= {
            "decoder_input_ids": shifted,
            "decoder_attention_mask": inputs["attention_mask"],
        }
    with torch.inference_mode():
        outputs = forward(model.module, token_ids, **inputs)
    states: dict[LayerKey, Tensor] = {}
    for plan in model.stacks:
        returned = list(outputs[plan.output])
        if plan.last_block is not None:
            returned.insert(plan.n_layers, captured.pop(plan.stack))
        states |= {key: state.cpu() for key, state in zip(layer_keys(plan), returned, strict=True)}
    return states


def _capture(captured: dict[str, Tensor], stack: str) -> Callable[..., None]:
    def hook(_module: nn.Module, _inputs: object, output: object) -> None:
        state = block_output(output)
        if isinstance(state, Tensor):
            captured[stack] = state

    return hook
