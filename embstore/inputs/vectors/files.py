"""A file of vectors, told by its suffix: which arrays or columns it has, and which are vectors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, TypeAlias, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from embstore.common.messages import closest, one_line
from embstore.errors import CorpusError, MeasurementError, UsageError
from embstore.inputs.packed_files import PACKINGS, open_packed
from embstore.inputs.vectors.arrays import (
    UNNAMED,
    Arrays,
    choose,
    open_npz,
    read_npy,
)
from embstore.inputs.vectors.separated import read_label_lines, read_separated
from embstore.inputs.vectors.tables import (
    ColumnChoice,
    Coordinates,
    list_columns,
    read_columns,
    read_lists,
)
from embstore.inputs.vectors.tensors import open_safetensors, open_torch
from embstore.inputs.vectors.word_vectors import is_word_vectors, read_binary, read_word_vectors

# Lines that tell word vectors from rows of numbers.
_LOOKED_AT = 1000

Content: TypeAlias = Arrays | pa.Table


@dataclass(frozen=True, eq=False)
class VectorFile:
    """A file of vectors, opened: what it is called, and its arrays or its table."""

    path: Path
    content: Content

    def keys(
        self, choice: ColumnChoice | None = None, *, besides: str | None = None
    ) -> tuple[str, ...]:
        """Return the names of its arrays, or columns of lists; one that is "" has no name."""
        if isinstance(self.content, Arrays):
            return tuple(name for name in self.content.names if name != besides)
        ignored = choice.ignores if choice else lambda _name: False
        lists = [name for name in list_columns(self.content) if name != besides]
        return tuple(name for name in lists if not ignored(name)) or (UNNAMED,)

    def read(
        self,
        key: str | None = None,
        choice: ColumnChoice | None = None,
        *,
        besides: str | None = None,
    ) -> Coordinates:
        """Return one of its arrays, or the coordinates of its table.

        Args:
            key: which array, or which column of lists, if it has several.
            choice: which columns are coordinates, if each column is one.
            besides: an array or a column that is used for something else.

        Raises:
            UsageError: ``key`` is needed or not there, or a column is not there.
            MeasurementError: it is damaged, or holds no vectors.
        """
        choice = choice or ColumnChoice()
        with _named(self.path):
            if isinstance(self.content, Arrays):
                if choice:
                    raise UsageError(
                        "it has arrays, not columns to choose from; leave the columns out"
                    )
                return Coordinates(self.content.read(choose(self.keys(besides=besides), key)))
            lists = self.keys(choice, besides=besides)
            if choice.columns and key is not None:
                raise UsageError(
                    "columns are coordinates, and a key is a column of lists; give one of the two"
                )
            if choice.columns or (key is None and lists == (UNNAMED,)):
                return read_columns(self.content, choice, (besides,) if besides else ())
            if lists == (UNNAMED,):
                raise UsageError(f"it has no column of lists, so none is called {key!r}")
            return Coordinates(read_lists(self.content, choose(lists, key)))

    def labels(self, name: str) -> NDArray[np.generic] | None:
        """Return the column or array of this name, which says what came together; None without.

        Raises:
            MeasurementError: it is damaged.
        """
        with _named(self.path):
            if isinstance(self.content, Arrays):
                if not name or name not in self.content.names:
                    return None
                return self.content.read(name)
            if name not in self.content.column_names:
                return None
            return np.array(self.content[name].to_pylist(), dtype=object)


def open_vectors(path: str | Path) -> VectorFile:
    """Open a file of vectors; its suffix, small or capital, says what it is.

    Archives and tables are .npz, .safetensors, .pt and .parquet. A single array (.npy), text
    (.csv, .tsv, .txt) and word vectors (.txt, .vec, .bin) may also be packed: .gz, .bz2, .xz,
    .zst, .zip.

    Raises:
        UsageError: the suffix is not known.
        MeasurementError: the file is missing, damaged or not what its suffix says.
    """
    path = Path(path)
    if path.is_dir():
        raise MeasurementError(f"{path} is a folder; give a file in it")
    suffix, packing = _suffixes(path)
    if suffix not in _OPENERS and suffix not in _READERS:
        raise UsageError(
            f"{path} has suffix {suffix!r}; expected {', '.join(sorted({*_OPENERS, *_READERS}))}"
        )
    if packing and suffix not in _READERS:
        raise UsageError(f"{path}: {suffix} is not read from inside {packing}; unpack it first")
    if not path.exists():
        raise MeasurementError(f"no such file: {path}; check the path")
    with _named(path, suffix):
        if suffix in _OPENERS:
            return VectorFile(path, _OPENERS[suffix](path))
        with open_packed(path) as stream:
            return VectorFile(path, _READERS[suffix](stream))


def read_labels(spec: str, file: VectorFile) -> NDArray[np.generic]:
    """Return a label per row: a column or array of the file, or what another file holds.

    Args:
        spec: the name of a column or array, or of a file of labels: .npy, or text with one in
            each line.
        file: of the vectors.

    Raises:
        UsageError: neither is there.
        MeasurementError: the file of labels cannot be read.
    """
    labels = file.labels(spec)
    if labels is not None:
        return labels
    path = Path(spec)
    if path.is_file():
        return _read_label_file(path)
    names = file.content.names if isinstance(file.content, Arrays) else file.content.column_names
    known = [name for name in names if name]
    raise UsageError(
        f"windows {spec!r} is neither a column or array of {file.path}{closest(spec, known)} nor "
        "a file; give the name of one"
    )


def _read_label_file(path: Path) -> NDArray[np.generic]:
    suffix, _ = _suffixes(path)
    if suffix not in {".npy", ".txt", ".csv", ".tsv"}:
        raise UsageError(
            f"{path}: labels are read from .npy, or from .txt, .csv or .tsv, one a line"
        )
    with _named(path, suffix), open_packed(path) as stream:
        if suffix == ".npy":
            return read_npy(stream)
        lines = stream.read().decode("utf-8-sig").splitlines()
        return read_label_lines(lines, {".csv": ",", ".tsv": "\t"}.get(suffix))


def _suffixes(path: Path) -> tuple[str, str]:
    """Return a file's suffix, and that of its packing if it is packed, in small letters."""
    packing = path.suffix.lower() if path.suffix.lower() in PACKINGS else ""
    inner = path.with_suffix("") if packing else path
    return inner.suffix.lower(), packing


@contextmanager
def _named(path: Path, suffix: str = "") -> Iterator[None]:
    """Say of every error which file it is about, and of the unexpected what was tried."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{path}: {one_line(error, longest=None)}") from error
    except (MeasurementError, CorpusError) as error:
        raise MeasurementError(f"{path}: {one_line(error, longest=None)}") from error
    except Exception as error:
        what = f" as {suffix}" if suffix else ""
        raise MeasurementError(f"{path} cannot be read{what}: {one_line(error)}") from error


def _read_npy(stream: IO[bytes]) -> Content:
    """Read an array; one of records is a table, a column for each field."""
    array = read_npy(stream)
    if array.dtype.names is None:
        return Arrays.of_one(array)
    records = cast("NDArray[np.void]", array)
    return pa.table({name: records[name] for name in array.dtype.names})


def _read_text(stream: IO[bytes]) -> Content:
    """Read word vectors, or rows of numbers without words."""
    ahead = list(islice(stream, _LOOKED_AT))
    if is_word_vectors(ahead):
        return Arrays.of_one(read_word_vectors(chain(ahead, stream)))
    return read_separated(b"".join(chain(ahead, stream)))


# What is read by name and in parts, and what is read whole from a stream, so also unpacked.
_OPENERS: dict[str, Callable[[Path], Content]] = {
    ".npz": open_npz,
    ".parquet": lambda path: pq.read_table(path),
    ".pt": open_torch,
    ".pth": open_torch,
    ".safetensors": open_safetensors,
}
_READERS: dict[str, Callable[[IO[bytes]], Content]] = {
    ".bin": lambda stream: Arrays.of_one(read_binary(stream)),
    ".csv": lambda stream: read_separated(stream.read()),
    ".npy": _read_npy,
    ".tsv": lambda stream: read_separated(stream.read(), delimiter="\t"),
    ".txt": _read_text,
    ".vec": _read_text,
}
