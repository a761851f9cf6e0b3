"""A quantity that embstore and a peer both compute: answers, times and peak memory."""

import importlib
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.pairs import Pair, Timed, in_turns
from benchmarks.peak import Peak
from benchmarks.saved_states import BAR_LAYERS, Cloud
from benchmarks.scale import Scale
from benchmarks.sections import Bar, Section, Table

HEADER = (
    *("layer", "n x d", "quantity", "embstore", "peer", "relative difference", "tolerance"),
    *("ms", "peer ms", "ratio"),
)
# A layer as wide as this takes a peer half a minute and more.
_WIDE = 2048


@dataclass(frozen=True)
class Quantity:
    """What both compute.

    Attributes:
        name: as the table says it.
        ours: embstore, from arrays to the answer.
        theirs: the peer, from the same arrays.
        tolerance: largest relative difference that counts as the same answer; None
            where the two are different definitions.
        repeats: runs of the peer.
    """

    name: str
    ours: Callable[[Cloud], float]
    theirs: Callable[[Cloud], float | Timed]
    tolerance: float | None
    repeats: int = 5


@dataclass(frozen=True)
class Compared:
    """One quantity on one layer."""

    cloud: Cloud
    quantity: Quantity
    pair: Pair

    @property
    def row(self) -> tuple[str, ...]:
        """The table's row."""
        pair, tolerance = self.pair, self.quantity.tolerance
        if tolerance is None:
            verdict = "another definition"
        else:
            verdict = f"{tolerance:.0e}{'' if pair.difference <= tolerance else ', exceeded'}"
        return (
            *(self.cloud.name, self.cloud.size, self.quantity.name),
            *(f"{pair.ours:.7g}", f"{pair.theirs:.7g}", f"{pair.difference:.0e}", verdict),
            *(_number(x) for x in (pair.our_ms, pair.their_ms, pair.ratio)),
        )


def _number(value: float) -> str:
    """Leave a cell empty where there is no time of its own."""
    return "" if math.isnan(value) else f"{value:,.1f}"


def compare(
    quantities: Sequence[Quantity], clouds: Sequence[Cloud], scale: Scale
) -> Iterator[Compared]:
    """Time and compare every quantity on every layer."""
    for cloud in clouds:
        for quantity in quantities:
            repeats = 1 if cloud.X.shape[1] >= _WIDE else scale.repeats(quantity.repeats)
            pair = in_turns(
                partial(_run, quantity.ours, cloud),
                partial(_run, quantity.theirs, cloud),
                repeats=repeats,
            )
            yield Compared(cloud, quantity, pair)


def lowest_ratio(rows: Sequence[Compared], quantity: str) -> float:
    """Return the smallest advantage over the layers that bars are set for, NaN without any."""
    ratios = [
        row.pair.ratio
        for row in rows
        if row.quantity.name == quantity and row.cloud.name in BAR_LAYERS
    ]
    return min(ratios, default=math.nan)


def memory_layer(layers: Sequence[Cloud]) -> Cloud:
    """Choose the layer that peak memory is measured on."""
    return next(cloud for cloud in layers if cloud.name == BAR_LAYERS[0])


def warm_up(quantities: Sequence[Quantity], folder: Path) -> None:
    """Let libraries start their threads and compile their kernels outside the measured time."""
    for quantity in quantities:
        cloud = _small_cloud(folder)
        _run(quantity.ours, cloud)
        _run(quantity.theirs, cloud)


def memory_table(module: str, quantities: Sequence[Quantity], cloud: Cloud) -> Table:
    """Measure each contender's peak memory once, in a process of its own.

    Args:
        module: where ``QUANTITIES`` lists them.
        quantities: those of them that are measured.
        cloud: the layer.
    """
    rows = []
    for quantity in quantities:
        peaks = []
        for side in ("ours", "theirs"):
            arguments = [module, quantity.name, side, *map(str, cloud.files)]
            command = [sys.executable, "-m", "benchmarks.quantities", *arguments]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            peaks.append(float(done.stdout.split()[-1]))
        rows.append((quantity.name, *(f"{peak:,.0f}" for peak in peaks)))
    return Table(
        header=("quantity", "embstore MB", "peer MB"),
        rows=tuple(rows),
        title=f"Peak memory above the loaded arrays, {cloud.name}, {cloud.size}",
    )


def _run(work: Callable[[Cloud], float | Timed], cloud: Cloud) -> Timed:
    """Time a contender here, unless it is one that times itself elsewhere."""
    began = time.perf_counter()
    result = work(cloud)
    elapsed = (time.perf_counter() - began) * 1000
    return result if isinstance(result, Timed) else Timed(result, elapsed)


def _small_cloud(folder: Path) -> Cloud:
    # More columns than half of its rows would leave no scatter to fit to.
    X = np.random.default_rng(0).normal(size=(256, 64)).astype(np.float32)
    Y = X[:, ::-1] + X**2
    files = (folder / "warm-up.npy", folder / "warm-up-next.npy")
    np.save(files[0], X)
    np.save(files[1], Y)
    return Cloud("warm-up", X, Y, files)


def against(
    peer: str,
    text: str,
    module: str,
    quantities: Sequence[Quantity],
    layers: Sequence[Cloud],
    scale: Scale,
    bar: tuple[str, str],
) -> Section:
    """Compare embstore with a peer, and return the section of that.

    Args:
        peer: its name and version.
        text: what to know of the comparison.
        module: where the quantities are.
        quantities: what both compute.
        layers: of what.
        scale: how often.
        bar: the name of a bar, and of the quantity that it is of.
    """
    found = list(compare(quantities, layers, scale))
    name, quantity = bar
    return Section(
        f"Against {peer}, one thread",
        text,
        (
            Table(HEADER, tuple(row.row for row in found), n_names=3),
            memory_table(module, quantities, memory_layer(layers)),
        ),
        (Bar(name, lowest_ratio(found, quantity)),),
    )


def main() -> None:
    """Print the peak memory in MB of one contender: module, quantity, side, two files."""
    module, name, side, *paths = sys.argv[1:]
    quantities: Sequence[Quantity] = importlib.import_module(module).QUANTITIES
    (quantity,) = [q for q in quantities if q.name == name]
    work = quantity.ours if side == "ours" else quantity.theirs
    first, second = map(Path, paths)
    _run(work, _small_cloud(first.parent))
    cloud = Cloud(name, np.load(first), np.load(second), (first, second))
    peak = Peak()
    elsewhere = _run(work, cloud).peak_mb
    print(peak.megabytes() if elsewhere is None else elsewhere)


if __name__ == "__main__":
    main()
