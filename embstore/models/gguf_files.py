"""Lets transformers read a GGUF file once; the result is the same.

Left alone, transformers (5.23) reads a file's header four times for a model and its tokenizer,
and builds gguf's table of tensor names once for each module: three quarters of the loading.
"""

import contextlib
import functools
import importlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

# What is replaced is replaced for the whole process, so threads take turns.
_TURNS = threading.RLock()


@contextlib.contextmanager
def read_once(options: Mapping[str, object]) -> Iterator[None]:
    """Within such blocks, until ``forget`` is called, read the header of a file once.

    Args:
        options: what transformers is told; where it is no GGUF file, nothing is done.
    """
    if "gguf_file" not in options:
        yield
        return
    gguf: Any = importlib.import_module("gguf")
    with _TURNS:
        kept = gguf.GGUFReader, gguf.get_tensor_name_map
        gguf.GGUFReader = _reader
        gguf.get_tensor_name_map = functools.cache(kept[1])
        try:
            yield
        finally:
            gguf.GGUFReader, gguf.get_tensor_name_map = kept


def forget() -> None:
    """Free the header that was read last: a long vocabulary takes a hundred megabytes."""
    _read.cache_clear()


def _reader(path: str | Path) -> Any:
    facts = Path(path).stat()
    return _read(str(path), facts.st_size, facts.st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _read(path: str, _size: int, _changed_at: int) -> Any:
    reader: Any = importlib.import_module("gguf.gguf_reader").GGUFReader

    class PlainReader(reader):  # type: ignore[misc]
        """Takes parts of an array: each part of a memory map costs NumPy five times as much."""

        data: Any

        def _get(self, *args: Any, **kwargs: Any) -> Any:
            if isinstance(self.data, np.memmap):
                self.data = self.data.view(np.ndarray)
            return super()._get(*args, **kwargs)

    return PlainReader(path)
