"""``ingest --shard``: a share of the checkpoints, in a file of its own, and what to type next."""

import json
from pathlib import Path

import pytest

from tests.cli.running import embstore

pytestmark = pytest.mark.slow

SMALL = ("--tokens", "128", "--window", "32", "--sample", "64", "--device", "cpu")


@pytest.fixture
def models(tiny_llama: Path, tiny_bert: Path) -> tuple[str, str]:
    return str(tiny_llama), str(tiny_bert)


def test_a_share_is_measured_into_a_file_that_the_next_line_merges(
    models: tuple[str, str], text: Path, tmp_path: Path
) -> None:
    for index in (1, 2):
        command = ("ingest", *models, "--corpus", text, "--shard", f"{index}/2", *SMALL)
        done = embstore(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"shard {index}/2 has 1 of 2 checkpoints" in done.stderr
        assert (
            "next, when all shares are done: embstore merge embstore-*-of-2.duckdb" in done.stderr
        )
    files = sorted(tmp_path.glob("embstore-*-of-2.duckdb"))
    merged = embstore("merge", *files, cwd=tmp_path)
    assert merged.returncode == 0, merged.stderr
    stored = embstore("query", "models", "-f", "json", cwd=tmp_path)
    assert len(json.loads(stored.stdout)) == 2


@pytest.mark.parametrize("variable", [True, False])
def test_a_named_file_is_that_file_and_a_variable_names_all(
    variable: bool, models: tuple[str, str], text: Path, tmp_path: Path
) -> None:
    command = ("ingest", *models, "--corpus", text, "--shard", "1/2", *SMALL)
    if variable:
        done = embstore(*command, cwd=tmp_path, EMBSTORE_STORE="runs.duckdb")
    else:
        done = embstore(*command, "--store", "runs.duckdb", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    name = "runs-1-of-2.duckdb" if variable else "runs.duckdb"
    assert [file.name for file in tmp_path.glob("*.duckdb")] == [name]


def test_a_dry_run_shows_the_share_alone(
    models: tuple[str, str], text: Path, tmp_path: Path
) -> None:
    command = ("ingest", *models, "--corpus", text, *SMALL, "--dry-run", "-f", "json")
    shown = [
        json.loads(embstore(*command, "--shard", f"{index}/3", cwd=tmp_path).stdout)
        for index in (1, 2, 3)
    ]
    assert [len(rows) for rows in shown] == [1, 1, 0]
    assert {row["model"] for rows in shown for row in rows} == {Path(m).name for m in models}
    assert not list(tmp_path.glob("*.duckdb"))


def test_with_more_shares_than_checkpoints_the_last_succeed_with_nothing(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    command = ("ingest", tiny_llama, "--corpus", text, "--shard", "2/2", *SMALL)
    done = embstore(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "shard 2/2 has 0 of 1 checkpoint" in done.stderr
    assert not list(tmp_path.glob("*.duckdb"))


def test_what_is_no_share_is_a_wrong_call(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    done = embstore("ingest", tiny_llama, "--corpus", text, "--shard", "8/2", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: shard is 8/2: shares are counted from 1 to 2; give I/N")
