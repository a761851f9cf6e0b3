"""A run over texts of unequal lengths has the numbers of its texts, each read alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import embstore
from embstore.inputs.token_sample import sample_places
from embstore.inputs.windows import Windows, padded
from embstore.measuring.checkpoint import Choice, measure_batches
from embstore.measuring.stack import StackRecord
from embstore.metrics.selection import Selection
from embstore.models.hidden_states import HiddenBatch, hidden_batches
from embstore.models.loaded import LoadedModel
from embstore.types import LayerKey, Measured, Measurement
from tests import tiny_models

pytestmark = pytest.mark.slow

N_TEXTS = 60


def draw(seed: int = 0, n: int = N_TEXTS, longest: int = 24) -> Windows:
    """Draw texts of which no two begin alike, as far as there are tokens.

    Tokens after equal beginnings have equal vectors: read together or alone, these are equal to the
    last bit or nearly so, and are merged or not, as the processor's products round.
    """
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, longest + 1, size=n)
    firsts = np.resize(rng.permutation(np.arange(5, tiny_models.VOCAB)), n)
    rest = [rng.integers(5, tiny_models.VOCAB, size=k - 1) for k in lengths]
    return padded([[int(i), *ids.tolist()] for i, ids in zip(firsts, rest, strict=True)], 0)


def alone(model: LoadedModel, windows: Windows) -> dict[LayerKey, np.ndarray]:
    """The vectors that transformers gives for each text alone, one text below the other."""
    states: dict[LayerKey, list[np.ndarray]] = {}
    for row, length in enumerate(windows.lengths):
        inputs = {"input_ids": torch.from_numpy(windows.ids[row : row + 1, :length])}
        if model.facts.kind == "encoder-decoder":
            start = torch.tensor([[model.decoder_start_token_id or 0]])
            inputs["decoder_input_ids"] = torch.cat([start, inputs["input_ids"][:, :-1]], dim=1)
        with torch.inference_mode():
            output = model.module(**inputs, output_hidden_states=True)
        for layout in model.stacks:
            for key, state in zip(layout.returned, output[layout.output], strict=True):
                assert key is not None
                states.setdefault(key, []).append(state[0].numpy())
    return {key: np.concatenate(of_texts) for key, of_texts in states.items()}


def measured(model: LoadedModel, windows: Windows, *, sample: int, batch_size: int) -> Measured:
    places = sample_places(windows.attention_mask, sample, 0)
    batches = hidden_batches(model, windows, batch_size=batch_size)
    return measure_batches(batches, places, Choice(scopes=("all",)))


def numbers_of(found: Measured, key: LayerKey) -> dict[str, Measurement]:
    return {number.metric: number for number in found.measurements if number.key == key}


# Decoders with rotary and learned positions, encoders with both, and one whose decoder reads
# shifted ids; of some only a part of the tokens is kept.
@pytest.mark.parametrize(
    ("family", "stack", "sample"),
    [
        *(("llama", "decoder", 300), ("llama", "decoder", 10_000), ("gpt2", "decoder", 10_000)),
        *(("bert", "encoder", 300), ("modernbert", "encoder", 10_000)),
        *(("t5", "encoder", 10_000), ("t5", "decoder", 10_000)),
    ],
)
def test_numbers_are_those_of_vectors_of_each_text_alone(
    build: Callable[[str], Path], family: str, stack: str, sample: int
) -> None:
    model = tiny_models.load(build(family))
    windows = draw()
    found = measured(model, windows, sample=sample, batch_size=4)
    labels = np.repeat(np.arange(N_TEXTS), windows.lengths)
    vectors = {key: X for key, X in alone(model, windows).items() if key.stack == stack}
    middle = next(key for key in vectors if key.layer == 1)
    expected = embstore.measure(vectors[middle], windows=labels, sample=sample)
    numbers = numbers_of(found, middle)
    assert len(expected.table) > 25
    for row in expected.table.to_pylist():
        number, error = numbers[row["metric"]], row["std_error"]
        assert number.n == row["n"], row
        # Neighbours at nearly equal distances may change places with float32 rounding. Where only
        # some tokens are kept, which stand for others is a matter of their order.
        by_chance = 0.3 * error if error and sample == 300 else 1e-6
        if row["value"] is None:
            assert number.value is None, row
            continue
        assert number.value == pytest.approx(row["value"], rel=2e-3, abs=by_chance), row
        if error and sample > 300:
            # A quantile's error is from the density around it, which is told coarsely.
            rel = 0.2 if row["metric"].startswith("lid_p") else 2e-2
            assert number.std_error == pytest.approx(error, rel=rel), row


def test_numbers_do_not_depend_on_the_size_of_batches(build: Callable[[str], Path]) -> None:
    model, windows = tiny_models.load(build("llama")), draw()
    small, large = (measured(model, windows, sample=300, batch_size=n) for n in (1, 50))
    for one, other in zip(small.measurements, large.measurements, strict=True):
        assert (one.key, one.metric, one.n) == (other.key, other.metric, other.n)
        if other.value is None:
            assert one.reason == other.reason
        else:
            assert one.value == pytest.approx(other.value, rel=1e-3, abs=1e-6), one
    assert [(m.window_index, m.position, m.token_id) for m in small.massive] == [
        (m.window_index, m.position, m.token_id) for m in large.massive
    ]


def test_a_token_is_told_by_the_order_of_the_draw(build: Callable[[str], Path]) -> None:
    model, windows = tiny_models.load(build("llama")), draw()
    found = measured(model, windows, sample=300, batch_size=4)
    vectors = alone(model, windows)
    starts = np.cumsum(windows.lengths) - windows.lengths
    assert len({number.window_index for number in found.massive}) > 5
    for number in found.massive:
        assert windows.ids[number.window_index, number.position] == number.token_id
        if number.key.site == "block" and number.key.layer < 3:
            row = starts[number.window_index] + number.position
            value = vectors[number.key][row, number.coordinate]
            assert number.value == pytest.approx(float(value), rel=1e-4)


def test_effects_of_windows_are_in_the_order_of_the_draw(build: Callable[[str], Path]) -> None:
    """They are those of a pass that reads one text after the other, in that order."""
    model, windows = tiny_models.load(build("llama")), draw(n=100)
    found = measured(model, windows, sample=10_000, batch_size=4)
    in_order = {
        number: HiddenBatch(
            number,
            {key: state[row : row + 1, :n] for key, state in batch.states.items()},
            batch.mask[row : row + 1, :n],
            {stack: ids[row : row + 1, :n] for stack, ids in batch.ids.items()},
            0.0,
            width=windows.window,
        )
        for batch in hidden_batches(model, windows, batch_size=4)
        for row, number in enumerate(batch.windows.tolist())
        for n in [int(batch.mask[row].sum())]
    }
    assert len(in_order) == 100
    expected = measure_batches(
        [in_order[number] for number in range(100)],
        sample_places(windows.attention_mask, 10_000, 0),
        Choice(scopes=("all",)),
    )
    compared = 0
    for one, other in zip(found.measurements, expected.measurements, strict=True):
        if one.window_effects is None:
            assert other.window_effects is None
            continue
        assert len(one.window_effects) == 64
        scale = max(map(abs, one.window_effects))
        assert one.window_effects == pytest.approx(other.window_effects, abs=0.05 * scale), one
        compared += 1
    assert compared > 50


def test_first_tokens_are_kept_of_a_fair_part_of_the_texts(build: Callable[[str], Path]) -> None:
    """Fed by length, those read first are the longest: they would stand for no others."""
    model, windows = tiny_models.load(build("llama")), draw(n=600)
    stacks: list[StackRecord] = []
    usual = StackRecord.__init__

    def keep(self: StackRecord, *args: object, **kwargs: object) -> None:
        usual(self, *args, **kwargs)  # type: ignore[arg-type]
        stacks.append(self)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(StackRecord, "__init__", keep)
        measured(model, windows, sample=400, batch_size=8)
    (stack,) = stacks
    until = max(stack.kept_until.values())
    kept = stack.kept_windows[stack.kept_windows < until]
    # All of the windows drawn first, and so of any length.
    assert set(kept.tolist()) == set(range(until))
    assert 20 <= until <= 100
    spread = windows.lengths.std() / np.sqrt(until)
    assert abs(windows.lengths[:until].mean() - windows.lengths.mean()) < 3 * spread


def test_errors_hold_where_texts_are_many_and_little_is_kept(
    build: Callable[[str], Path],
) -> None:
    """The spread of a mean over fresh texts is what the standard error says."""
    model = tiny_models.load(build("llama"))
    key, choice = LayerKey("decoder", 2, "block"), Choice(("all",), Selection(("mean_cosine",)))
    values, errors = [], []
    for seed in range(60):
        windows = draw(seed, n=200)
        places = sample_places(windows.attention_mask, 1200, seed)
        found = measure_batches(hidden_batches(model, windows, batch_size=50), places, choice)
        number = numbers_of(found, key)["mean_cosine"]
        assert number.value is not None
        assert number.std_error is not None
        values.append(number.value)
        errors.append(number.std_error)
    # The spread of 60 values is known to 9 %: more than three of these would be no chance.
    assert 0.75 < np.mean(errors) / np.std(values, ddof=1) < 1.35
