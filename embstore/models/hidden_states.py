"""Feeds windows to a model and yields its hidden states, one batch at a time."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from embstore.checkpoints.silence import quiet
from embstore.choices import DEFAULT_WINDOW
from embstore.common.float64 import has_float64
from embstore.common.gpu_memory import share_of_free
from embstore.common.messages import one_line
from embstore.errors import ModelError
from embstore.models.feeding import longest_first, n_together
from embstore.models.forward_pass import block_input, block_output, forward
from embstore.models.layout import Capture, StackLayout
from embstore.models.loaded import LoadedModel
from embstore.types import FloatArray, LayerKey, Stack, TokenNumber

# Hidden states of one batch, all layers together, stay below this size by default. Larger
# batches are no faster on a CPU and make progress coarse.
BATCH_BYTES = 80 * 2**20
# A GPU is asked for some ten thousand small things a batch, whatever its size: there batches are
# larger, up to this size and that share of what is free.
_GPU_BATCH_BYTES, _GPU_SHARE = 2**31, 1 / 16
_MOST_WINDOWS = 32
# Of sequences of unequal lengths as many tokens as those windows mostly have.
_MOST_TOKENS = _MOST_WINDOWS * DEFAULT_WINDOW
# Bytes of a number in single precision, and by how much rounding moves states in it: a kernel for
# another shape moves them by some 1e-6, a layer that sees padding by 1e-3 even without training.
_SINGLE, _ROUNDING = 4, 1e-4


# By layer what each token has beside its vector, (windows, window), or for each head, (windows,
# window, heads), NaN where it has none; or why no token has.
TokenNumbers = Mapping[LayerKey, Mapping[TokenNumber, FloatArray | str]]


@dataclass(frozen=True, eq=False)
class HiddenBatch:
    """All hidden states of a few windows, of every stack.

    Attributes:
        start: index of the batch's first window, where windows come in their order.
        states: by layer, each (windows, window, d): where the model is, or on the CPU if sums
            in float64 cannot be made there.
        mask: which positions are tokens and not padding, (windows, window).
        ids: the token ids, or places of patches, that each stack read, (windows, window).
        seconds: what the forward pass took.
        numbers: of the windows, where they come in another order, (windows,).
        width: places of a window among all windows, where the batch is cut behind its longest.
        token_numbers: what the model's head and its attention make of each token, where wanted.
    """

    start: int
    states: dict[LayerKey, Tensor]
    mask: NDArray[np.bool_]
    ids: dict[Stack, NDArray[np.int64]]
    seconds: float
    numbers: NDArray[np.int64] | None = None
    width: int | None = None
    token_numbers: TokenNumbers = field(default_factory=dict)

    @property
    def windows(self) -> NDArray[np.int64]:
        """The number of each window in the order of the draw, (windows,)."""
        if self.numbers is not None:
            return self.numbers
        return np.arange(self.start, self.start + len(self.mask))

    @property
    def places(self) -> int:
        """Places of a window in flat positions among all windows."""
        return self.width or self.mask.shape[1]


def windows_per_batch(
    n_states: int, hidden_size: int, window: int, batch_bytes: int = BATCH_BYTES
) -> int:
    """Choose how many windows go in at once so that their hidden states fit some bytes.

    >>> windows_per_batch(32, 576, 512)
    2
    """
    return max(1, min(_MOST_WINDOWS, batch_bytes // (n_states * window * hidden_size * 4)))


def batch_bytes_on(device: torch.device) -> int:
    """Return how large the hidden states of one batch may be, all layers together."""
    return share_of_free(str(device), _GPU_SHARE, least=BATCH_BYTES, most=_GPU_BATCH_BYTES)


def default_batch_size(model: LoadedModel, window: int, *, unequal: bool = False) -> int:
    """Choose how many windows go in at once so that their hidden states are of a bounded size.

    Args:
        model: the loaded model.
        window: tokens of each, or of the longest.
        unequal: whether they are of unequal lengths; then of shorter ones more go in at once, so
            that tokens are limited and not sequences.
    """
    states = sum(len(layout.keys) for layout in model.stacks)
    most = max(_MOST_TOKENS // window, 1) if unequal else _MOST_WINDOWS
    fitting = batch_bytes_on(model.device) // (states * window * model.facts.hidden_size * 4)
    return max(1, min(most, fitting))


class Inputs(Protocol):
    """Sequences to feed: windows of text, or images as sequences of patches."""

    @property
    def ids(self) -> NDArray[np.int64]:
        """What stands where, (n_windows, window)."""

    @property
    def attention_mask(self) -> NDArray[np.bool_]:
        """False for padding, (n_windows, window)."""

    def inputs(
        self, rows: slice | NDArray[np.int64]
    ) -> Mapping[str, NDArray[np.int64]] | Mapping[str, NDArray[np.float32]]:
        """Return what the model is called with for these sequences, by name."""


def hidden_batches(
    model: LoadedModel,
    windows: Inputs,
    *,
    batch_size: int,
) -> Iterator[HiddenBatch]:
    """Yield the hidden states of all windows, ``batch_size`` windows at a time.

    The decoder of an encoder-decoder reads the same window shifted right by its start token, or
    where the family has none by its last, as in training. Nothing of a batch is kept once the next
    is asked for.

    Windows of unequal lengths come the longest first, each batch cut behind its longest: what is
    fed costs as much as its tokens. Padding is fed only where it reaches no token.

    Args:
        model: the loaded model.
        windows: what to feed.
        batch_size: windows per forward pass; of shorter ones so many that they have as many tokens.

    Raises:
        EmbstoreError: the model cannot run on a batch, or its inputs cannot be read.
    """
    captured: dict[LayerKey, Tensor] = {}
    hooks = [_capture(captured, capture) for layout in model.stacks for capture in layout.captured]
    hooks += model.maps.hooks() if model.maps else []
    try:
        n, width = windows.ids.shape
        if not windows.attention_mask.all():
            yield from _unequal_batches(model, windows, batch_size * width, captured)
            return
        for start in range(0, n, batch_size):
            rows = slice(start, start + batch_size)
            # Give the batch no name: it would stay in memory while the next one is computed.
            yield _forward_batch(model, windows, rows, captured)
    finally:
        for hook in hooks:
            hook.remove()


def _unequal_batches(
    model: LoadedModel, windows: Inputs, tokens: int, captured: dict[LayerKey, Tensor]
) -> Iterator[HiddenBatch]:
    """Yield the hidden states of windows of unequal lengths, so many tokens at a time.

    Whether padding reaches a token is tried out on the first windows that would get some. In half
    precision rounding hides it: there only a causal model, whose earlier positions no later one
    moves, gets padding.
    """
    lengths = windows.attention_mask.sum(axis=1)
    order = longest_first(lengths)
    lengths = lengths[order]
    single = next(model.module.parameters()).dtype.itemsize >= _SINGLE
    pads, tried = single or model.facts.kind == "decoder", not single
    at = 0
    while at < len(order):
        until = at + n_together(lengths[at:], tokens=tokens, pads=pads)
        if not tried and lengths[until - 1] < lengths[at]:
            tried, pads = True, _pads_unseen(model, windows, order[[at, until - 1]], captured)
            continue
        yield _forward_batch(model, windows, order[at:until], captured)
        at = until


def _pads_unseen(
    model: LoadedModel,
    windows: Inputs,
    two: NDArray[np.int64],
    captured: dict[LayerKey, Tensor],
) -> bool:
    """Tell whether the shorter of two windows has the same states padded as alone."""
    padded = _forward_batch(model, windows, two, captured)
    alone = _forward_batch(model, windows, two[1:], captured)
    n = alone.mask.shape[1]
    return all(
        bool((padded.states[key][1, :n] - state[0]).norm() <= _ROUNDING * state[0].norm())
        for key, state in alone.states.items()
    )


def _forward_batch(
    model: LoadedModel,
    windows: Inputs,
    rows: slice | NDArray[np.int64],
    captured: dict[LayerKey, Tensor],
) -> HiddenBatch:
    began = time.perf_counter()
    mask = windows.attention_mask[rows]
    # Padding is behind the end of a window: nobody needs that of all of them.
    longest = int(mask.sum(axis=1).max(initial=0))
    mask, ids = mask[:, :longest], windows.ids[rows, :longest]
    read: dict[Stack, NDArray[np.int64]] = {layout.stack: ids for layout in model.stacks}
    inputs = {name: _on_device(array, model) for name, array in windows.inputs(rows).items()}
    if model.facts.kind == "encoder-decoder":
        shifted = _shifted(
            inputs["input_ids"], inputs["attention_mask"], model.decoder_start_token_id
        )
        read["decoder"] = shifted.cpu().numpy()
        inputs |= {
            "decoder_input_ids": shifted,
            "decoder_attention_mask": inputs["attention_mask"],
        }
    try:
        with torch.inference_mode(), quiet():
            asks = model.maps is not None and model.maps.on_request
            outputs = forward(model.module, inputs, attentions=asks).states
        if model.device.type == "cuda":
            # What was only queued would count as time of the geometry, and its errors come late.
            torch.cuda.synchronize(model.device)
    except (RuntimeError, IndexError) as error:
        # Such as too little memory, or a table of positions shorter than the window.
        n_windows, window = ids.shape
        raise ModelError(
            f"{model.facts.name} cannot run on {n_windows} windows of {window} tokens "
            f"({one_line(error)}); try a smaller batch size or window"
        ) from error
    states: dict[LayerKey, Tensor] = {}
    for layout in model.stacks:
        found = _by_key(layout, outputs[layout.output]) | captured
        states |= {key: found[key] for key in layout.keys}
    captured.clear()
    if isinstance(rows, np.ndarray):
        # Sparse attention pads what is no whole number of its blocks, and texts are of any length.
        states = {key: state[:, :longest] for key, state in states.items()}
    for state in states.values():
        if state.shape[:2] != ids.shape:
            raise ModelError(
                f"{model.facts.name} returns {state.shape[1]} states for a window of "
                f"{ids.shape[1]} tokens; give a window of {state.shape[1]}"
            )
    made = _token_numbers(model, states, mask, read)
    states = {key: state.to(_where_measured(model.device)) for key, state in states.items()}
    seconds = time.perf_counter() - began
    if isinstance(rows, slice):
        return HiddenBatch(rows.start, states, mask, read, seconds, token_numbers=made)
    width = windows.ids.shape[1]
    return HiddenBatch(int(rows.min()), states, mask, read, seconds, rows, width, made)


def _shifted(ids: Tensor, mask: Tensor, start: int | None) -> Tensor:
    """Return windows as a decoder reads them, one token later; without a start their last first."""
    shifted = ids.roll(1, dims=1)
    last = mask.sum(dim=1, keepdim=True) - 1
    shifted[:, 0] = ids.gather(1, last)[:, 0] if start is None else start
    return shifted


def _token_numbers(
    model: LoadedModel,
    states: dict[LayerKey, Tensor],
    mask: NDArray[np.bool_],
    read: Mapping[Stack, NDArray[np.int64]],
) -> TokenNumbers:
    """Return what is wanted beside the states, of every layer."""
    by_head = model.lens.numbers(states, read[model.lens.stack], mask) if model.lens else {}
    shape = mask.shape
    by_attention = model.maps.numbers(model.stacks, shape, model.facts.name) if model.maps else {}
    return {key: {**by_head.get(key, {}), **by_attention.get(key, {})} for key in states}


def _where_measured(device: torch.device) -> torch.device:
    """Return where the states of a model on some device are summed up."""
    return device if has_float64(device.type) else torch.device("cpu")


def _by_key(layout: StackLayout, returned: tuple[Tensor, ...]) -> dict[LayerKey, Tensor]:
    pairs = zip(layout.returned, returned, strict=True)
    return {key: state for key, state in pairs if key is not None}


def _on_device(array: NDArray[np.int64] | NDArray[np.float32], model: LoadedModel) -> Tensor:
    tensor = torch.from_numpy(array)
    if tensor.is_floating_point():
        tensor = tensor.to(next(model.module.parameters()).dtype)
    return tensor.to(model.device)


def _capture(captured: dict[LayerKey, Tensor], capture: Capture) -> RemovableHandle:
    def hook(
        _module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object], output: object
    ) -> None:
        state = block_input(args, kwargs) if capture.side == "input" else block_output(output)
        if isinstance(state, Tensor):
            # Copy it: what follows the block may change it in place.
            captured[capture.key] = state.clone()

    return capture.block.register_forward_hook(hook, with_kwargs=True)
