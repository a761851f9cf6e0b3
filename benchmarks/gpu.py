"""The same on a GPU, where there is one."""

import platform
import time

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.forward import HEADER, against_forward, sampling_of
from benchmarks.gpu_parts import wide_models
from benchmarks.saved_states import clouds
from benchmarks.scale import Scale
from benchmarks.sections import Section, Table
from embstore.demo import MODELS
from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.metrics.registry import N_NEIGHBORS
from embstore.models.devices import choose_device

_TITLE = "On a GPU"


def run(scale: Scale) -> Section:
    """Compare ingests with stock passes, and searches with the CPU's."""
    device = choose_device("auto")
    if device.type == "cpu":
        return Section(_TITLE, "This machine has no GPU that PyTorch can use: not measured.")
    models = MODELS[1:] if scale.quick else MODELS
    sampling = sampling_of(scale)
    rows = [
        one.row
        for item in models
        for one in against_forward(item, sampling, device, scale.repeats(3)).values()
    ]
    searches = []
    for cloud in clouds(scale):
        _search(cloud.X, device)
        seconds = [_search(cloud.X, where) for where in (torch.device("cpu"), device)]
        cells = (cloud.name, cloud.size, *(f"{s * 1000:,.1f}" for s in seconds))
        searches.append((*cells, f"{seconds[0] / seconds[1]:.1f}"))
    wide, bars = wide_models(device, scale)
    text = (
        f"{_name(device)}. Both halves of the first table run the model there; otherwise as "
        "above. The second has the exact search on the CPU and on the GPU. The third and fourth "
        "are of wide models, whose weights do not matter to the time: the geometry is what "
        "measuring takes beyond the forward pass of the same tokens in bfloat16."
    )
    return Section(
        _TITLE,
        text,
        (
            Table(HEADER, tuple(rows), n_names=2),
            Table(
                ("layer", "n x d", "CPU ms", f"{device.type} ms", "ratio"),
                tuple(searches),
                f"{N_NEIGHBORS} nearest neighbours",
                n_names=2,
            ),
            *wide,
        ),
        tuple(bars),
    )


def _search(X: NDArray[np.float32], device: torch.device) -> float:
    began = time.perf_counter()
    nearest_neighbors(X, N_NEIGHBORS, device=str(device))
    return time.perf_counter() - began


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} of {platform.processor() or platform.machine()}"
