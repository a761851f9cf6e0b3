"""Vectors without a transformer: any (n, d) array, from a file or from memory."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embstore.common.messages import one_line
from embstore.errors import MeasurementError, UsageError
from embstore.geometry.moments import Moments
from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.inputs.sampling import check_sample, check_seed
from embstore.measuring.evaluate import graph_of
from embstore.metrics.clusters import Clusters
from embstore.metrics.metric import MetricValue, evaluate
from embstore.metrics.one_layer import Cloud
from embstore.metrics.registry import METRICS, N_NEIGHBORS

_CHUNK_ROWS = 1 << 15


def measure_vectors(X: object, *, sample: int = 4096, seed: int = 0) -> dict[str, MetricValue]:
    """Measure every single-layer metric of a set of vectors.

    Args:
        X: a NumPy array or torch tensor of real numbers, (n, d), one vector a row.
        sample: vectors kept for neighbours and quantiles, drawn by seed.
        seed: draws the sample.

    Returns:
        By metric, its value, the number of vectors behind it, and where it is undefined
        the reason.

    Raises:
        MeasurementError: not such an array, empty, or with NaN or infinite values.
        UsageError: ``sample`` is below 1 or the seed negative.
    """
    sample, seed = check_sample(sample), check_seed(seed)
    array = _as_vectors(X)
    n, d = array.shape
    moments = Moments.empty(d)
    for start in range(0, n, _CHUNK_ROWS):
        moments.add(array[start : start + _CHUNK_ROWS])
    kept = array
    if n > sample:
        rows = np.random.default_rng(seed).choice(n, size=sample, replace=False)
        kept = array[np.sort(rows)]
    # Nothing tells which vectors belong together, so each is a window of its own.
    windows = np.arange(len(kept))
    graph = graph_of(nearest_neighbors(kept, N_NEIGHBORS, seed=seed), windows)
    clusters = Clusters.of(windows)
    cloud = Cloud(moments, kept, clusters, graph, kept, clusters)
    return {name: evaluate(metric, cloud) for name, metric in METRICS.items()}


def _as_vectors(X: object) -> NDArray[np.floating]:
    """Check an array and bring it to float32 or float64."""
    detach = getattr(X, "detach", None)
    if callable(detach):
        # A torch tensor, perhaps of a dtype that NumPy lacks; its module need not be loaded.
        tensor = detach().cpu()
        X = (tensor if "float64" in str(tensor.dtype) else tensor.float()).numpy()
    array = np.asarray(X)
    if array.dtype.kind not in "fiu":
        raise MeasurementError(
            f"vectors must be real numbers, found dtype {array.dtype}; convert them first"
        )
    if array.ndim != 2 or 0 in array.shape:
        raise MeasurementError(
            f"vectors must be an (n, d) array, found shape {array.shape}; reshape it to one "
            "vector a row"
        )
    # float16 squares overflow; integers have no NaN to worry about.
    array = array.astype(np.float32 if array.dtype in (np.float16, np.float32) else np.float64)
    bad = int((~np.isfinite(array).all(axis=1)).sum())
    if bad:
        raise MeasurementError(
            f"{bad} of {len(array)} vectors have NaN or infinite values; leave them out first"
        )
    return array


def read_vectors(path: str | Path, *, key: str | None = None) -> NDArray[np.generic]:
    """Read an array of vectors from ``.npy``, ``.npz``, ``.safetensors`` or ``.parquet``.

    Args:
        path: the file.
        key: which array of a file with several; in Parquet, which column of lists.

    Raises:
        UsageError: the suffix is not known, or ``key`` is needed or not there.
        MeasurementError: the file is missing, damaged, or holds no vectors.
    """
    path = Path(path)
    if path.suffix not in _READERS:
        raise UsageError(
            f"{path} has suffix {path.suffix!r}; expected {', '.join(sorted(_READERS))}"
        )
    if not path.is_file():
        raise MeasurementError(f"no such file: {path}; check the path")
    try:
        return _READERS[path.suffix](path, key)
    except (UsageError, MeasurementError):
        raise
    except Exception as error:
        raise MeasurementError(
            f"{path} cannot be read as {path.suffix}: {one_line(error)}"
        ) from error


def _read_npy(path: Path, key: str | None) -> NDArray[np.generic]:
    if key is not None:
        raise UsageError(f"{path} holds one array without a name; leave the key out")
    array: NDArray[np.generic] = np.load(path, allow_pickle=False)
    return array


def _read_npz(path: Path, key: str | None) -> NDArray[np.generic]:
    with np.load(path, allow_pickle=False) as arrays:
        array: NDArray[np.generic] = arrays[_choose(path, list(arrays.files), key)]
    return array


def _read_safetensors(path: Path, key: str | None) -> NDArray[np.generic]:
    # bfloat16 is common there and unknown to NumPy, so it goes through torch.
    from safetensors import safe_open

    with safe_open(path, framework="pt") as tensors:
        tensor = tensors.get_tensor(_choose(path, sorted(tensors.keys()), key))
    array: NDArray[np.generic] = (tensor if tensor.dtype.itemsize > 2 else tensor.float()).numpy()
    return array


def _read_parquet(path: Path, key: str | None) -> NDArray[np.generic]:
    """One column of lists is the vectors; else every column of numbers is a coordinate."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    types = {field.name: field.type for field in table.schema}
    is_list = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    lists = [name for name, type_ in types.items() if any(test(type_) for test in is_list)]
    if lists or key is not None:
        column = table[_choose(path, lists, key)].to_pylist()
        if None in column or len({len(row) for row in column}) > 1:
            raise MeasurementError(f"{path}: its vectors are not all of one length")
        return np.array(column)
    numeric = [
        name
        for name, type_ in types.items()
        if pa.types.is_floating(type_) or pa.types.is_integer(type_)
    ]
    if not numeric:
        raise MeasurementError(f"{path} has no column of lists and no columns of numbers")
    return np.stack([table[name].to_numpy() for name in numeric], axis=1)


def _choose(path: Path, names: list[str], key: str | None) -> str:
    if key is None and len(names) == 1:
        return names[0]
    if key in names:
        return key
    found = ", ".join(names[:10]) or "none"
    asked = "none of them was chosen" if key is None else f"{key!r} is not one of them"
    raise UsageError(f"{path} holds the arrays {found}, and {asked}; name one as the key")


_READERS: dict[str, Callable[[Path, str | None], NDArray[np.generic]]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".parquet": _read_parquet,
    ".safetensors": _read_safetensors,
}
