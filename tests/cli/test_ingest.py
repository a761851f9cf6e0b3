"""``embstore ingest`` from the outside: exit codes, messages, signals, full disks."""

import csv
import json
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

import embstore as api
from embstore.metrics.registry import METRICS, PAIR_METRICS
from embstore.metrics.selection import PRESETS
from tests.cli.running import command, embstore, fork
from tests.processes import start as python

SMALL = ("--tokens", "256", "--window", "32", "--sample", "100")


def runs(store: Path) -> int:
    count = api.open(store).info()["runs"]
    assert isinstance(count, int)
    return count


@pytest.mark.slow
def test_ingest_query_and_again(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    arguments = ("ingest", tiny_llama, "--corpus", text, *SMALL, "--tag", "lab=a")
    first = embstore(*arguments, cwd=tmp_path)
    assert (first.returncode, first.stdout) == (0, "")
    measured, *found, following = first.stderr.splitlines()
    assert re.match(r"tiny-llama@local: measured on 256 tokens in \d+ s", measured)
    assert [line.partition(" peaks at ")[0] for line in found] == [
        *("anisotropy", "intrinsic dimension (TwoNN)"),
    ]
    assert following == "next: embstore chart layer_profile -p models=tiny-llama -o profile.html"
    again = embstore(*arguments, cwd=tmp_path)
    assert again.returncode == 0
    assert "already measured" in again.stderr
    assert "--force measures it again" in again.stderr
    rows = embstore("query", "layer_profile", "-p", "scopes=all", cwd=tmp_path)
    assert len(rows.stdout.splitlines()) == 1 + 4  # header, embedding, three blocks
    quiet = embstore("-q", *arguments, cwd=tmp_path)
    assert (quiet.returncode, quiet.stderr) == (0, "")


@pytest.mark.slow
def test_what_comes_next_names_the_store_and_can_be_typed(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    arguments = ("ingest", tiny_llama, "--corpus", text, *SMALL, "-s", "my store.duckdb")
    said = embstore(*arguments, "--name", "the 1st", cwd=tmp_path).stderr.splitlines()
    asked = "chart layer_profile -p 'models=the 1st' -o profile.html --store 'my store.duckdb'"
    assert said[-1] == f"next: embstore {asked}"


@pytest.mark.slow
def test_a_run_that_hides_metrics_of_an_earlier_one_says_so_last(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    arguments = ("ingest", tiny_llama, "--corpus", text, "--sample", "100")
    first = (*arguments, "--tokens", "256", "--window", "32", "--metrics", "length")
    assert "warning" not in embstore(*first, cwd=tmp_path).stderr
    second = (*arguments, "--tokens", "512", "--window", "64", "--metrics", "norm_max")
    warned = embstore(*second, cwd=tmp_path).stderr.splitlines()[-2]
    assert warned.startswith("warning: questions look at the newest run, and tiny-llama@local (")
    assert "lacks massive_ratio, norm_p01, norm_p50, norm_p99 of an earlier one (" in warned
    command = warned.partition(" ask the earlier one as embstore ")[2].split()
    rows = embstore(*command, cwd=tmp_path)
    assert rows.returncode == 0
    assert "massive_ratio" in rows.stdout
    again = embstore(*first, cwd=tmp_path).stderr.splitlines()
    assert again[-2].startswith("warning: questions look at a later run (")


@pytest.mark.slow
@pytest.mark.parametrize("metrics", ["core", "length", "dimension", "update_ratio", "norm_max"])
def test_what_comes_next_draws_what_was_measured(
    metrics: str, tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    arguments = ("ingest", tiny_llama, "--corpus", text, *SMALL, "--metrics", metrics)
    last = embstore(*arguments, "--no-intervals", cwd=tmp_path).stderr.splitlines()[-1]
    words = shlex.split(last.removeprefix("next: embstore "))
    done = embstore(*words, cwd=tmp_path)
    assert (done.returncode, (tmp_path / "profile.html").exists()) == (0, True), done.stderr


@pytest.mark.slow
def test_layers_without_numbers_are_told_last_and_by_the_exit_code(
    text: Path, tmp_path: Path
) -> None:
    from tests import tiny_models

    model = tiny_models.build_overflowing(tmp_path / "large")
    arguments = ("ingest", model, "--corpus", text, *SMALL, "--dtype", "float16")
    for said in ("measured on 256 tokens", "already measured"):
        done = embstore(*arguments, cwd=tmp_path)
        assert done.returncode == 4
        assert said in done.stderr
        last = done.stderr.splitlines()[-1]
        assert last.startswith("error: stored, but incomplete: of large@local, 3 of 5 layers have")
        assert "256 tokens have NaN or infinite values" in last
        assert "dtype bfloat16" in last


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (["{tmp}/nowhere"], 1, "no such model: .* does not exist"),
        (["{tmp}"], 1, "holds no config.json"),
        (["{model}", "--corpus", "{tmp}/nowhere.txt"], 1, "no such file; check the path"),
        (["{model}", "--corpus", "{tmp}/empty.txt"], 1, "empty"),
        (["{model}", "--corpus", "{tmp}/binary.txt"], 1, "binary, not text"),
        (["{model}", "--corpus", "{tmp}/text.docx"], 1, "suffix '.docx' is not known"),
        (["{model}", "--tokens", "1000000"], 1, "too short for 1,000,000 tokens"),
        (["{model}", "--window", "4096", "--tokens", "8192"], 2, "limit of tiny-llama, 128"),
        (["{model}", "--window", "512"], 2, "window must be at most 256, the tokens asked f"),
        (["{model}", "--tag", "novalue"], 2, "write it as KEY=VALUE"),
        (["{model}", "{model}", "--name", "x"], 2, "name is for one model, but 2"),
        (["{model}", "--device", "tpu"], 2, "unknown device 'tpu'; choose from auto, cpu"),
        (["{model}", "--device", "cpu, tpu"], 2, "unknown device 'tpu'; choose from auto, cpu"),
        (["{model}", "--device", "cpu,cuda:9"], 2, "device 'cuda:9' cannot be used here: "),
        (["{model}", "--device", "cpu,"], 2, "device has an empty name in 'cpu,'; give auto, cpu"),
        (["{model}", "--device", "cpu,auto"], 2, "device auto is one device, which embstore choo"),
        (["{model}", "--dtype", "int4"], 2, "unknown dtype 'int4'"),
        (["{model}", "--scopes", "all,some"], 2, "unknown scope 'some'; choose from all, no_f"),
        (["{model}", "--scopes", ""], 2, "scopes is empty; choose from all, no_first"),
        (["{model}", "--revisions", ","], 2, "revisions is empty; give names, patterns, ev"),
        (["{model}", "-f", "json"], 2, "are for the table of --dry-run"),
        (["{model}", "-o", "{tmp}/t.csv"], 2, "are for the table of --dry-run"),
        (["{model}", "--dry-run", "-f", "xml"], 2, "unknown format 'xml'"),
        (["{tmp}/nowhere", "--dry-run"], 1, "no such model: .* does not exist"),
        (["{model}", "--store", "{tmp}"], 3, "is a directory"),
        (["{model}", "--store", "{tmp}/binary.txt"], 3, "not a"),
        (["{model}", "--store", "{tmp}/no/where.duckdb"], 3, "is not a folder: create it"),
    ],
)
def test_bad_input_is_one_line_and_stores_nothing(
    change: list[str], code: int, message: str, tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "binary.txt").write_bytes(b"\x00\x01\x02" * 1000)
    (tmp_path / "text.docx").write_text("words")
    before = sorted(tmp_path.iterdir())
    arguments = [part.format(tmp=tmp_path, model=tiny_llama) for part in change]
    done = embstore("ingest", "--corpus", text, *SMALL, *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert re.search(message, line)
    assert done.stdout == ""
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_a_dry_run_shows_the_work_and_leaves_no_trace(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    arguments = ("ingest", tiny_llama, "--corpus", text, *SMALL)
    first = embstore(*arguments, "--dry-run", "-f", "json", cwd=tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []
    (row,) = json.loads(first.stdout)
    assert (row["model"], row["revision"], row["architecture"]) == ("tiny-llama", "local", "llama")
    assert (row["status"], row["run_id"]) == ("to do", None)
    assert (row["goes_on_from"], row["metrics"]) == (None, len(PRESETS["default"]))
    assert (row["windows"], row["tokens"], row["layers"], row["hidden_size"]) == (8, 256, 3, 32)
    assert row["weights_bytes"] == 4 * row["parameters"]
    kept = sum(row[f"{part}_bytes"] for part in ("weights", "moments", "pairs", "sample"))
    assert row["total_bytes"] > kept > 0
    embstore(*arguments, cwd=tmp_path)
    stored = api.open(tmp_path / "embstore.duckdb").sql("SELECT run_id FROM run")
    (run_id,) = stored["run_id"].to_pylist()
    people = embstore(*arguments, "--dry-run", "-f", "table", cwd=tmp_path)
    assert re.search(r"^status +stored$", people.stdout, re.MULTILINE)
    assert re.search(rf"^run_id +{run_id}$", people.stdout, re.MULTILINE)
    assert re.search(r"^weights +149 kB$", people.stdout, re.MULTILINE)
    embstore(*arguments, "--metrics", "all", "--dry-run", "-o", "plan.csv", cwd=tmp_path)
    (more,) = csv.DictReader((tmp_path / "plan.csv").read_text().splitlines())
    lacking = str(len(PRESETS["all"]) - len(PRESETS["default"]))
    assert (more["status"], more["goes_on_from"], more["metrics"]) == ("to do", run_id, lacking)
    # Without pairs it is a part of what is stored; other tokens are not.
    for options, told in (((), ("stored", run_id)), (("--seed", "1"), ("to do", ""))):
        embstore(*arguments, *options, "--no-pairs", "--dry-run", "-o", "plan.csv", cwd=tmp_path)
        (other,) = csv.DictReader((tmp_path / "plan.csv").read_text().splitlines())
        assert (other["status"], other["run_id"], other["pairs_bytes"]) == (*told, "0")
    assert runs(tmp_path / "embstore.duckdb") == 1


@pytest.mark.slow
def test_fewer_scopes_and_no_pairs(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    options = ("--scopes", "no_sinks,all", "--no-pairs")
    done = embstore("ingest", tiny_llama, "--corpus", text, *SMALL, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = api.open(tmp_path / "embstore.duckdb").sql("SELECT scopes FROM run")
    assert found.to_pylist() == [{"scopes": "all,no_sinks"}]


def test_wrong_usage_is_exit_code_2(tmp_path: Path) -> None:
    assert embstore("ingest", cwd=tmp_path).returncode == 2
    assert embstore("ingest", "m", "--corpus", "x", "--tokens", "0", cwd=tmp_path).returncode == 2
    assert embstore("ingest", "m", "--nonsense", cwd=tmp_path).returncode == 2
    assert embstore("nonsense", cwd=tmp_path).returncode == 2


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = embstore("--debug", "ingest", "./nowhere", "--corpus", "x", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ModelError: no such model" in done.stderr


@pytest.mark.slow
def test_a_locked_store_names_the_process_that_holds_it(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "embstore.duckdb"
    embstore("ingest", tiny_llama, "--corpus", text, *SMALL, cwd=tmp_path)
    code = (
        f"import duckdb, time; c = duckdb.connect({str(store)!r}); "
        "print(1, flush=True); time.sleep(60)"
    )
    with python(code) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        done = embstore(
            *("ingest", tiny_llama, "--corpus", text, *SMALL, "--seed", "1"),
            cwd=tmp_path,
            EMBSTORE_LOCK_TIMEOUT="0.5",
        )
        holder.kill()
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert str(holder.pid) in line
    assert runs(store) == 1


def wait_for(said: Iterable[str], words: str) -> None:
    """Read what a process says until a line has these words."""
    assert any(words in line for line in said), f"ended without saying {words!r}"


# Two models, so that a kill comes before, during, between and after the two runs.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "delay"),
    [
        ("tiny-llama@local: loading", 0.0),
        ("tiny-llama@local: reading tokens", 0.0),
        ("tiny-llama@local: measuring layers", 0.0),
        # The last layers, and the transaction.
        ("tiny-llama@local: measuring layers", 0.1),
        ("tiny-llama@local: measuring layers", 0.2),
        ("tiny-llama@local: measured", 0.0),
        ("tiny-bert@local: measuring layers", 0.15),
    ],
)
def test_a_killed_ingest_leaves_a_clean_store_and_the_next_completes(
    moment: str, delay: float, tiny_llama: Path, tiny_bert: Path, text: Path, tmp_path: Path
) -> None:
    arguments = ("ingest", tiny_llama, tiny_bert, "--corpus", text, *SMALL)
    with fork("-v", *arguments, cwd=tmp_path) as (process, said):
        wait_for(said, moment)
        time.sleep(delay)
        process.kill()
        process.join()
    assert process.exitcode in (-signal.SIGKILL, 0)
    store = tmp_path / "embstore.duckdb"
    if store.exists():
        # Whatever is there is whole: every run has all its layers and numbers.
        found = api.open(store).sql(
            "SELECT (SELECT count(*) FROM run) AS runs, (SELECT count(*) FROM layer) AS layers, "
            "(SELECT count(*) FROM measurement) AS numbers"
        )
        (row,) = found.to_pylist()
        # llama has a state after its final norm, bert has not
        assert row["layers"] in {0: (0,), 1: (5,), 2: (9,)}[row["runs"]]
        # three blocks each, so three pairs of layers
        names = set(PRESETS["default"])
        pairs = 3 * row["runs"] * len(names & PAIR_METRICS.keys())
        assert row["numbers"] == 2 * (row["layers"] * len(names & METRICS.keys()) + pairs)
    done = embstore(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert runs(store) == 2


@pytest.mark.slow
def test_an_interrupt_is_exit_code_130_and_stores_nothing(
    tiny_llama: Path, write_text: Callable[[int], Path], tmp_path: Path
) -> None:
    """One small window at a time: measuring takes long enough to be met."""
    arguments = command(
        *("-v", "ingest", tiny_llama, "--corpus", write_text(120_000), "--tokens", "96000"),
        *("--window", "32", "--batch-size", "1"),
    )
    with subprocess.Popen(arguments, cwd=tmp_path, text=True, stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            wait_for(process.stderr, "reading tokens")
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130, said
    assert "error: interrupted" in said
    assert "what is stored stays, and the same command goes on from there" in said
    assert not (tmp_path / "embstore.duckdb").exists()


@pytest.mark.slow
def test_a_full_disk_while_writing_stores_nothing_and_keeps_what_was_there(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    """A limit on file size stands in for a full disk: writes beyond it fail."""
    store = tmp_path / "embstore.duckdb"
    embstore("ingest", tiny_llama, "--corpus", text, *SMALL, cwd=tmp_path)
    # Room for the text's temporary copy, 20 kB, but not for the run.
    limit = 24_000
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "from embstore.cli.main import main\n"
        "main()\n"
    )
    arguments = ["ingest", str(tiny_llama), "--corpus", str(text), *SMALL, "--seed", "1"]
    process = python(code, *arguments, cwd=tmp_path)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 3, said
    (line,) = said.splitlines()
    assert re.search(r"embstore.duckdb", line)
    assert runs(store) == 1
    assert embstore(*arguments, cwd=tmp_path).returncode == 0
    assert runs(store) == 2
