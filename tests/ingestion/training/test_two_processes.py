"""Trainings in two processes: one measures, and no one waits for ever."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

import embstore

pytestmark = pytest.mark.slow

_ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def spoken(
    tmp_path_factory: pytest.TempPathFactory, build: Callable[[str], Path], text: Path
) -> tuple[Path, list[list[str]]]:
    """Run the two processes; return where, and what each of them said."""
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.ingestion.training.two_processes",
                folder,
                build("gpt2"),
                text,
            ],
            cwd=_ROOT,
            env={
                **os.environ,
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": "2",
                "OMP_NUM_THREADS": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = []
    try:
        for process in processes:
            out, err = process.communicate(timeout=300)
            assert process.returncode == 0, err
            said.append(out.splitlines())
    finally:
        for process in processes:
            process.kill()
    return folder, said


def _lines(spoken: tuple[Path, list[list[str]]], of: str) -> list[list[str]]:
    return [
        [line.partition(": ")[2] for line in lines if line.startswith(f"{of}: ")]
        for lines in spoken[1]
    ]


def test_one_measures_and_both_train_to_the_end(spoken: tuple[Path, list[list[str]]]) -> None:
    assert _lines(spoken, "run") == _lines(spoken, "without") == [["2 4"], ["2 4"]]
    runs = embstore.open(spoken[0] / "runs.duckdb").sql(
        "SELECT step, count(DISTINCT run_id) AS n FROM profile WHERE model = 'run' "
        "GROUP BY step ORDER BY step"
    )
    assert runs.to_pylist() == [{"step": step, "n": 1} for step in (0, 1, 2, 4)]


def test_weights_are_those_of_a_training_that_is_not_measured(
    spoken: tuple[Path, list[list[str]]],
) -> None:
    measured, without = (
        load_file(spoken[0] / name / "checkpoint-4" / "model.safetensors")
        for name in ("run", "without")
    )
    assert measured.keys() == without.keys()
    assert all(measured[name].equal(without[name]) for name in measured)


def test_what_is_wrong_from_the_start_stops_both(spoken: tuple[Path, list[list[str]]]) -> None:
    first, second = _lines(spoken, "wrong")
    assert first == second
    assert "CorpusError" in first[0]
    assert "absent.txt" in first[0]


def test_a_sharded_model_is_refused_or_measured_as_it_is_saved(
    spoken: tuple[Path, list[list[str]]],
) -> None:
    for refused, measured in _lines(spoken, "sharded"):
        assert "spread over processes by FSDP" in refused
        assert "every='save'" in refused
        assert measured == "measured on save"
    runs = embstore.open(spoken[0] / "runs.duckdb").sql(
        "SELECT DISTINCT step, revision FROM profile WHERE model = 'sharded'"
    )
    assert runs.to_pylist() == [{"step": 3, "revision": "checkpoint-3"}]
