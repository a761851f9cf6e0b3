"""``embstore measure`` as a function: files of vectors, to one table."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from embstore.api.metric_results import MetricResults
from embstore.api.vectors import measure, measure_pair
from embstore.errors import MeasurementError, UsageError
from embstore.inputs.vectors.files import VectorFile, open_vectors, read_labels
from embstore.inputs.vectors.tables import ColumnChoice


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked of a file of vectors.

    Attributes:
        windows: name of the column, array or file that says what came together.
        keys: which arrays, of several.
        choice: which columns of a table are coordinates.
        metrics: names, families or presets; None for all.
        sample: vectors kept for neighbours and quantiles.
        seed: draws them.
    """

    windows: str | None = None
    keys: tuple[str, ...] = ()
    choice: ColumnChoice = field(default_factory=ColumnChoice)
    metrics: tuple[str, ...] | None = None
    sample: int = 4096
    seed: int = 0

    @property
    def how(self) -> dict[str, Any]:
        """What measuring takes besides vectors and windows."""
        return {"metrics": self.metrics, "sample": self.sample, "seed": self.seed}


@dataclass(frozen=True, eq=False)
class Found:
    """What was measured: a row per metric, what to know of it, and what could not be."""

    table: pa.Table
    notes: tuple[str, ...]
    failures: tuple[str, ...] = ()


def measure_files(file: Path, second: Path | None, wanted: Wanted) -> Found:
    """Measure the vectors of a file, or how they become those of a second.

    Raises:
        UsageError: a file, array or column is not named, or not there.
        MeasurementError: a file cannot be read, or what is in it not measured.
    """
    if len(wanted.keys) > 2:
        raise UsageError(f"{len(wanted.keys)} keys for two files; give one for each")
    source = open_vectors(file)
    labels = _labels(source, wanted)
    key = wanted.keys[0] if wanted.keys else None
    x, notes = _read(source, key, wanted)
    if second is None:
        found = measure(x, windows=labels, **wanted.how)
    else:
        other = wanted.keys[1] if len(wanted.keys) > 1 else key
        y, more = _read(open_vectors(second), other, wanted)
        notes += [note for note in more if note not in notes]
        found = measure_pair(x, y, windows=labels, **wanted.how)
    return Found(found.table, (*notes, *found.notes))


def measure_arrays(file: Path, wanted: Wanted, *, every: bool) -> Found:
    """Measure several arrays of a file, one after the other, each with its name.

    Args:
        file: where they are.
        wanted: what is asked; its keys name the arrays.
        every: take all arrays of the file, but those that are no vectors.

    Raises:
        UsageError: as ``measure_files``, or both keys and all arrays are asked for.
        MeasurementError: as ``measure_files``, or none could be measured.
    """
    if every and wanted.keys:
        raise UsageError("both a key and all arrays are asked for; leave one of them out")
    source = open_vectors(file)
    labels = _labels(source, wanted)
    tables, notes, failures = [], [], []
    for name in source.keys(wanted.choice, besides=wanted.windows) if every else wanted.keys:
        array, left_out = _read(source, name or None, wanted)
        notes += left_out
        if every and (array.ndim not in (2, 3) or array.dtype.kind not in "fiu"):
            notes.append(f"Left out {name}, no vectors: {array.dtype} of shape {array.shape}.")
            continue
        try:
            found = measure(array, windows=labels, **wanted.how)
        except MeasurementError as error:
            failures.append(f"{file}, {name}: {error}")
            continue
        notes += found.notes
        tables.append(_with_name(found, name or file.name))
    if not tables:
        raise MeasurementError(failures[0] if failures else f"{file} has no arrays of vectors")
    return Found(pa.concat_tables(tables), tuple(dict.fromkeys(notes)), tuple(failures))


def _labels(source: VectorFile, wanted: Wanted) -> NDArray[np.generic] | None:
    return None if wanted.windows is None else read_labels(wanted.windows, source)


def _read(
    source: VectorFile, key: str | None, wanted: Wanted
) -> tuple[NDArray[np.generic], list[str]]:
    found = source.read(key, wanted.choice, besides=wanted.windows)
    return found.array, _left_out(found.left_out)


def _left_out(columns: Iterable[str]) -> list[str]:
    names = ", ".join(columns)
    return [f"No coordinates, left out: {names}."] if names else []


def _with_name(found: MetricResults, name: str) -> pa.Table:
    table = found.table
    column = pa.array([name] * table.num_rows, type=pa.string())
    return table.add_column(0, "array", column)
