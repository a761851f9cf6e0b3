"""Real hidden states for benchmarks: made once, saved, and the same array for all contenders."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from embstore.corpus import open_corpus
from embstore.demo import MODELS, TEXT, packaged
from embstore.hidden_states import default_batch_size, hidden_batches
from embstore.locate import Located, locate
from embstore.models import load_config, load_model, load_tokenizer
from embstore.tokens import Windows, draw_windows

WINDOW = 512


def smollm2_layers(
    layers: list[int], *, tokens: int, cache: Path
) -> dict[int, NDArray[np.float32]]:
    """Return SmolLM2's hidden states of the Wikipedia excerpt, each (tokens, 576).

    A layer is named by the number of blocks applied; the last one is taken before
    the final norm. Files are named after the weights and the token ids, so that
    another text, sample or checkpoint never meets an old file.

    Args:
        layers: which, 0 for the embedding output.
        tokens: rounded down to whole windows.
        cache: a folder; created if missing.
    """
    item = MODELS[0]
    located = locate(str(packaged(item)), name=item.name)
    tokenizer = load_tokenizer(located)
    with open_corpus(packaged(TEXT)) as text:
        window = min(WINDOW, tokens)
        windows = draw_windows(text, tokenizer, tokens=tokens, window=window, seed=0)
    stem = f"{located.checkpoint.weights_sha256[:12]}-{windows.sha256[:12]}"
    files = {layer: cache / f"{stem}-layer{layer}.npy" for layer in layers}
    missing = [layer for layer, file in files.items() if not file.exists()]
    if missing:
        cache.mkdir(parents=True, exist_ok=True)
        for layer, X in _forward(located, windows, missing):
            np.save(files[layer], X)
    return {layer: np.load(file) for layer, file in files.items()}


def _forward(
    located: Located, windows: Windows, layers: list[int]
) -> list[tuple[int, NDArray[np.float32]]]:
    model = load_model(
        located, load_config(located), device=torch.device("cpu"), dtype=torch.float32
    )
    parts: dict[int, list[NDArray[np.float32]]] = {layer: [] for layer in layers}
    batch_size = default_batch_size(model, windows.window)
    for batch in hidden_batches(model, windows.ids, windows.attention_mask, batch_size=batch_size):
        for key, state in batch.states.items():
            if key.layer in parts and key.site != "final_norm":
                parts[key.layer].append(state.numpy()[batch.mask].copy())
    unknown = sorted(layer for layer, found in parts.items() if not found)
    if unknown:
        raise SystemExit(
            f"{located.name} has no layer {unknown[0]}; its last is {model.facts.n_layers}"
        )
    return [(layer, np.concatenate(found)) for layer, found in parts.items()]
