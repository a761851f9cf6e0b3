"""Real hidden states for benchmarks: made once, saved, and the same array for all contenders."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.scale import Scale
from embstore.checkpoints.locate import locate
from embstore.checkpoints.located import Located
from embstore.choices import Sampling
from embstore.demo import MODELS, TEXT, PackagedFile, packaged
from embstore.geometry.neighbors.duplicates import merge_duplicates
from embstore.ingestion.plan import choose_window
from embstore.inputs.corpus import open_corpus
from embstore.inputs.text_windows import draw_windows
from embstore.inputs.windows import Windows
from embstore.models.hidden_states import default_batch_size, hidden_batches
from embstore.models.loaded import context_length, load_config, load_model, load_tokenizer

# Full layers of SmolLM2 with massive activations. Its embedding is none: embstore searches
# only the distinct quarter of it.
BAR_LAYERS = tuple(f"{MODELS[0].name}, layer {layer}" for layer in (12, 20))


@dataclass(frozen=True, eq=False)
class Cloud:
    """One layer and the next on the same tokens, and the files they lie in.

    ``X`` and ``Y`` are each (n, d) float32.
    """

    name: str
    X: NDArray[np.float32]
    Y: NDArray[np.float32]
    files: tuple[Path, Path]

    @property
    def cache(self) -> Path:
        """The folder where peers are installed too."""
        return self.files[0].parent

    @property
    def size(self) -> str:
        """The layer's shape, for people."""
        n, d = self.X.shape
        return f"{n:,} x {d:,}"


def clouds(scale: Scale) -> list[Cloud]:
    """Return the layers that every peer is measured on: real ones, and a synthetic wide one."""
    found = []
    for model in sorted({model for model, _ in scale.layers}):
        wanted = [layer for m, layer in scale.layers if m == model]
        both = sorted({*wanted, *(layer + 1 for layer in wanted)})
        files = layer_files(MODELS[model], both, tokens=scale.tokens, cache=scale.cache)
        for layer in wanted:
            pair = (files[layer], files[layer + 1])
            found.append(_cloud(f"{MODELS[model].name}, layer {layer}", pair))
    n, d = scale.wide
    stem = f"synthetic-{n}-{d}"
    pair = (scale.cache / f"{stem}.npy", scale.cache / f"{stem}-next.npy")
    if not all(file.exists() for file in pair):
        for file, X in zip(pair, synthetic(n, d, seed=0), strict=True):
            np.save(file, X)
    return [*found, _cloud("synthetic", pair)]


def distinct(cloud: Cloud) -> Cloud:
    """Keep the tokens that repeat no other one in either layer."""
    keep = np.intersect1d(merge_duplicates(cloud.X)[0], merge_duplicates(cloud.Y)[0])
    if len(keep) == len(cloud.X):
        return cloud
    x, y = (file.with_name(f"{file.stem}-distinct-{len(keep)}.npy") for file in cloud.files)
    np.save(x, cloud.X[keep])
    np.save(y, cloud.Y[keep])
    return _cloud(cloud.name, (x, y))


def synthetic(n: int, d: int, *, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Make two layers that are curved sheets of 12 dimensions, with massive activations.

    As in a decoder, one token in 500 has two coordinates that dwarf all others.
    """
    generator = np.random.default_rng(seed)
    latent = generator.normal(size=(n, 12))
    first, second = generator.normal(size=(2, 24, d)) / 5
    curved = np.hstack([latent, np.sin(2 * latent)])
    X = curved @ first + 0.05 * generator.normal(size=(n, d))
    X[::500, :2] += 2000.0
    Y = X + 0.2 * np.tanh(curved) @ second
    return X.astype(np.float32), Y.astype(np.float32)


def layer_files(
    item: PackagedFile, layers: list[int], *, tokens: int, cache: Path
) -> dict[int, Path]:
    """Return files with hidden states of the Wikipedia excerpt, each (tokens, d).

    A layer is named by the number of blocks applied; the last one is taken before
    the final norm. Files are named after the weights and the token ids, so that
    another text, sample or checkpoint never meets an old file.

    Args:
        item: one of the demo's models.
        layers: which, 0 for the embedding output.
        tokens: rounded down to whole windows.
        cache: a folder; created if missing.
    """
    located, windows = located_windows(item, Sampling(tokens=tokens))
    stem = f"{located.checkpoint.weights_sha256[:12]}-{windows.sha256[:12]}"
    files = {layer: cache / f"{stem}-layer{layer}.npy" for layer in layers}
    missing = [layer for layer, file in files.items() if not file.exists()]
    if missing:
        cache.mkdir(parents=True, exist_ok=True)
        for layer, X in _forward(located, windows, missing):
            np.save(files[layer], X)
    return files


def located_windows(item: PackagedFile, sampling: Sampling) -> tuple[Located, Windows]:
    """Find one of the demo's models and draw the windows that an ingest of it would read."""
    located = locate(str(packaged(item)), name=item.name)
    tokenizer = load_tokenizer(located)
    context = context_length(load_config(located), tokenizer)
    window = choose_window(sampling, context, located.name)
    with open_corpus(packaged(TEXT)) as text:
        windows = draw_windows(
            text, tokenizer, tokens=sampling.tokens, window=window, seed=sampling.seed
        )
    return located, windows


def _cloud(name: str, files: tuple[Path, Path]) -> Cloud:
    X, Y = (np.load(file) for file in files)
    return Cloud(name, X, Y, files)


def _forward(
    located: Located, windows: Windows, layers: list[int]
) -> list[tuple[int, NDArray[np.float32]]]:
    model = load_model(
        located, load_config(located), device=torch.device("cpu"), dtype=torch.float32
    )
    parts: dict[int, list[NDArray[np.float32]]] = {layer: [] for layer in layers}
    batch_size = default_batch_size(model, windows.window)
    for batch in hidden_batches(model, windows, batch_size=batch_size):
        for key, state in batch.states.items():
            if key.layer in parts and key.site != "final_norm":
                parts[key.layer].append(state.numpy()[batch.mask].copy())
    unknown = sorted(layer for layer, found in parts.items() if not found)
    if unknown:
        raise SystemExit(
            f"{located.name} has no layer {unknown[0]}; its last is {model.facts.n_layers}"
        )
    return [(layer, np.concatenate(found)) for layer, found in parts.items()]
