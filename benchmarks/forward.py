"""What measuring costs on top of running the model: whole ingests against bare forward passes."""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.pairs import Timed, in_turns
from benchmarks.saved_states import located_windows
from benchmarks.scale import Scale
from benchmarks.sections import Bar, Section, Table
from embstore.api.store import open_store
from embstore.demo import MODELS, TEXT, PackagedFile, packaged
from embstore.ingestion.request import ModelSpec, Request, Settings
from embstore.ingestion.run import ingest
from embstore.models.hidden_states import default_batch_size
from embstore.models.loaded import load_config, load_model
from embstore.types import Sampling

HEADER = (
    *("model", "tokens", "stock forward s", "ingest s", "ingest / stock"),
    *("own forward s", "geometry s", "geometry / own forward", "own forward / stock"),
)


@dataclass(frozen=True)
class Ingested:
    """Seconds of one ingest after the model was loaded, and of its two halves."""

    seconds: float
    forward_seconds: float
    geometry_seconds: float


@dataclass(frozen=True)
class Against:
    """Ingests of one model against stock forward passes of the same tokens."""

    row: tuple[str, ...]
    ratio: float


def run(scale: Scale) -> Section:
    """Compare on the CPU; the process has two cores."""
    device = torch.device("cpu")
    sampling = sampling_of(scale)
    # SmolLM2 takes long to load; a smoke check does without.
    models = MODELS[1:] if scale.quick else MODELS
    found = [against_stock(item, sampling, device, scale.repeats(3)) for item in models]
    text = (
        "Stock: transformers' own forward pass of the windows of a default ingest, in float32 on "
        f"{torch.get_num_threads()} threads, with hidden states and without a key-value cache, in "
        "inference mode, in batches as large as embstore's. Ingest: the whole of it, every metric "
        "and every scope, from the first batch to the committed row in a new store. Loading the "
        "weights and drawing the windows is in neither. They take turns, ingest first and last; "
        "seconds and ratios are medians."
    )
    table = Table(HEADER, tuple(one.row for one in found), n_names=1)
    bars = (Bar("ingest", found[0].ratio), Bar("ingest, stretch", found[0].ratio))
    return Section("Geometry against forward, two threads", text, (table,), bars)


def sampling_of(scale: Scale) -> Sampling:
    """The default of an ingest, or very little."""
    return Sampling(tokens=256, window=64, sample=128) if scale.quick else Sampling()


def against_stock(
    item: PackagedFile, sampling: Sampling, device: torch.device, repeats: int
) -> Against:
    """Let ingests of one model and stock passes over the same windows take turns.

    Args:
        item: one of the demo's models.
        sampling: the tokens.
        device: where both run.
        repeats: runs of the stock pass.
    """
    stock = _stock_pass(item, sampling, device)
    runs: list[Ingested] = []

    def ours() -> Timed:
        runs.append(ingest_once(item, sampling, device))
        return Timed(0.0, runs[-1].seconds * 1000)

    def theirs() -> Timed:
        return Timed(0.0, stock() * 1000)

    theirs()
    pair = in_turns(ours, theirs, repeats=repeats)
    forward = statistics.median(one.forward_seconds for one in runs)
    geometry = statistics.median(one.geometry_seconds for one in runs)
    stock_seconds = pair.their_ms / 1000
    # The pair's ratio is stock over ingest; the bar is the other way round.
    ratio = 1 / pair.ratio
    row = (
        *(item.name, f"{sampling.tokens:,}", f"{stock_seconds:.2f}", f"{pair.our_ms / 1000:.2f}"),
        *(f"{ratio:.2f}", f"{forward:.2f}", f"{geometry:.2f}"),
        *(f"{geometry / forward:.2f}", f"{forward / stock_seconds:.2f}"),
    )
    return Against(row, ratio)


def ingest_once(item: PackagedFile, sampling: Sampling, device: torch.device) -> Ingested:
    """Ingest one model into a new store and time it from the first batch on."""
    began = 0.0

    def progress(stage: str, done: int, _total: int) -> None:
        nonlocal began
        # Reported once, when the model is loaded and nothing has run yet.
        if stage == "forward" and done == 0:
            began = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "benchmark.duckdb"
        settings = Settings(sampling=sampling, device=str(device))
        models = (ModelSpec(str(packaged(item)), item.name),)
        request = Request(models, str(packaged(TEXT)), settings)
        for _ in ingest(request, store, progress=progress):
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
