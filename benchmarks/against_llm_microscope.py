"""Compares embstore with the seed study's own code, PyPI llm-microscope 0.0.7.

Both get the same saved hidden states of SmolLM2, in one process, in turns. The peer
is installed on demand into the cache folder and never becomes a dependency.
"""

import argparse
import ctypes
import importlib.util
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from pairs import Pair, in_turns, machine
from saved_states import smollm2_layers
from threadpoolctl import threadpool_limits

from embstore.metrics.dimension import twonn
from embstore.metrics.spectrum import anisotropy
from embstore.moments import Moments
from embstore.neighbors import Neighbors, nearest_neighbors

PEER = "llm-microscope==0.0.7"
QUANTITIES = ("anisotropy", "TwoNN, each by its own rule", "TwoNN, both by the peer's rule")
HUGE_PAGES = "glibc.malloc.hugetlb=1"
MEMORY_SHARE = 0.75

# glibc's numbers for mallopt.
M_MMAP_THRESHOLD = -3
# The peer's dimension allocates and frees arrays of the layer's size for every token, with
# small ones that stay in between. On glibc's heap the small ones can keep the freed space
# from being used again: by chance 0.1 GB or more than 15 at 4,096 x 576, and time spent on
# it. From pages of their own they take 0.1 GB every time.
PEER_MMAP_THRESHOLD = 2**16
# What glibc settles at by itself once it has freed a large array.
USUAL_MMAP_THRESHOLD = 2**25


def main() -> None:
    options = _options()
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    if not options.plain_pages and HUGE_PAGES not in tunables:
        # Fresh pages take most of the peer's time; huge ones are the kinder comparison.
        # glibc reads the variable once, before the first line of Python.
        tunables = ":".join(filter(None, [tunables, HUGE_PAGES]))
        command = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, command, os.environ | {"GLIBC_TUNABLES": tunables})
    _limit_memory()
    torch.set_num_threads(options.threads)
    peer = _load_peer(options.cache)
    layers = smollm2_layers(options.layers, tokens=options.tokens, cache=options.cache)
    print(machine(threads=options.threads))
    pages = "plain" if options.plain_pages else "huge"
    n, d = next(iter(layers.values())).shape
    print(f"{PEER}; SmolLM2-135M-Instruct, {n:,} x {d}; {pages} pages\n")
    print("| layer | quantity | embstore | llm-microscope | difference | ms | peer ms | ratio |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|")
    with threadpool_limits(options.threads):
        _warm_up(peer)
        for layer, X in layers.items():
            for row in compare(X, peer, options.repeats, options.dimension_repeats):
                print(f"| {layer} | {row} |", flush=True)


def compare(
    X: NDArray[np.float32], peer: ModuleType, repeats: int, dimension_repeats: int
) -> list[str]:
    """Time and compare every quantity on one layer; one table row each.

    Args:
        X: hidden states, (n, d).
        peer: llm-microscope's functions.
        repeats: runs of the peer's anisotropy.
        dimension_repeats: runs of the peer's dimension, half a minute or more each.
    """
    emb = torch.from_numpy(X)
    spectrum = in_turns(
        _served(USUAL_MMAP_THRESHOLD, lambda: anisotropy(Moments.of(X).eigenvalues())),
        _served(USUAL_MMAP_THRESHOLD, lambda: float(peer.calculate_anisotropy_torch(emb))),
        repeats=repeats,
    )
    dimension = in_turns(
        _served(USUAL_MMAP_THRESHOLD, lambda: twonn(nearest_neighbors(X, 2).distances)),
        _served(PEER_MMAP_THRESHOLD, lambda: float(peer.intrinsic_dimension(emb, "cpu"))),
        repeats=dimension_repeats,
    )
    by_their_rule = lowest_fifth(nearest_neighbors(X, 2))
    answers = (
        (spectrum.ours, spectrum.theirs),
        (dimension.ours, dimension.theirs),
        (by_their_rule, dimension.theirs),
    )
    times = (_times(spectrum), _times(dimension), "| |")
    return [
        f"{quantity} | {ours:.7f} | {theirs:.7f} | {abs(ours - theirs):.0e} | {cells}"
        for quantity, (ours, theirs), cells in zip(QUANTITIES, answers, times, strict=True)
    ]


def lowest_fifth(neighbors: Neighbors) -> float:
    """Apply the peer's rule for TwoNN to embstore's distances.

    The slope through the origin over the lowest fifth of the ratios r₂/r₁, after
    points with r₂ = r₁ or r₁ = 0 are left out. Duplicates are not merged: a repeated
    point has r₁ = 0, and one whose nearest point is repeated has r₂ = r₁.
    """
    copies = np.bincount(neighbors.group)
    r1, r2 = neighbors.distances[:, 0], neighbors.distances[:, 1]
    usable = (copies == 1) & (copies[neighbors.indices[:, 0]] == 1) & (r2 > r1 * (1 + 1e-8))
    n = len(neighbors.group)
    logs = np.sort(np.log(r2[usable] / r1[usable]))
    left_out = n - len(logs)
    x = logs[: len(logs) // 5]
    y = -np.log1p(-(left_out + np.arange(1, len(x) + 1)) / n)
    return float(x @ y / (x @ x))


def _times(pair: Pair) -> str:
    return f"{pair.our_ms:,.0f} | {pair.their_ms:,.0f} | {pair.ratio:,.1f}"


def _served(threshold: int, work: Callable[[], float]) -> Callable[[], float]:
    """Have arrays larger than ``threshold`` bytes come from pages of their own."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)

    def run() -> float:
        if mallopt is not None:  # other C libraries have no heap that grows like this
            mallopt(M_MMAP_THRESHOLD, threshold)
        return work()

    return run


def _load_peer(cache: Path) -> ModuleType:
    """Install the peer if need be and load the file with its functions."""
    target = cache / PEER
    file = target / "llm_microscope" / "functions.py"
    if not file.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--target", str(target), PEER], check=True)
    # By its path: the package's own __init__ imports a module that does not exist.
    spec = importlib.util.spec_from_file_location("llm_microscope_functions", file)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{file} cannot be loaded; delete {target} and run again")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _warm_up(peer: ModuleType) -> None:
    """Let libraries start their threads and load their kernels outside the measured time."""
    X = np.random.default_rng(0).normal(size=(256, 64)).astype(np.float32)
    compare(X, peer, 1, 1)


def _limit_memory() -> None:
    """Turn what would get the machine's other work killed into a MemoryError."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (int(MEMORY_SHARE * physical), hard))


def _options() -> argparse.Namespace:
    home = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=_numbers, default=[0, 12, 20], metavar="0,12,20")
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--repeats", type=int, default=5, help="of the peer's anisotropy")
    parser.add_argument("--dimension-repeats", type=int, default=1, help="of its dimension: slow")
    parser.add_argument("--plain-pages", action="store_true", help="as glibc serves them")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=home / "embstore-benchmarks")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
