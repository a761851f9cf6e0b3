"""Ingests of windows as one vector each: stored, completed, sound; too few are told of."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

import embstore
from embstore.choices import Sampling
from embstore.ingestion.dry_run import preview
from embstore.ingestion.request import build_models, build_request, build_settings
from tests.cli.running import embstore as run_command

pytestmark = pytest.mark.slow

# 70 windows of 8 tokens, and 8 of 32.
ENOUGH: dict[str, Any] = {"tokens": 560, "window": 8, "sample": 200, "metrics": "core"}
FEW: dict[str, Any] = {"tokens": 256, "window": 32, "sample": 200, "metrics": "core"}
WHY = "8 windows with one vector each, at least 65 needed; feed more tokens or take shorter windows"


def counted(store: Path) -> dict[str, tuple[int, int]]:
    """Numbers of the newest run by scope: how many there are, and have a value."""
    sql = (
        "SELECT scope, count(*) AS n, count(value) AS known FROM profile_latest "
        "GROUP BY scope ORDER BY scope"
    )
    rows = embstore.open(store).sql(sql).to_pylist()
    return {row["scope"]: (row["n"], row["known"]) for row in rows}


def test_a_run_gets_them_beside_its_tokens(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    (first,) = embstore.ingest(tiny_llama, corpus=text, store=store, **ENOUGH)
    (second,) = embstore.ingest(
        tiny_llama, corpus=text, store=store, scopes="all,no_sinks,last,mean", **ENOUGH
    )
    assert second.completes == first.run_id
    assert second.empty_scopes == ()
    n = 5 * 9
    assert counted(store) == dict.fromkeys(("all", "last", "mean", "no_sinks"), (n, n))
    vectors = embstore.open(store).sql(
        "SELECT DISTINCT n FROM profile_latest WHERE scope = 'last' AND metric = 'anisotropy'"
    )
    assert vectors.to_pylist() == [{"n": 70}]
    assert not embstore.open(store).verify()
    (again,) = embstore.ingest(tiny_llama, corpus=text, store=store, scopes=["last"], **ENOUGH)
    assert again.status == "stored"


def test_too_few_windows_are_told_of(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    (outcome,) = embstore.ingest(
        tiny_llama, corpus=text, store=store, scopes=["all", "last"], **FEW
    )
    assert outcome.status == "measured"
    assert outcome.empty is None
    assert outcome.empty_scopes == (f"scope last has no numbers ({WHY})",)
    assert counted(store) == {"all": (45, 45), "last": (45, 0)}
    assert not embstore.open(store).verify()


def ingest(model: Path, text: Path, store: Path, scopes: str) -> subprocess.CompletedProcess[str]:
    options = ["--tokens", "256", "--window", "32", "--metrics", "core", "--scopes", scopes]
    command: list[str | Path] = ["ingest", model, "--corpus", text, *options, "--store", store]
    return run_command(*command)


def test_the_command_warns_of_them(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    done = ingest(tiny_llama, text, tmp_path / "s.duckdb", "all,mean")
    assert done.returncode == 0
    assert f"scope mean has no numbers ({WHY})\n" in done.stderr


def test_nothing_but_them_is_an_error_that_says_what_helps(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    done = ingest(tiny_llama, text, tmp_path / "s.duckdb", "last")
    assert done.returncode == 4
    assert done.stderr.endswith(f"5 of 5 layers have no numbers ({WHY})\n")


def test_a_dry_run_says_that_windows_are_too_few(
    tiny_llama: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = tmp_path / "t.txt"
    text.write_text(" ".join(f"w{40 + i * 7 % 150}" for i in range(3000)))
    for tokens, few in ((640, True), (1300, False)):
        request = build_request(
            build_models(tiny_llama),
            text,
            build_settings(Sampling(tokens=tokens, window=20), scopes="all,last", metrics="core"),
        )
        caplog.clear()
        (shown,) = preview(request, tmp_path / "s.duckdb")
        assert shown.status == "to do"
        told = "last will have no number: 32 windows, and at least 65 are needed" in caplog.text
        assert told is few
