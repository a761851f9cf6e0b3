"""Runs over texts one by one, and over shuffled text: drawn, measured, recognised and told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import embstore
from embstore.errors import CorpusError, UsageError
from embstore.store.ids import configuration_id
from embstore.types import Configuration
from tests.cli.running import embstore as run_command

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"tokens": 400, "window": 24, "sample": 200, "metrics": "core"}


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    """A hundred sentences of 3 to 15 words, one a line."""
    path = tmp_path / "sentences.txt"
    lines = (
        " ".join(f"w{40 + (i * 31 + j * 7) % 150}" for j in range(3 + i % 13)) for i in range(100)
    )
    path.write_text("\n\n".join(lines))
    return path


def row_of(store: Path) -> dict[str, Any]:
    (row,) = embstore.open(store).sql("SELECT * FROM run").to_pylist()
    return dict(row)


def test_documents_are_measured_recognised_and_told(
    tiny_llama: Path, sentences: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    options = {**SMALL, "windows": "documents"}
    (outcome,) = embstore.ingest(tiny_llama, corpus=sentences, store=store, **options)
    assert outcome.status == "measured"
    assert outcome.texts is not None
    read, there = outcome.texts
    assert there == 100 > read > 30
    row = row_of(store)
    assert (row["windows"], row["shuffle"], row["n_windows"]) == ("documents", "none", read)
    assert row["tokens"] == outcome.n_tokens
    assert 380 < row["tokens"] <= 400
    assert row["window_size"] == 15 + row["n_special_tokens"]
    (again,) = embstore.ingest(tiny_llama, corpus=sentences, store=store, batch_size=1, **options)
    assert (again.status, again.texts) == ("stored", outcome.texts)
    # More metrics of the same texts complete the run.
    more = {**options, "metrics": "core,norm_max"}
    (completed,) = embstore.ingest(tiny_llama, corpus=sentences, store=store, **more)
    assert completed.completes == outcome.run_id
    assert embstore.open(store).info()["corpora"] == 1
    assert not embstore.open(store).verify()


def test_the_command_says_how_many_texts_were_read(
    tiny_llama: Path, sentences: Path, tmp_path: Path
) -> None:
    command: list[str | Path] = [
        "ingest",
        tiny_llama,
        "--corpus",
        sentences,
        "--windows",
        "documents",
    ]
    command += ["--metrics", "core", "-s", tmp_path / "s.duckdb"]
    some = run_command(*command, "--tokens", "100", "--window", "20")
    assert some.returncode == 0, some.stderr
    (line,) = [line for line in some.stderr.splitlines() if "measured on" in line]
    assert " of 100 texts in " in line
    assert line.endswith("; more --tokens read more texts")
    every = run_command(*command)
    assert " tokens of all 100 texts in " in every.stderr
    assert "more --tokens" not in every.stderr
    shown = run_command(*command, "--dry-run", "-f", "json", "--seed", "1")
    (row,) = json.loads(shown.stdout)
    assert (row["status"], row["windows"], row["texts"]) == ("to do", 100, 100)


def test_every_way_of_reading_is_a_run_of_its_own(
    tiny_llama: Path, sentences: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    ways: list[dict[str, Any]] = [
        {},
        {"shuffle": "words"},
        {"shuffle": "tokens"},
        {"shuffle": "tokens:4"},
        {"windows": "documents"},
        {"windows": "documents", "shuffle": "words"},
    ]
    for way in ways:
        for expected in ("measured", "stored"):
            (outcome,) = embstore.ingest(
                tiny_llama, corpus=sentences, store=store, **{**SMALL, **way}
            )
            assert outcome.status == expected, way
    opened = embstore.open(store)
    assert opened.info()["runs"] == 6
    # The latest of the text as it is: the controls, measured later, do not take its place.
    latest = opened.sql("SELECT DISTINCT windows, shuffle FROM profile_latest").to_pylist()
    assert latest == [{"windows": "documents", "shuffle": "none"}]
    found = opened.sql("SELECT DISTINCT shuffle FROM latest_control ORDER BY shuffle").to_pylist()
    assert [row["shuffle"] for row in found] == ["tokens", "tokens:4", "words"]


def test_what_older_runs_did_leaves_their_ids_as_they_were() -> None:
    usual = Configuration(
        *(1, 1, 1, 1, 0, "float32", 8.0, "all", 0, "tokenizer", "ids"),
    )
    assert (usual.windows, usual.shuffle) == ("tokens", "none")
    # As embstore made it before there was a choice.
    assert configuration_id("checkpoint", "corpus", usual, {}) == "c3845283c22f8fba0036cd153d2fd582"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"windows": "document"}, r"unknown windows 'document' \(did you mean documents\?\); cho"),
        ({"shuffle": "letters"}, r"unknown shuffle 'letters'; choose from none, tokens, words, or"),
        ({"shuffle": "tokens:x"}, r"after the colon stands how many tokens or words a block has"),
    ],
)
def test_wrong_values_are_told_in_a_line(
    tiny_llama: Path, sentences: Path, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        embstore.ingest(tiny_llama, corpus=sentences, store=tmp_path / "s.duckdb", **options)


def test_one_text_is_too_few(tiny_llama: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_text("w10 w11 w12")
    with pytest.raises(CorpusError, match="one text only"):
        embstore.ingest(
            tiny_llama, corpus=path, store=tmp_path / "s.duckdb", windows="documents", window=20
        )


def test_a_study_says_both(tiny_llama: Path, sentences: Path, tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text(
        f"""
        corpus = "{sentences.name}"
        metrics = ["core"]
        [sampling]
        tokens = 200
        window = 20
        windows = "documents"
        shuffle = "words:2"
        [[models]]
        model = "{tiny_llama}"
        """
    )
    (outcome,) = embstore.ingest_study(study, store=tmp_path / "s.duckdb")
    assert outcome.status == "measured"
    row = row_of(tmp_path / "s.duckdb")
    assert (row["windows"], row["shuffle"]) == ("documents", "words:2")
    study.write_text(study.read_text().replace("words:2", "letters"))
    with pytest.raises(UsageError, match=r"study .*unknown shuffle 'letters'"):
        embstore.ingest_study(study, store=tmp_path / "s.duckdb")


def test_several_ways_of_shuffling_are_a_run_each(
    tiny_llama: Path, sentences: Path, tmp_path: Path
) -> None:
    options = {**SMALL, "windows": "documents"}
    ways = ["none", "words:1", "words", "tokens:4"]
    store = tmp_path / "s.duckdb"
    outcomes = embstore.ingest(tiny_llama, corpus=sentences, store=store, shuffle=ways, **options)
    assert [outcome.shuffle for outcome in outcomes] == ["none", "words", "tokens:4"]
    assert [outcome.label.partition("@")[2] for outcome in outcomes] == [
        "local",
        "local (words shuffled)",
        "local (blocks of 4 tokens shuffled)",
    ]
    # Each is the run that it would be alone.
    for outcome in outcomes:
        (alone,) = embstore.ingest(
            tiny_llama, corpus=sentences, store=store, shuffle=outcome.shuffle, **options
        )
        assert (alone.status, alone.run_id) == ("stored", outcome.run_id)
    assert len({outcome.run_id for outcome in outcomes}) == 3
    # Commas between them are as good as a list, and what is stored is not measured again.
    again = embstore.ingest(
        tiny_llama, corpus=sentences, store=store, shuffle="none,tokens:4", **options
    )
    assert [outcome.status for outcome in again] == ["stored", "stored"]
    assert not embstore.open(store).verify()


def test_blocks_as_long_as_a_window_shuffle_nothing_and_are_refused(
    tiny_llama: Path, sentences: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = tmp_path / "s.duckdb"
    options = {**SMALL, "corpus": sentences, "store": store}
    for way in ("tokens:24", "tokens:256", "words:24"):
        with pytest.raises(UsageError, match=f"shuffle {way}: no window .* more than .* tokens"):
            embstore.ingest(tiny_llama, shuffle=way, **options)
    # Of texts that are read one by one a few are long enough.
    embstore.ingest(tiny_llama, windows="documents", shuffle="tokens:14", **options)
    assert "of the windows that" in caplog.text
    assert "have more than one block" in caplog.text
    caplog.clear()
    embstore.ingest(tiny_llama, windows="documents", shuffle="tokens:4", **options)
    assert "more than one block" not in caplog.text


def test_the_command_tells_controls_apart(
    tiny_llama: Path, sentences: Path, tmp_path: Path
) -> None:
    words = (str(tiny_llama), "--corpus", str(sentences), "--metrics", "core", "--tokens", "400")
    shuffled = (*words, "--shuffle", "none,words")
    preview = run_command("ingest", *shuffled, "--dry-run", "-f", "json", cwd=tmp_path)
    assert [row["shuffle"] for row in json.loads(preview.stdout)] == ["none", "words"]
    done = run_command("ingest", *shuffled, cwd=tmp_path)
    assert "@local: measured on" in done.stderr
    assert "@local (words shuffled): measured on" in done.stderr
    # What is found is said once, of the text as it is.
    assert done.stderr.count("anisotropy peaks at") == 1
    for wrong, said in (("none,", "empty name"), ("none,word", "did you mean words?")):
        refused = run_command("ingest", *words, "--shuffle", wrong, cwd=tmp_path)
        assert refused.returncode == 2
        assert said in refused.stderr


def test_a_study_lists_ways_of_shuffling(tiny_llama: Path, sentences: Path, tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text(
        f"""
        corpus = "{sentences.name}"
        metrics = ["core"]
        [sampling]
        tokens = 200
        shuffle = ["none", "words"]
        [[models]]
        model = "{tiny_llama}"
        """
    )
    store = tmp_path / "s.duckdb"
    outcomes = embstore.ingest_study(study, store=store)
    assert [outcome.shuffle for outcome in outcomes] == ["none", "words"]
    # Its protocol over another text, or with another model.
    other = tmp_path / "other.txt"
    other.write_text(sentences.read_text()[::-1])
    outcomes = embstore.ingest_study(study, corpus=other, tokens=100, store=store)
    assert [outcome.status for outcome in outcomes] == ["measured", "measured"]
    outcomes = embstore.ingest_study(study, models=tiny_llama, store=store)
    assert [outcome.status for outcome in outcomes] == ["stored", "stored"]
    alone: list[dict[str, Any]] = [
        {"name": "a"},
        {"group": "g"},
        {"revisions": "all"},
        {"text_field": "text"},
    ]
    for wrong in alone:
        with pytest.raises(UsageError, match="is given without"):
            embstore.ingest_study(study, store=store, **wrong)


def test_beside_a_study_they_are_refused(tmp_path: Path) -> None:
    for option, value in (("--windows", "documents"), ("--shuffle", "words")):
        refused = run_command("ingest", "--study", "tiny", option, value)
        assert refused.returncode == 2
        assert f"{option} conflicts with --study, which sets it" in refused.stderr


def test_a_run_without_them_that_was_kept_in_a_file_can_be_taken_in() -> None:
    """What an older embstore kept says nothing of them."""
    fields = Configuration.__dataclass_fields__
    assert (fields["windows"].default, fields["shuffle"].default) == ("tokens", "none")


@pytest.mark.parametrize("family", ["bert", "t5"])
def test_an_encoder_and_an_encoder_decoder_read_documents(
    build: Callable[[str], Path], sentences: Path, tmp_path: Path, family: str
) -> None:
    store = tmp_path / "s.duckdb"
    options = {**SMALL, "windows": "documents", "shuffle": "tokens"}
    (outcome,) = embstore.ingest(build(family), corpus=sentences, store=store, **options)
    assert outcome.status == "measured"
    found = embstore.open(store).sql("SELECT DISTINCT stack FROM layer ORDER BY stack")
    stacks = found.to_pylist()
    assert [row["stack"] for row in stacks] == (
        ["encoder"] if family == "bert" else ["decoder", "encoder"]
    )
