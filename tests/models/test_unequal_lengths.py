"""Windows of unequal lengths: each is read as if it were alone, in any family."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from embstore.inputs.windows import Windows, padded
from embstore.models import hidden_states
from embstore.models.feeding import longest_first, n_together
from embstore.models.hidden_states import HiddenBatch, default_batch_size, hidden_batches
from embstore.models.loaded import LoadedModel
from embstore.types import LayerKey
from tests import tiny_models

pytestmark = pytest.mark.slow

# Of big_bird some are longer and some shorter than what its sparse attention takes.
LENGTHS = (9, 21, 5, 9, 8, 30, 20, 2, 17, 8)


def draw() -> Windows:
    rng = np.random.default_rng(0)
    return padded([rng.integers(5, tiny_models.VOCAB, size=n).tolist() for n in LENGTHS], 0)


def by_window(batches: list[HiddenBatch]) -> dict[tuple[int, LayerKey], torch.Tensor]:
    """The states of each window's tokens."""
    return {
        (number, key): state[row, : int(batch.mask[row].sum())]
        for batch in batches
        for row, number in enumerate(batch.windows.tolist())
        for key, state in batch.states.items()
    }


def alone(module: torch.nn.Module, ids: np.ndarray, model: LoadedModel) -> dict[str, object]:
    """What transformers returns for one text, without padding and without a mask."""
    inputs = {"input_ids": torch.from_numpy(ids[np.newaxis])}
    if model.facts.kind == "encoder-decoder":
        start = torch.tensor([[model.decoder_start_token_id or 0]])
        inputs["decoder_input_ids"] = torch.cat([start, inputs["input_ids"][:, :-1]], dim=1)
    with torch.inference_mode():
        return dict(module(**inputs, output_hidden_states=True))


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_each_window_is_read_as_if_it_were_alone(build: Callable[[str], Path], family: str) -> None:
    windows, folder = draw(), build(family)
    model = tiny_models.load(folder)
    found = by_window(list(hidden_batches(model, windows, batch_size=3)))
    assert {number for number, _ in found} == set(range(len(LENGTHS)))
    for number, length in enumerate(LENGTHS):
        # A model of its own: a short input may change it for good.
        fresh = tiny_models.load(folder)
        expected = alone(fresh.module, windows.ids[number, :length], fresh)
        for layout in fresh.stacks:
            for key, state in zip(layout.returned, expected[layout.output], strict=True):  # type: ignore[call-overload]
                assert key is not None
                # Another shape may take another kernel: float32 rounding through three blocks.
                torch.testing.assert_close(
                    found[number, key], state[0, :length], rtol=1e-4, atol=1e-5
                )


def test_a_decoder_gets_windows_of_nearly_one_length_together(
    build: Callable[[str], Path],
) -> None:
    model = tiny_models.load(build("llama"))
    batches = list(hidden_batches(model, draw(), batch_size=2))
    # Longest first; equally long ones as they were drawn. None holds more than 2 · 30 places.
    assert [batch.windows.tolist() for batch in batches] == [[5, 1], [6, 8], [0, 3, 4, 9], [2], [7]]
    assert [batch.mask.shape for batch in batches] == [(2, 30), (2, 20), (4, 9), (1, 5), (1, 2)]
    assert all(batch.places == 30 for batch in batches)
    assert [int(batch.mask.sum()) for batch in batches] == [51, 37, 34, 5, 2]


class _Unmasked(torch.nn.Module):
    """An encoder whose blocks see padding, whatever the mask says."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.inner = module

    def forward(self, attention_mask: torch.Tensor, **inputs: object) -> object:
        return self.inner(attention_mask=torch.ones_like(attention_mask), **inputs)


def test_where_padding_reaches_tokens_only_equal_lengths_go_together(
    build: Callable[[str], Path],
) -> None:
    model = tiny_models.load(build("bert"))
    expected = by_window(list(hidden_batches(model, draw(), batch_size=3)))
    unmasked = LoadedModel(**{**vars(model), "module": _Unmasked(model.module)})
    batches = list(hidden_batches(unmasked, draw(), batch_size=3))
    assert [batch.windows.tolist() for batch in batches] == [
        *([5], [1], [6], [8], [0, 3], [4, 9], [2], [7])
    ]
    assert all(batch.mask.all() for batch in batches)
    for place, state in by_window(batches).items():
        torch.testing.assert_close(state, expected[place], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("family", "pads"), [("bert", False), ("llama", True)])
def test_in_half_precision_only_a_causal_model_gets_padding(
    build: Callable[[str], Path], family: str, pads: bool
) -> None:
    model = tiny_models.load(build(family), dtype=torch.bfloat16)
    batches = list(hidden_batches(model, draw(), batch_size=3))
    assert all(batch.mask.all() for batch in batches) != pads


def test_the_order_does_not_depend_on_the_size_of_batches() -> None:
    lengths = np.random.default_rng(1).integers(1, 60, size=500)
    order = longest_first(lengths)
    assert (np.diff(lengths[order]) <= 0).all()
    for n in np.unique(lengths):
        assert (np.diff(order[lengths[order] == n]) > 0).all()


@pytest.mark.parametrize("tokens", [1, 100, 5000])
@pytest.mark.parametrize("pads", [False, True])
def test_batches_hold_their_tokens_and_little_padding(tokens: int, pads: bool) -> None:
    lengths = np.sort(np.random.default_rng(2).integers(1, 60, size=500))[::-1]
    at, batches = 0, []
    while at < len(lengths):
        until = at + n_together(lengths[at:], tokens=tokens, pads=pads)
        batches.append(lengths[at:until])
        at = until
    assert np.concatenate(batches).tolist() == lengths.tolist()
    for batch in batches:
        assert len(batch) == 1 or batch[0] * len(batch) <= tokens
        assert batch[-1] >= batch[0] * (0.6 if pads else 1.0)
    if tokens == 5000 and pads:
        fed = sum(batch[0] * len(batch) for batch in batches)
        assert fed < 1.25 * lengths.sum()


def test_of_short_windows_as_many_tokens_go_in_as_of_long_ones(
    build: Callable[[str], Path],
) -> None:
    model = tiny_models.load(build("llama"))
    assert default_batch_size(model, 512) == hidden_states._MOST_WINDOWS == 32
    assert default_batch_size(model, 16) == 32
    assert default_batch_size(model, 16, unequal=True) * 16 == 32 * 512
