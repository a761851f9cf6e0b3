"""What measuring costs on top of running the model: ingests against bare forward passes."""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.saved_states import located_windows
from benchmarks.scale import Scale
from benchmarks.sections import Bar, Section, Table
from embstore.api.store import open_store
from embstore.choices import DEFAULT_SCOPES, TOKEN_SCOPES, Sampling, Scope
from embstore.demo import MODELS, TEXT, PackagedFile, packaged
from embstore.ingestion.request import ModelSpec, Request, Settings
from embstore.ingestion.run import ingest
from embstore.metrics.selection import PRESETS
from embstore.models.hidden_states import default_batch_size
from embstore.models.loaded import load_config, load_model

HEADER = (
    *("model", "metrics", "tokens", "stock forward s", "own forward s", "geometry s"),
    *("geometry / fastest forward", "ingest s", "ingest / stock"),
)

# They look at each window, each neighbourhood or any two layers alone, cost about as much as the
# forward pass, and are asked for by name.
_ALONE = {
    *("uniformity", "self_clustering", "tle", "ess", "local_pca", "ph_dim"),
    *("window_cosine", "window_entropy", "window_matrix_entropy", "curvature"),
    *("window_twonn_ml", "angular_distance_next"),
}
# What is asked for: the presets with the default's scopes, and all that shares its work.
CHOICES: dict[str, tuple[tuple[str, ...], tuple[Scope, ...]]] = {
    "core": (PRESETS["core"], DEFAULT_SCOPES),
    "default": (PRESETS["default"], DEFAULT_SCOPES),
    "all, three scopes": (
        tuple(name for name in PRESETS["all"] if name not in _ALONE),
        TOKEN_SCOPES,
    ),
}
BARS = {"core": "core", "default": "default", "all, three scopes": "all"}


@dataclass(frozen=True)
class Ingested:
    """Seconds of one ingest after the model was loaded, and of its two halves."""

    seconds: float
    forward_seconds: float
    geometry_seconds: float


@dataclass(frozen=True)
class Against:
    """Ingests of one model against forward passes of the same tokens."""

    row: tuple[str, ...]
    geometry: float
    ingest: float


def run(scale: Scale) -> Section:
    """Compare on the CPU; the process has two cores."""
    device = torch.device("cpu")
    sampling = sampling_of(scale)
    # SmolLM2 takes long to load; a smoke check does without.
    models = MODELS[1:] if scale.quick else MODELS
    found = [against_forward(item, sampling, device, scale.repeats(3)) for item in models]
    text = (
        "Stock: transformers' own forward pass of the windows of an ingest, in float32 on "
        f"{torch.get_num_threads()} threads, with hidden states and without a key-value cache, in "
        "inference mode, in batches as large as embstore's. Own: the forward pass of an ingest, "
        "whose linear layers are packed where that is faster. Geometry: all that measuring adds, "
        "over the faster of the two. Ingest: the whole of it, from the first batch to the "
        "committed row in a new store. Loading the weights and drawing the windows is in none. All "
        "take turns; seconds and ratios are medians. `core` and `default` are measured in the "
        "scopes all and no_sinks. All: but for metrics that look at each window, neighbourhood or "
        "two layers alone."
    )
    table = Table(HEADER, tuple(one.row for item in found for one in item.values()), n_names=2)
    first = found[0]
    bars = [Bar(BARS[name], one.geometry) for name, one in first.items()]
    bars.append(Bar("ingest", first["default"].ingest))
    return Section("Geometry against forward, two threads", text, (table,), tuple(bars))


def sampling_of(scale: Scale) -> Sampling:
    """The default of an ingest, or very little."""
    return Sampling(tokens=256, window=64, sample=128) if scale.quick else Sampling()


def against_forward(
    item: PackagedFile, sampling: Sampling, device: torch.device, repeats: int
) -> dict[str, Against]:
    """Let ingests of one model and stock passes over the same windows take turns.

    Args:
        item: one of the demo's models.
        sampling: the tokens.
        device: where both run.
        repeats: rounds, in each of which everything runs once.
    """
    stock = _stock_pass(item, sampling, device)
    stock()
    stocks: list[float] = []
    runs: dict[str, list[Ingested]] = {name: [] for name in CHOICES}
    for _ in range(repeats):
        for name in CHOICES:
            runs[name].append(ingest_once(item, sampling, device, name))
        stocks.append(stock())
    stock_seconds = statistics.median(stocks)
    own = statistics.median(one.forward_seconds for several in runs.values() for one in several)
    found = {}
    for name, several in runs.items():
        geometry = statistics.median(one.geometry_seconds for one in several)
        seconds = statistics.median(one.seconds for one in several)
        over_forward, over_stock = geometry / min(own, stock_seconds), seconds / stock_seconds
        row = (
            *(item.name, name, f"{sampling.tokens:,}", f"{stock_seconds:.2f}", f"{own:.2f}"),
            *(f"{geometry:.2f}", f"{over_forward:.2f}", f"{seconds:.2f}", f"{over_stock:.2f}"),
        )
        found[name] = Against(row, over_forward, over_stock)
    return found


def ingest_once(
    item: PackagedFile, sampling: Sampling, device: torch.device, choice: str = "default"
) -> Ingested:
    """Ingest one model into a new store and time it from the first batch on."""
    began = 0.0

    def progress(stage: str, done: int, _total: int) -> None:
        nonlocal began
        # Reported once, when the model is loaded and nothing has run yet.
        if stage == "forward" and done == 0:
            began = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "benchmark.duckdb"
        metrics, scopes = CHOICES[choice]
        settings = Settings(
            sampling=sampling, devices=(str(device),), metrics=metrics, scopes=scopes
        )
        models = (ModelSpec(str(packaged(item)), item.name),)
        request = Request(models, str(packaged(TEXT)), settings)
        for _ in ingest(request, store, watch=lambda *_: progress):
            pass
        seconds = time.perf_counter() - began
        (row,) = open_store(store).query("runs").to_pylist()
    return Ingested(seconds, row["forward_seconds"], row["geometry_seconds"])


def _stock_pass(
    item: PackagedFile, sampling: Sampling, device: torch.device
) -> Callable[[], float]:
    """Return a function that runs the bare model over all windows and tells the seconds."""
    located, windows = located_windows(item, sampling)
    model = load_model(
        located, load_config(located), device=device, dtype=torch.float32, fast_linears=False
    )
    batch_size = default_batch_size(model, windows.window)

    def stock() -> float:
        began = time.perf_counter()
        with torch.inference_mode():
            for start in range(0, windows.n_windows, batch_size):
                rows = slice(start, start + batch_size)
                output = model.module(
                    input_ids=torch.from_numpy(windows.ids[rows]).to(device),
                    attention_mask=torch.from_numpy(windows.attention_mask[rows]).to(device),
                    output_hidden_states=True,
                    use_cache=False,
                )
                # A device works on after the call; reading a number waits for it.
                float(output.last_hidden_state[0, 0, 0])
        return time.perf_counter() - began

    return stock
