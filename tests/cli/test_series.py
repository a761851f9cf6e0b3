"""embstore ingest of several checkpoints, and of studies, as a person types it."""

import json
import re
import shutil
from pathlib import Path

import pytest

import embstore as api
from tests.cli.running import embstore

SMALL = ("--tokens", "128", "--window", "32", "--sample", "64", "--no-pairs")


@pytest.fixture
def series(tiny_llama: Path, tmp_path: Path) -> Path:
    """Two checkpoints, the second of them cut short."""
    for step in (10, 20):
        shutil.copytree(tiny_llama, tmp_path / "out" / f"checkpoint-{step}")
    weights = tmp_path / "out" / "checkpoint-20" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    return tmp_path / "out"


@pytest.mark.slow
def test_a_failed_checkpoint_is_exit_code_4_with_a_table_of_reasons(
    series: Path, tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    arguments = ("ingest", "out", "--corpus", text, *SMALL)
    done = embstore(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert "out@checkpoint-10: measured on 128 tokens" in done.stderr
    table = done.stderr[done.stderr.index("\nfailed") :]
    assert re.search(r"checkpoint +stage +reason", table)
    assert re.search(r"out@checkpoint-20 +locate +out has damaged weights", table)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: 1 of 2 checkpoints failed, the others are stored; ")
    listed = embstore("query", "failures", "-f", "json", cwd=tmp_path)
    (row,) = json.loads(listed.stdout)
    assert (row["model"], row["revision"], row["resolved"]) == ("out", "checkpoint-20", False)
    # Mended, it is done, and found to be a copy.
    shutil.copy(tiny_llama / "model.safetensors", series / "checkpoint-20")
    again = embstore(*arguments, cwd=tmp_path)
    assert again.returncode == 0
    assert "out@checkpoint-10: already measured" in again.stderr
    assert (
        "warning: out@checkpoint-20: has the same weights as checkpoint-10; one of the two is "
        "perhaps not what its name says" in again.stderr
    )


def test_a_dry_run_of_a_series_is_a_line_for_each_and_a_sum(
    series: Path, text: Path, tmp_path: Path
) -> None:
    done = embstore(
        "ingest", "out", "--corpus", text, *SMALL, "--dry-run", "-f", "md", cwd=tmp_path
    )
    # As the ingest itself would end.
    assert done.returncode == 4
    head, _, first, second = done.stdout.splitlines()
    assert [name.strip() for name in head.strip("|").split("|")] == [
        *("model", "revision", "step", "status", "tokens", "download", "total", "seconds"),
        *("duplicate_of", "reason"),
    ]
    assert re.search(r"checkpoint-10 \| +10 \| to do +\| +128 \| +0 B \|", first)
    assert "cannot" in second
    assert "damaged weights" in second
    assert re.fullmatch(
        r"1 to do, 1 cannot be measured: 0 B to download, \d+ MB of memory at the peak, "
        r"about 1 s of measuring\n",
        done.stderr,
    )


def test_a_dry_run_on_two_devices_tells_the_memory_of_both(
    series: Path, tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    shutil.copy(tiny_llama / "model.safetensors", series / "checkpoint-20")
    arguments = ("ingest", "out", "--corpus", text, *SMALL, "--dry-run", "-f", "json")
    done = embstore(*arguments, "--device", "cpu,cpu", cwd=tmp_path)
    assert done.returncode == 0
    each = [row["total_bytes"] for row in json.loads(done.stdout)]
    said = re.fullmatch(
        r"2 to do: 0 B to download, (\d+) MB of memory at the peak with 2 at once, "
        r"about \d+ s of measuring one after the other\n",
        done.stderr,
    )
    assert said is not None
    assert int(said[1]) == round(sum(each) / 1e6)


@pytest.mark.slow
def test_a_study_is_measured_and_its_hash_is_stored(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(
        f"corpus = {json.dumps(str(text))}\npairs = false\n"
        "sampling = { tokens = 128, window = 32, sample = 64 }\n"
        f"[[models]]\nmodel = {json.dumps(str(tiny_llama))}\nname = 'little'\n"
    )
    done = embstore("ingest", "--study", "mine.toml", "--tag", "by=me", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (row,) = (
        api.open(tmp_path / "embstore.duckdb")
        .sql("SELECT study, length(study_sha256) AS digits, tags FROM run")
        .to_pylist()
    )
    assert row == {"study": "mine", "digits": 64, "tags": '{"by":"me"}'}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--corpus", "enwik8"), "no model is given; name one or more, or a study"),
        (("m",), "no corpus is given; name one, for example enwik8"),
        (("--study", "tiny", "--sample", "5"), "--sample conflicts with --study, which sets it"),
        (("--study", "tiny", "--name", "n"), "--name conflicts with --study, which sets it; "),
        (("m", "--study", "tiny", "--text-field", "t"), "it; beside --corpus, which takes the"),
        (("--study", "tiny", "--no-pairs"), "--pairs or --no-pairs conflicts with --study"),
        (("--study", "nothing"), "no study 'nothing'; give a TOML file"),
        (("m", "--corpus", "x", "-f", "csv"), "--format and --output are for the table"),
        (("{model}", "--corpus", "x", "--revisions", "every:0"), "give a whole number"),
        (("{model}", "--corpus", "x", "--revisions", "a", "--random-init"), "no revisions; leave"),
    ],
)
def test_what_does_not_go_together_is_exit_code_2(
    arguments: tuple[str, ...], said: str, series: Path, tmp_path: Path
) -> None:
    given = [argument.replace("{model}", str(series)) for argument in arguments]
    done = embstore("ingest", *given, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "embstore.duckdb").exists()


def test_pickled_weights_and_code_are_refused_with_an_explanation(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "pickled"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    done = embstore("ingest", "pickled", "--corpus", text, cwd=tmp_path)
    assert done.returncode == 1
    assert "only pickled weights" in done.stderr
    assert "can run code when loaded" in done.stderr
    assert "--allow-pickle" in done.stderr
