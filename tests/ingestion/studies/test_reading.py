"""What a study says, and what it means."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from embstore.choices import DTYPES, Sampling
from embstore.errors import UsageError
from embstore.ingestion.request import ModelSpec, Request, Settings, build_models
from embstore.ingestion.studies.study import Instead, read_study
from embstore.models.devices import choose_dtype
from embstore.types import StudyMark
from tests.ingestion.studies.texts import FULL, SMALL
from tests.processes import imported


def test_every_key_is_read(file: Path) -> None:
    file.write_text(FULL)
    study = read_study(file)
    assert (study.name, study.title, study.description) == ("full", "All keys", "Two\nlines.")
    settings = study.request.settings
    assert (study.request.corpus, settings.text_field) == ("hf:wikitext/a:test", "body")
    assert settings.sampling == Sampling(tokens=1024, window=128, sample=256, seed=7)
    assert settings.scopes == ("all", "no_sinks")
    assert (settings.metrics, settings.intervals) == (("anisotropy", "mean_cosine"), False)
    assert settings.dtype == "bfloat16"
    assert settings.tags == {"lab": "a", "owner": "b"}
    assert settings.study == StudyMark("full", study.sha256)
    assert study.request.models == (
        ModelSpec("EleutherAI/pythia-70m", "small", "step0,every:10"),
        ModelSpec("EleutherAI/pythia-70m", None, "step0,every:10", random_init=True),
    )


def test_what_is_not_said_is_the_default_of_an_ingest(file: Path) -> None:
    file.write_text(SMALL)
    study = read_study(file)
    assert (study.name, study.title, study.description) == ("mine", "", "")
    assert study.request == Request(
        (ModelSpec("gpt2"),), "enwik8", Settings(study=StudyMark("mine", study.sha256))
    )


def test_the_hash_is_of_the_content_alone(file: Path, tmp_path: Path) -> None:
    file.write_text(FULL)
    expected = read_study(file).sha256
    same = tmp_path / "elsewhere" / "other.toml"
    same.parent.mkdir()
    same.write_bytes(
        b"\xef\xbb\xbf"
        b'tags.owner = "b"  # a comment\r\ntags.lab = "a"\r\npairs = false\r\n'
        b'intervals = false\r\nmetrics = ["anisotropy", "mean_cosine"]\r\n'
        b'dtype = "bfloat16"\r\n'
        b'scopes = [\r\n "no_sinks",\r\n "all",\r\n]\r\ntext_field = "body"\r\n'
        b'corpus = "hf:wikitext/a:test"\r\ntitle = "All keys"\r\nname = "full"\r\n'
        b'description = "Two\\nlines."\r\n'
        b"sampling = { seed = 0x7, sample = 256, window = 128, tokens = 1_024 }\r\n"
        b'[[models]]\r\nname = "small"\r\nrevisions = ["step0", "every:10"]\r\n'
        b'model = "EleutherAI/pythia-70m"\r\n'
        b'[[models]]\r\nrandom_init = true\r\nmodel = "EleutherAI/pythia-70m"\r\n'
        b'revisions = "step0, every:10"\r\n'
    )
    assert read_study(same).sha256 == expected
    for old, new in (("seed = 7", "seed = 8"), ("step0, every", "every"), ('"small"', '"Small"')):
        same.write_text(FULL.replace(old, new))
        assert read_study(same).sha256 != expected


def test_the_hash_is_the_sha256_of_canonical_json(file: Path) -> None:
    file.write_text(SMALL)
    canonical = b'{"corpus":"enwik8","models":[{"model":"gpt2"}]}'
    assert read_study(file).sha256 == hashlib.sha256(canonical).hexdigest()


def test_others_take_the_place_of_its_models_and_its_text(file: Path, tmp_path: Path) -> None:
    file.write_text(FULL)
    study = read_study(file)
    models = build_models("mine", revisions="step1")
    instead = Instead(
        models=models, corpus="notes.csv", text_field="body text", tokens=512, window=64
    )
    changed = read_study(file, instead)
    assert changed.request.models == models
    # Not beside the study's file, but where it was typed.
    assert changed.request.corpus == "notes.csv"
    settings = changed.request.settings
    assert settings.text_field == "body text"
    sampling = study.request.settings.sampling
    assert settings.sampling == replace(sampling, tokens=512, window=64)
    # All else is as the study says, but it is no longer what the study asks for.
    assert settings == replace(
        study.request.settings,
        text_field="body text",
        sampling=settings.sampling,
        study=settings.study,
    )
    assert changed.name == study.name
    said: dict[str, Any] = {
        "models": models,
        "corpus": "notes.csv",
        "tokens": 512,
        "window": 64,
        "dtype": "float16",
    }
    each = [*(Instead(**{key: value}) for key, value in said.items()), instead]
    hashes = {read_study(file, one).sha256 for one in each}
    assert len(hashes | {study.sha256}) == 7
    # The study's own field is of its own text.
    assert read_study(file, Instead(corpus="a")).request.settings.text_field is None
    same = Instead(tokens=sampling.tokens)
    assert read_study(file, same).sha256 == study.sha256


def test_what_takes_its_place_is_checked_as_the_study_is(file: Path) -> None:
    file.write_text(FULL)
    with pytest.raises(UsageError, match="window must be at most 5, the tokens asked for"):
        read_study(file, Instead(tokens=5))
    with pytest.raises(UsageError, match="no corpus is given"):
        read_study(file, Instead(corpus=" "))
    file.write_text(FULL.replace("window = 128", "window = 0"))
    with pytest.raises(UsageError, match="window must be at least 1"):
        read_study(file, Instead(corpus="a", models=build_models("mine")))


def test_paths_start_at_the_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("words")
    (tmp_path / "model").mkdir()
    specs = ["model", "./missing", "../up", "owner/name", "/abs/folder", "~/home", "x" * 300]
    models = "".join(f'[[models]]\nmodel = "{spec}"\n' for spec in specs)
    file.write_text(f'corpus = "texts/a.txt"\n{models}')
    monkeypatch.chdir(tmp_path.parent)
    study = read_study(f"{tmp_path.name}/mine.toml")
    assert study.request.corpus == str(tmp_path / "texts" / "a.txt")
    assert [model.model for model in study.request.models] == [
        str(tmp_path / "model"),
        str(tmp_path / "missing"),
        f"{tmp_path}/../up",
        *specs[3:],
    ]
    before = study.sha256
    (tmp_path / "model").rmdir()
    assert read_study(file).request.models[0].model == "model"
    assert read_study(file).sha256 == before


def test_dtypes_are_those_that_models_load_with() -> None:
    for dtype in DTYPES:
        assert str(choose_dtype(dtype)) == f"torch.{dtype.replace('auto', 'float32')}"


@pytest.mark.slow
def test_reading_a_study_imports_nothing_heavy() -> None:
    code = "from embstore.ingestion.studies.study import read_study; read_study('tiny')"
    assert not {"torch", "transformers", "pyarrow", "embstore.ingestion.plan"} & imported(code)
