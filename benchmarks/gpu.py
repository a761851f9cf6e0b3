"""The same on a GPU, where there is one."""

import platform
import statistics
import time
import traceback

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.forward import HEADER, against_forward, sampling_of
from benchmarks.gpu_parts import wide_models
from benchmarks.saved_states import clouds
from benchmarks.scale import Scale
from benchmarks.sections import Bar, Section, Table
from embstore.common.messages import one_line
from embstore.demo import MODELS
from embstore.geometry.arithmetic.choose import make_ready
from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.metrics.registry import N_NEIGHBORS
from embstore.models.devices import choose_device

_TITLE = "On a GPU"


def run(scale: Scale) -> Section:
    """Compare ingests with stock passes, and searches with the CPU's."""
    device = choose_device("auto")
    if device.type == "cpu":
        return Section(_TITLE, "This machine has no GPU that PyTorch can use: not measured.")
    make_ready(str(device))
    tables: list[Table] = []
    bars: list[Bar] = []
    failed: list[str] = []
    for measure in (wide_models, _searches, _ingests):
        try:
            found, with_bars = measure(device, scale)
        except Exception as error:
            # The others are measured all the same: a machine with a GPU may be lent for minutes.
            traceback.print_exc()
            failed.append(f" {measure.__name__.strip('_')} failed: {one_line(error)}.")
            continue
        for table in found:
            print("\n".join("  ".join(row) for row in (table.header, *table.rows)), flush=True)
        tables += found
        bars += with_bars
    text = (
        f"{_name(device)}. Wide models have random weights, which do not matter to the time: the "
        "geometry is what measuring takes beyond the forward pass of the same tokens in bfloat16. "
        f"Neighbours: the exact search for {N_NEIGHBORS} on the CPU and on the GPU. Ingests: both "
        "halves run the model there; otherwise as above, but that own forward has the time of what "
        f"is summed up meanwhile.{''.join(failed)}"
    )
    return Section(_TITLE, text, tuple(tables), tuple(bars))


def _ingests(device: torch.device, scale: Scale) -> tuple[list[Table], list[Bar]]:
    """Compare ingests of the demo's models with stock passes."""
    models = MODELS[1:] if scale.quick else MODELS
    sampling = sampling_of(scale)
    rows = [
        one.row
        for item in models
        for one in against_forward(item, sampling, device, scale.repeats(3)).values()
    ]
    return [Table(HEADER, tuple(rows), "Ingests", n_names=2)], []


def _searches(device: torch.device, scale: Scale) -> tuple[list[Table], list[Bar]]:
    """Compare searches with the CPU's: of three the median, after a first."""
    rows = []
    for cloud in clouds(scale):
        seconds = []
        for where in (torch.device("cpu"), device):
            _search(cloud.X, where)
            several = [_search(cloud.X, where) for _ in range(scale.repeats(3))]
            seconds.append(statistics.median(several))
        cells = (cloud.name, cloud.size, *(f"{s * 1000:,.1f}" for s in seconds))
        rows.append((*cells, f"{seconds[0] / seconds[1]:.1f}"))
    header = ("layer", "n x d", "CPU ms", f"{device.type} ms", "ratio")
    return [Table(header, tuple(rows), "Neighbours", n_names=2)], []


def _search(X: NDArray[np.float32], device: torch.device) -> float:
    began = time.perf_counter()
    nearest_neighbors(X, N_NEIGHBORS, device=str(device))
    return time.perf_counter() - began


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} of {platform.processor() or platform.machine()}"
