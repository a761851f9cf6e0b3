"""Whether many short texts cost as much as their tokens: against windows of 512 of as many."""

import statistics
import time

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.saved_states import located_windows
from benchmarks.scale import Scale
from benchmarks.sections import Bar, Section, Table
from embstore.choices import DEFAULT_SCOPES, Sampling
from embstore.demo import MODELS
from embstore.inputs.token_sample import sample_places
from embstore.inputs.windows import Windows, padded
from embstore.measuring.checkpoint import Choice, measure_batches
from embstore.metrics.selection import PRESETS, Selection
from embstore.models.hidden_states import default_batch_size, hidden_batches
from embstore.models.loaded import LoadedModel, load_config, load_model

# As prompts and sentences are, of 12 tokens in the mean.
SHORTEST, LONGEST = 6, 18
HEADER = (
    *("texts", "tokens", "forward s", "of windows s", "geometry s", "of windows s"),
    *("forward", "forward and geometry"),
)


def run(scale: Scale) -> Section:
    """Measure the small encoder of the demo over texts and over windows, in turns."""
    item = MODELS[1]
    numbers = [200] if scale.quick else [1_000, 10_000]
    located, drawn = located_windows(item, Sampling(tokens=8192))
    model = load_model(
        located, load_config(located), device=torch.device("cpu"), dtype=torch.float32
    )
    ids = drawn.ids.ravel()
    rows, ratios = [], []
    for n_texts in numbers:
        texts = _texts(ids, n_texts)
        windows = _windows(ids, texts.n_tokens)
        found: list[list[tuple[float, float]]] = [[], []]
        for _ in range(scale.repeats(3) + 1):
            for one, fed in zip(found, (texts, windows), strict=True):
                one.append(_measure(model, fed))
        # The first round finds everything cold.
        (forward, geometry), (other_forward, other_geometry) = (
            [statistics.median(part) for part in zip(*one[1:], strict=True)] for one in found
        )
        ratio = (forward + geometry) / (other_forward + other_geometry)
        ratios.append(ratio)
        seconds = (f"{s:.2f}" for s in (forward, other_forward, geometry, other_geometry))
        shares = (f"{forward / other_forward:.2f}", f"{ratio:.2f}")
        rows.append((f"{n_texts:,}", f"{texts.n_tokens:,}", *seconds, *shares))
    text = (
        f"{item.name}: texts of {SHORTEST} to {LONGEST} tokens, each a window of its own, against "
        "windows of 512 of as many tokens, the default metrics and scopes, two threads. They take "
        "turns; seconds and ratios are medians. Attention of short texts costs less, padding and "
        "smaller batches more."
    )
    tables = (Table(HEADER, tuple(rows), n_names=2),)
    return Section("Short texts against windows", text, tables, (Bar("short texts", ratios[-1]),))


def _texts(ids: NDArray[np.int64], n_texts: int) -> Windows:
    """Cut texts of random lengths out of real tokens, from the beginning again at the end."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(SHORTEST, LONGEST + 1, n_texts)
    places = rng.integers(0, len(ids) - LONGEST, n_texts)
    rows = [
        ids[place : place + length].tolist() for place, length in zip(places, lengths, strict=True)
    ]
    return padded(rows, 0, n_texts=n_texts)


def _windows(ids: NDArray[np.int64], n_tokens: int) -> Windows:
    """Lay real tokens out in windows of 512, as many as fill so many tokens."""
    n_windows = max(n_tokens // 512, 1)
    return padded(np.resize(ids, (n_windows, 512)).tolist(), 0)


def _measure(model: LoadedModel, windows: Windows) -> tuple[float, float]:
    """Return the seconds of the forward pass and of the geometry, for as many tokens."""
    mask = windows.attention_mask
    size = default_batch_size(model, windows.window, unequal=not mask.all())
    choice = Choice(DEFAULT_SCOPES, Selection(PRESETS["default"]))
    began = time.perf_counter()
    batches = hidden_batches(model, windows, batch_size=size)
    found = measure_batches(batches, sample_places(mask, Sampling.sample, 0), choice)
    whole = time.perf_counter() - began
    return found.forward_seconds, whole - found.forward_seconds
