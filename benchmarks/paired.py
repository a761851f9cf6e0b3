"""Neighbouring checkpoints of a small training: how much smaller paired errors are, and true.

A model is trained on half of the demo's text, and its checkpoints are measured over many
disjoint sets of windows from the other half. A 95 % interval of the difference of two
checkpoints should hold the mean difference over all sets in 95 of 100 of them.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.scale import Scale
from benchmarks.sections import Section, Table
from embstore.comparison.paired import paired_error
from embstore.demo import TEXT, packaged
from embstore.inputs.corpus import open_corpus
from embstore.measuring.checkpoint import Choice, measure_batches
from embstore.metrics.conventions import LEVEL_IN_WORDS, errors_of_an_interval
from embstore.models.hidden_states import HiddenBatch
from embstore.types import LayerKey, Measurement

N_BYTES_KNOWN = 256
WINDOW, N_WINDOWS = 64, 16
_TRAINED_AT_ONCE = 32

# Of each number: the layer it is of, and its metric.
Number = tuple[LayerKey, str]
Numbers = dict[Number, Measurement]

_NOTHING = (float("nan"),) * 6


@dataclass(frozen=True)
class Differences:
    """One metric's differences between neighbouring checkpoints, each row one of a layer.

    Attributes:
        change: in each set of windows, (layers x pairs, sets).
        value: of the later checkpoint.
        error: its standard error.
        paired: the difference's standard error, window by window.
        independent: the same from the errors of the two.
        freedom: degrees of freedom of the paired ones.
    """

    change: NDArray[np.float64]
    value: NDArray[np.float64]
    error: NDArray[np.float64]
    paired: NDArray[np.float64]
    independent: NDArray[np.float64]
    freedom: NDArray[np.float64]


def run(scale: Scale) -> Section:
    """Train, measure, and compare each checkpoint with the next."""
    steps = (20, 40) if scale.quick else (100, 200, 400, 440)
    n_sets = 6 if scale.quick else 100
    training, measuring = _halves()
    models = list(_checkpoints(training, steps))
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(measuring))[: n_sets * N_WINDOWS].reshape(n_sets, N_WINDOWS)
    numbers = [[_measured(model, measuring[windows]) for model in models] for windows in chosen]
    rows = [
        (metric, *_cells(_differences(numbers, metric)))
        for metric in sorted({metric for _, metric in numbers[0][0]})
        if any(m.window_effects for (_, name), m in numbers[0][0].items() if name == metric)
    ]
    header = (
        *("metric", "paired / independent error", "paired error / spread", "one's error / spread"),
        *("held, paired", "held, independent"),
    )
    places = " → ".join(map(str, steps))
    text = (
        f"A Llama of 4 blocks and d = 48 that reads bytes, trained on half of the demo's text; its "
        f"steps {places}, each compared with the next, blocks only. {n_sets} disjoint sets of "
        f"{N_WINDOWS} windows of {WINDOW} bytes, drawn from the other half. Medians over layers, "
        "pairs and sets; spread is the standard deviation over the sets, of a difference or of one "
        f"value; held is the share of {LEVEL_IN_WORDS} intervals with the mean difference of all "
        "sets inside."
    )
    return Section("Paired differences", text, [Table(header, tuple(rows))])


def _halves() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut the demo's text into windows of bytes: those to train on, and those to measure."""
    with open_corpus(packaged(TEXT)) as text:
        raw = np.frombuffer(text.read(0, text.n_bytes).encode(), dtype=np.uint8)
    windows = raw[: len(raw) // WINDOW * WINDOW].reshape(-1, WINDOW).astype(np.int64)
    half = len(windows) // 2
    return windows[:half], windows[half:]


def _checkpoints(windows: NDArray[np.int64], steps: Sequence[int]) -> Iterator[LlamaForCausalLM]:
    """Train a small model and yield copies of it at some steps."""
    torch.manual_seed(0)
    rng = np.random.default_rng(1)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=N_BYTES_KNOWN,
            hidden_size=48,
            intermediate_size=96,
            num_hidden_layers=4,
            num_attention_heads=4,
            max_position_embeddings=WINDOW,
        )
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(1, max(steps) + 1):
        ids = torch.from_numpy(windows[rng.integers(len(windows), size=_TRAINED_AT_ONCE)])
        optimizer.zero_grad()
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        if step in steps:
            yield copy.deepcopy(model).eval()


def _measured(model: LlamaForCausalLM, ids: NDArray[np.int64]) -> Numbers:
    with torch.inference_mode():
        found = model(input_ids=torch.from_numpy(ids), output_hidden_states=True).hidden_states
    # The last one is that after the final norm.
    states = {
        LayerKey("decoder", layer, "block"): state
        for layer, state in enumerate(found[:-1])
        # Of so few distinct bytes there are few distinct embeddings.
        if layer
    }
    mask = np.ones(ids.shape, dtype=bool)
    batch = HiddenBatch(0, states, mask, {"decoder": ids}, 0.0)
    measured = measure_batches([batch], np.arange(ids.size), Choice(scopes=("all",)))
    return {(m.key, m.metric): m for m in measured.measurements}


def _differences(numbers: Sequence[Sequence[Numbers]], metric: str) -> Differences:
    """Compare each checkpoint with the next, in every set and layer where both have errors."""
    layers = [key for key, name in numbers[0][0] if name == metric]
    rows: list[list[tuple[float, ...]]] = []
    for key in layers:
        for before, after in pairwise(range(len(numbers[0]))):
            row = [_difference(of[before][key, metric], of[after][key, metric]) for of in numbers]
            rows.append([one or _NOTHING for one in row])
    return Differences(*np.moveaxis(np.array(rows), 2, 0))


def _difference(a: Measurement, b: Measurement) -> tuple[float, ...] | None:
    if a.value is None or b.value is None or a.std_error is None or b.std_error is None:
        return None
    found = paired_error(a.window_effects or (), b.window_effects or ())
    if found is None:
        return None
    independent = float(np.hypot(a.std_error, b.std_error))
    return b.value - a.value, b.value, b.std_error, found[0], independent, found[1]


def _cells(found: Differences) -> tuple[str, ...]:
    known = np.isfinite(found.change).all(axis=1)
    if not known.any():
        return ("none",) * 5
    change, paired, independent = found.change[known], found.paired[known], found.independent[known]
    spread = change.std(axis=1, ddof=1, keepdims=True)
    value_spread = found.value[known].std(axis=1, ddof=1, keepdims=True)
    t = np.vectorize(errors_of_an_interval)(found.freedom[known])
    off = abs(change - change.mean(axis=1, keepdims=True))
    # Of two errors as large, Welch's degrees of freedom are twice those of one.
    wide = np.vectorize(errors_of_an_interval)(2 * found.freedom[known])
    return (
        f"{np.median(paired / independent):.2f}",
        f"{np.median(paired / spread):.2f}",
        f"{np.median(found.error[known] / value_spread):.2f}",
        f"{(off <= t * paired).mean():.3f}",
        f"{(off <= wide * independent).mean():.3f}",
    )
