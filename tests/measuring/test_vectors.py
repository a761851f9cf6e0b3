"""Any array or file of vectors: the same numbers as the parts give, and clear refusals."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

import embstore
from embstore.errors import MeasurementError, UsageError
from embstore.measuring.vectors import read_vectors
from embstore.metrics.registry import METRICS
from tests import manifolds
from tests.cli.running import embstore as run
from tests.metrics.clouds import values_of

X = manifolds.gaussian(300, 6, 25).astype(np.float32)


def test_every_metric_is_that_of_the_whole_array() -> None:
    found = embstore.measure(X)
    assert found.keys() == METRICS.keys()
    for name, expected in values_of(X).items():
        if name == "spectral_slope":
            continue  # six directions only
        assert found[name] == pytest.approx(expected.value, rel=1e-12), name
    assert np.isnan(found["spectral_slope"])


def test_the_dimension_of_a_known_manifold() -> None:
    found = embstore.measure(manifolds.gaussian(4000, 10, 40))
    assert found["twonn"] == pytest.approx(9.8, rel=0.03)
    # Ten equal variances, some 1 % apart at this n.
    assert found["participation_ratio"] == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_tensors_of_any_precision(dtype: torch.dtype) -> None:
    tensor = torch.from_numpy(X).to(dtype).requires_grad_()
    # bfloat16 keeps eight bits.
    assert embstore.measure(tensor)["anisotropy"] == pytest.approx(
        embstore.measure(X)["anisotropy"], rel=1e-2
    )


def test_a_sample_bounds_the_neighbours_and_depends_on_the_seed_only() -> None:
    one = embstore.measure(X, sample=100, seed=1)
    assert one == pytest.approx(embstore.measure(X, sample=100, seed=1), nan_ok=True)
    assert one["twonn"] != embstore.measure(X, sample=100, seed=2)["twonn"]
    assert one["anisotropy"] == embstore.measure(X)["anisotropy"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.ones(5), r"found shape \(5,\)"),
        (np.ones((0, 4)), r"found shape \(0, 4\)"),
        (np.array([["a"]]), "found dtype <U1"),
        (np.ones((3, 2), dtype=complex), "found dtype complex128"),
        (np.array([[1.0, np.nan], [0.0, 1.0]]), "1 of 2 vectors have NaN"),
        ("text", "found dtype"),
    ],
)
def test_what_is_no_cloud_of_vectors(bad: object, message: str) -> None:
    with pytest.raises(MeasurementError, match=message):
        embstore.measure(bad)


def test_wrong_settings() -> None:
    with pytest.raises(UsageError, match="sample must be at least 1, not 0"):
        embstore.measure(X, sample=0)
    with pytest.raises(UsageError, match="seed must be at least 0, not -1"):
        embstore.measure(X, seed=-1)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    np.save(tmp_path / "one.npy", X)
    np.savez(tmp_path / "one.npz", vectors=X)
    np.savez(tmp_path / "two.npz", a=X, b=X[:5])
    save_file(
        {"x": torch.from_numpy(X), "h": torch.from_numpy(X).half()}, tmp_path / "two.safetensors"
    )
    pq.write_table(pa.table({"id": list(range(300)), "v": X.tolist()}), tmp_path / "lists.parquet")
    pq.write_table(pa.table({f"c{i}": X[:, i] for i in range(25)}), tmp_path / "columns.parquet")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("one.npy", None),
        ("one.npz", None),
        ("two.npz", "a"),
        ("two.safetensors", "x"),
        ("lists.parquet", None),
        ("lists.parquet", "v"),
        ("columns.parquet", None),
    ],
)
def test_every_kind_of_file_gives_the_same_vectors(files: Path, name: str, key: str | None) -> None:
    np.testing.assert_array_equal(read_vectors(files / name, key=key), X)


def test_half_precision_tensors_are_read(files: Path) -> None:
    found = read_vectors(files / "two.safetensors", key="h")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, X.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize(
    ("name", "key", "error", "message"),
    [
        ("two.npz", None, UsageError, "holds the arrays a, b, and none of them was chosen"),
        ("two.npz", "c", UsageError, "'c' is not one of them"),
        ("one.npy", "a", UsageError, "leave the key out"),
        ("x.csv", None, UsageError, r"suffix '.csv'; expected \.npy, \.npz, \.parquet"),
        ("none.npy", None, MeasurementError, "no such file"),
        ("broken.npy", None, MeasurementError, r"cannot be read as \.npy"),
        ("broken.parquet", None, MeasurementError, r"cannot be read as \.parquet"),
        ("pickled.npy", None, MeasurementError, "cannot be read as .npy: Object arrays"),
        ("ragged.parquet", None, MeasurementError, "not all of one length"),
        ("words.parquet", None, MeasurementError, "no columns of numbers"),
    ],
)
def test_files_that_cannot_be_read(
    files: Path, name: str, key: str | None, error: type[Exception], message: str
) -> None:
    (files / "broken.npy").write_bytes(b"nothing")
    (files / "broken.parquet").write_bytes(b"nothing")
    np.save(files / "pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
    pq.write_table(pa.table({"v": [[1.0], [1.0, 2.0]]}), files / "ragged.parquet")
    pq.write_table(pa.table({"v": ["a", "b"]}), files / "words.parquet")
    with pytest.raises(error, match=message):
        read_vectors(files / name, key=key)


def test_the_command(files: Path) -> None:
    done = run("measure", files / "one.npy", "-f", "json")
    assert done.returncode == 0, done.stderr
    rows = {row["metric"]: row for row in json.loads(done.stdout)}
    assert rows["anisotropy"]["value"] == pytest.approx(embstore.measure(X)["anisotropy"])
    assert rows["spectral_slope"]["value"] is None
    assert "directions with variance" in rows["spectral_slope"]["reason"]
    refused = run("measure", files / "two.npz")
    assert refused.returncode == 2
    assert "name one as the key" in refused.stderr
