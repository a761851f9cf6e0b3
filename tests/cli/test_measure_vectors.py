"""``embstore measure``: one table for a file, for two, or for every array of one."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import embstore as library
from embstore.metrics.registry import PAIR_METRICS
from tests.cli.running import embstore
from tests.metrics.clouds import OF_VECTORS
from tests.processes import imported

N, D = 48, 4
X = np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)
Y = X + 0.1 * np.random.default_rng(1).normal(size=(N, D)).astype(np.float32)
LABELS = np.repeat(np.arange(8), 6)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("measured")
    np.save(folder / "x.npy", X)
    np.save(folder / "y.npy", Y)
    np.save(folder / "shaped.npy", X.reshape(8, 6, D))
    np.savez(folder / "two.npz", a=X, b=Y, doc=LABELS)
    broken = torch.from_numpy(np.where(np.arange(N)[:, None] == 3, np.nan, X))
    states = {"l0": torch.from_numpy(X), "l1": broken, "mask": torch.ones(N)}
    torch.save(states, folder / "states.pt")
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(D)])
    frame.assign(sentence=LABELS).to_csv(folder / "tokens.csv", index=False)
    (folder / "doc.txt").write_text("".join(f"doc {i}\n" for i in LABELS))
    return folder


def rows(*words: str, files: Path) -> list[dict[str, Any]]:
    done = embstore("measure", *words, "-f", "json", cwd=files)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_a_row_per_metric_as_in_python(files: Path) -> None:
    found = rows("x.npy", files=files)
    assert found == library.measure(X).table.to_pylist()
    assert [row["metric"] for row in found] == list(OF_VECTORS)


@pytest.mark.parametrize(
    "words",
    [
        ("x.npy", "--windows", "doc.txt"),
        ("two.npz", "--key", "a", "--windows", "doc"),
        ("tokens.csv", "--windows", "sentence"),
        ("shaped.npy",),
    ],
)
def test_windows_from_wherever_they_are(files: Path, words: tuple[str, ...]) -> None:
    found = {row["metric"]: row for row in rows(*words, files=files)}
    expected = library.measure(X, windows=LABELS)["anisotropy"]
    # Text has as many digits as tell float32 numbers apart.
    assert found["anisotropy"]["std_error"] == pytest.approx(expected.std_error, rel=1e-5)


@pytest.mark.parametrize(
    "words",
    [
        ("x.npy", "y.npy", "--windows", "doc.txt"),
        ("two.npz", "two.npz", "--key", "a", "--key", "b", "--windows", "doc"),
        ("shaped.npy", "y.npy"),
    ],
)
def test_two_files_are_two_layers(files: Path, words: tuple[str, ...]) -> None:
    found = rows(*words, files=files)
    assert [row["metric"] for row in found] == list(PAIR_METRICS)
    assert found == library.measure_pair(X, Y, windows=LABELS).table.to_pylist()


@pytest.mark.parametrize("words", [("--all", "--windows", "doc"), ("--key", "a", "--key", "b")])
def test_several_arrays_of_a_file(files: Path, words: tuple[str, ...]) -> None:
    found = rows("two.npz", *words, files=files)
    assert len(found) == 2 * len(OF_VECTORS)
    assert list(found[0])[:2] == ["array", "metric"]
    values = {row["array"]: row["value"] for row in found if row["metric"] == "anisotropy"}
    assert values == {
        "a": library.measure(X)["anisotropy"].value,
        "b": library.measure(Y)["anisotropy"].value,
    }


def test_of_all_arrays_those_that_fail_are_told_of_at_the_end(files: Path) -> None:
    done = embstore("measure", "states.pt", "--all", cwd=files)
    assert done.returncode == 4
    assert {row["array"] for row in csv.DictReader(done.stdout.splitlines())} == {"l0"}
    *notes, error = done.stderr.splitlines()
    assert "note: Left out mask, no vectors: float32 of shape (48,)." in notes
    assert error.startswith("error: states.pt, l1: 1 of 48 vectors have NaN")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("two.npz", 2, "holds the arrays a, b, doc, and none of them was chosen"),
        ("two.npz --all --key a", 2, "both a key and all arrays are asked for"),
        ("x.npy y.npy --all", 2, "--all measures one file"),
        ("x.npy y.npy --key a --key b --key c", 2, "3 keys for two files"),
        ("x.npy --columns a", 2, "it has arrays, not columns"),
        ("x.npy --columns ,", 2, "--columns is empty"),
        ("tokens.csv", 1, "column 'sentence' holds whole numbers beside columns of decimals"),
        ("tokens.csv --ignore sentences", 2, "no column 'sentences' (did you mean sentence?)"),
        ("x.npy --windows sentence", 2, "neither a column or array of x.npy nor a file"),
        ("shaped.npy --windows doc.txt", 1, "windows already"),
        ("x.npy none.npy", 1, "no such file: none.npy"),
        ("states.pt --key l1", 1, "the first is row 3 (from 0)"),
    ],
)
def test_wrong_commands_get_one_line(files: Path, words: str, code: int, said: str) -> None:
    done = embstore("measure", *words.split(), cwd=files)
    assert done.returncode == code
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_what_is_left_out_is_told_of(files: Path) -> None:
    done = embstore("measure", "tokens.csv", "--ignore", "sentence", cwd=files)
    assert done.returncode == 0
    first, second = done.stderr.splitlines()
    assert first == "note: No coordinates, left out: sentence."
    assert second.startswith("note: Each of the 48 vectors counts by itself")


@pytest.mark.slow
def test_vectors_are_measured_without_torch(files: Path) -> None:
    found = imported(
        "import embstore, numpy\n"
        f"embstore.measure(numpy.load({str(files / 'x.npy')!r}))\n"
        f"embstore.measure_pair(*map(numpy.load, {[str(files / 'x.npy')] * 2}))"
    )
    assert not {"torch", "transformers", "pynndescent"} & found
