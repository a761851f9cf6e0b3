"""Files of vectors by suffix: the same vectors from each, and what is said of those that fail."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from embstore.errors import MeasurementError, UsageError
from embstore.inputs.vectors.files import open_vectors, read_labels
from embstore.inputs.vectors.tables import ColumnChoice

X = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
LABELS = np.repeat(np.arange(8), 5)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vectors")
    half = torch.from_numpy(X).half()
    tensor = torch.from_numpy(X)
    np.save(folder / "one.npy", X)
    np.savez(folder / "one.npz", vectors=X)
    np.savez(folder / "two.npz", a=X, b=X[:5], doc=LABELS)
    np.save(folder / "records.npy", pd.DataFrame(X, columns=list("abcde")).to_records(index=False))
    save_file({"x": tensor, "h": half, "b": tensor.bfloat16()}, folder / "two.safetensors")
    torch.save(tensor, folder / "one.pt")
    torch.save({"states": (tensor, half), "loss": 0.5, "n": {"ids": LABELS[0].item()}},
               folder / "two.pt")  # fmt: skip
    torch.save({"w": torch.nn.Linear(2, 2)}, folder / "code.pt")
    torch.save(tensor.to_sparse(), folder / "sparse.pt")
    pq.write_table(pa.table({"id": list(range(40)), "v": X.tolist()}), folder / "lists.parquet")
    pq.write_table(pa.table({f"c{i}": X[:, i] for i in range(5)}), folder / "columns.parquet")
    pq.write_table(
        pa.table({"v": X.tolist(), "w": X.tolist(), "doc": [f"d{i}" for i in LABELS]}),
        folder / "two.parquet",
    )
    pd.DataFrame(X, columns=list("abcde")).to_csv(folder / "columns.csv", index=False)
    pd.DataFrame(X, columns=list("abcde")).to_csv(folder / "columns.tsv", index=False, sep="\t")
    np.savetxt(folder / "rows.txt", X)
    words = "".join(f"w{i} {' '.join(map(str, row))}\n" for i, row in enumerate(X))
    (folder / "glove.txt").write_text(words)
    (folder / "words.vec").write_text(f"40 5\n{words}")
    binary = b"".join(f"w{i} ".encode() + row.tobytes() for i, row in enumerate(X))
    (folder / "words.bin").write_bytes(b"40 5\n" + binary)
    (folder / "CAPITAL.NPY").write_bytes((folder / "one.npy").read_bytes())
    packings: dict[str, Callable[[bytes], bytes]] = {
        ".gz": gzip.compress,
        ".bz2": bz2.compress,
        ".XZ": lzma.compress,
    }
    for name in ("one.npy", "columns.csv", "glove.txt"):
        for suffix, pack in packings.items():
            (folder / f"{name}{suffix}").write_bytes(pack((folder / name).read_bytes()))
    with zipfile.ZipFile(folder / "one.npy.zip", "w") as packed:
        packed.write(folder / "one.npy", "one.npy")
    return folder


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("one.npy", None),
        ("CAPITAL.NPY", None),
        ("records.npy", None),
        ("one.npz", None),
        ("two.npz", "a"),
        ("two.safetensors", "x"),
        ("one.pt", None),
        ("two.pt", "states.0"),
        ("lists.parquet", None),
        ("lists.parquet", "v"),
        ("columns.parquet", None),
        ("columns.csv", None),
        ("columns.tsv", None),
        ("rows.txt", None),
        ("glove.txt", None),
        ("words.vec", None),
        ("words.bin", None),
        *((f"{name}{packing}", None) for name in ("one.npy", "columns.csv", "glove.txt")
          for packing in (".gz", ".bz2", ".XZ")),
        ("one.npy.zip", None),
    ],
)  # fmt: skip
def test_every_kind_of_file_gives_the_same_vectors(files: Path, name: str, key: str | None) -> None:
    found = open_vectors(files / name).read(key).array
    # Text has as many digits as tell float32 numbers apart.
    np.testing.assert_array_equal(found.astype(np.float32), X)


@pytest.mark.parametrize(("name", "key"), [("two.safetensors", "h"), ("two.pt", "states.1")])
def test_half_precision_tensors_are_read(files: Path, name: str, key: str) -> None:
    found = open_vectors(files / name).read(key).array
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, X.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("one.npy", ("",)),
        ("two.npz", ("a", "b")),
        ("two.pt", ("states.0", "states.1")),
        ("two.parquet", ("v", "w")),
        ("columns.csv", ("",)),
    ],
)
def test_all_arrays_of_a_file(files: Path, name: str, keys: tuple[str, ...]) -> None:
    assert open_vectors(files / name).keys(besides="doc") == keys


@pytest.mark.parametrize(
    ("name", "key", "error", "message"),
    [
        ("two.npz", None, UsageError, "holds the arrays a, b, doc, and none of them was chosen"),
        ("two.npz", "c", UsageError, "'c' is not one of them; name one as the key, or measure all"),
        ("one.npy", "a", UsageError, "leave the key out"),
        ("columns.csv", "a", UsageError, "no column of lists, so none is called 'a'"),
        ("x.foo", None, UsageError, r"suffix '.foo'; expected \.bin, \.csv, \.npy, \.npz"),
        ("x", None, UsageError, "suffix ''"),
        ("packed.parquet.gz", None, UsageError, r"\.parquet is not read from inside \.gz"),
        ("none.npy", None, MeasurementError, "no such file"),
        (".", None, MeasurementError, "is a folder"),
        ("broken.npy", None, MeasurementError, r"cannot be read as \.npy"),
        ("broken.parquet", None, MeasurementError, r"cannot be read as \.parquet"),
        ("broken.pt", None, MeasurementError, "cut short or damaged as a file of torch.save"),
        ("cut.pt", None, MeasurementError, "cut short or damaged as a file of torch.save"),
        ("sparse.pt", None, MeasurementError, "sparse.pt: this tensor cannot be read as an array"),
        ("broken.csv.gz", None, MeasurementError, r"cannot be read as \.csv"),
        ("several.npy.zip", None, MeasurementError, "2 files are in the archive"),
        ("pickled.npy", None, MeasurementError, "cannot be read as .npy: Object arrays"),
        ("code.pt", None, MeasurementError, "objects that can run code"),
        ("empty.npz", None, MeasurementError, "holds no arrays"),
        ("empty.csv", None, MeasurementError, "no rows in it"),
    ],
)
def test_files_that_cannot_be_read(
    files: Path, name: str, key: str | None, error: type[Exception], message: str
) -> None:
    for broken in ("broken.npy", "broken.parquet", "broken.pt", "broken.csv.gz"):
        (files / broken).write_bytes(b"nothing")
    for empty in ("empty.csv", "packed.parquet.gz"):
        (files / empty).write_bytes(b"")
    (files / "cut.pt").write_bytes((files / "one.pt").read_bytes()[:200])
    np.savez(files / "empty.npz")
    np.save(files / "pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(files / "several.npy.zip", "w") as packed:
        packed.write(files / "one.npy", "a.npy")
        packed.write(files / "one.npy", "b.npy")
    with pytest.raises(error, match=message) as raised:
        open_vectors(files / name).read(key)
    assert "\n" not in str(raised.value)
    assert (name if name != "." else str(files)) in str(raised.value)


def test_columns_are_chosen_in_tables_only(files: Path) -> None:
    some = ColumnChoice(columns=("c1", "c2"))
    assert open_vectors(files / "columns.parquet").read(choice=some).array.shape == (40, 2)
    with pytest.raises(UsageError, match=r"one\.npy: it has arrays, not columns"):
        open_vectors(files / "one.npy").read(choice=some)
    with pytest.raises(UsageError, match="columns are coordinates, and a key"):
        open_vectors(files / "two.parquet").read("v", some)
    one = ColumnChoice(ignore=("w",))
    np.testing.assert_array_equal(open_vectors(files / "two.parquet").read(choice=one).array, X)


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("two.npz", "doc"),
        ("two.parquet", "doc"),
        ("one.npy", "labels.npy"),
        ("one.npy", "labels.txt"),
        ("one.npy", "labels.csv"),
        ("one.npy", "labels.txt.gz"),
    ],
)
def test_labels_of_windows(
    files: Path, name: str, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    text = "".join(f"{label}\n" for label in LABELS)
    np.save("labels.npy", LABELS)
    Path("labels.txt").write_text(text)
    Path("labels.csv").write_text(f"doc\n{text}")
    Path("labels.txt.gz").write_bytes(gzip.compress(text.encode()))
    found = read_labels(spec, open_vectors(name)).tolist()
    assert [str(label).removeprefix("d") for label in found] == [str(label) for label in LABELS]


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("dok", UsageError, r"neither a column or array of .*two.npz \(did you mean doc\?\) nor"),
        ("labels.py", UsageError, r"labels are read from \.npy"),
        ("words.npy", MeasurementError, r"words\.npy cannot be read as \.npy"),
    ],
)
def test_labels_that_are_not_there(
    files: Path,
    spec: str,
    error: type[Exception],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(files)
    Path("labels.py").write_text("")
    Path("words.npy").write_text("a\nb\n")
    with pytest.raises(error, match=message):
        read_labels(spec, open_vectors("two.npz"))
