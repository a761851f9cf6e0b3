"""What a study may say, what it means, and how it is refused."""

import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from embstore.errors import UsageError
from embstore.models import choose_dtype
from embstore.packaged import packaged_path
from embstore.study import DTYPES, StudyModel, read_study, shipped_studies
from embstore.types import SCOPES, Sampling

SMALL = """
corpus = "enwik8"
[[models]]
model = "gpt2"
"""
FULL = """
name = "full"
title = "All keys"
description = '''
Two
lines.'''
corpus = "hf:wikitext/a:test"
text_field = "body"
dtype = "bfloat16"
scopes = ["no_sinks", "all"]
pairs = false
tags = { lab = "a", owner = "b" }

[sampling]
tokens = 1024
window = 128
sample = 256
seed = 7

[[models]]
model = "EleutherAI/pythia-70m"
revisions = ["step0", "every:10"]
name = "small"

[[models]]
model = "EleutherAI/pythia-70m"
revisions = "step0, every:10"
random_init = true
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


def refusal(file: Path, text: str) -> str:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_study(file)
    message = str(caught.value)
    assert message.isprintable()
    prefix = f"study {file}: "
    assert message.startswith(prefix)
    return message.removeprefix(prefix)


def test_every_key_is_read(file: Path) -> None:
    file.write_text(FULL)
    study = read_study(file)
    assert (study.name, study.title, study.description) == ("full", "All keys", "Two\nlines.")
    assert (study.corpus, study.text_field) == ("hf:wikitext/a:test", "body")
    assert study.sampling == Sampling(tokens=1024, window=128, sample=256, seed=7)
    assert (study.scopes, study.pairs, study.dtype) == (("all", "no_sinks"), False, "bfloat16")
    assert study.tags == {"lab": "a", "owner": "b"}
    assert study.models == (
        StudyModel("EleutherAI/pythia-70m", "step0,every:10", "small", False),
        StudyModel("EleutherAI/pythia-70m", "step0,every:10", None, True),
    )


def test_what_is_not_said_is_the_default_of_an_ingest(file: Path) -> None:
    file.write_text(SMALL)
    study = read_study(file)
    assert (study.name, study.title, study.description) == ("mine", "", "")
    assert (study.sampling, study.scopes, study.pairs) == (Sampling(), SCOPES, True)
    assert (study.dtype, study.text_field, study.tags) == ("auto", None, {})
    assert study.models == (StudyModel("gpt2", None, None, False),)


def test_the_hash_is_of_the_content_alone(file: Path, tmp_path: Path) -> None:
    file.write_text(FULL)
    expected = read_study(file).sha256
    same = tmp_path / "elsewhere" / "other.toml"
    same.parent.mkdir()
    same.write_bytes(
        b"\xef\xbb\xbf"
        b'tags.owner = "b"  # a comment\r\ntags.lab = "a"\r\npairs = false\r\n'
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
    assert study.corpus == str(tmp_path / "texts" / "a.txt")
    assert [model.model for model in study.models] == [
        str(tmp_path / "model"),
        str(tmp_path / "missing"),
        f"{tmp_path}/../up",
        *specs[3:],
    ]
    before = study.sha256
    (tmp_path / "model").rmdir()
    assert read_study(file).models[0].model == "model"
    assert read_study(file).sha256 == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[[models]]", "[[modles]]", "unknown key 'modles'; did you mean 'models'?"),
        ("model =", "modle =", "unknown key 'models[0].modle'; did you mean 'model'?"),
        ("[[models]]", "zzz = 1\n[[models]]", "unknown key 'zzz'; known are name, title, "),
        (
            "[[models]]",
            "[sampling]\ntoken = 3\n[[models]]",
            "unknown key 'sampling.token'; did you mean 'tokens'?",
        ),
        (
            "corpus",
            "tokens = 9\ncorpus",
            "'tokens' belongs in [sampling], not in the top of the file",
        ),
        ('"gpt2"', '"gpt2"\ndtype = "auto"', "'models[0].dtype' belongs in the top of the file, "),
        ('"enwik8"', "3", "corpus is 3; expected a text"),
        ('corpus = "enwik8"', "", "corpus is missing; expected a text"),
        ('"enwik8"', '" "', "corpus is ' '; expected one line of text that is not blank"),
        (
            '"enwik8"',
            r'"\u001b[2J"',
            r"corpus is '\x1b[2J'; expected one line of text that is not blank",
        ),
        ('"enwik8"', '"enwik8"\ntitle = ["a"]', "title is a list; expected a text"),
        ('"enwik8"', '"enwik8"\nname = 2024-01-01', "name is a date or time; expected a text"),
        ('"enwik8"', '"enwik8"\npairs = 1', "pairs is 1; expected true or false"),
        ('"enwik8"', '"enwik8"\npairs = "no"', "pairs is 'no'; expected true or false"),
        (
            '"enwik8"',
            '"enwik8"\ndtype = "float64"',
            "dtype is 'float64'; expected one of auto, float32, bfloat16, float16",
        ),
        (
            '"enwik8"',
            '"enwik8"\nscopes = ["all", "some"]',
            "scopes is a list; expected a list of all, no_first, no_sinks",
        ),
        (
            '"enwik8"',
            '"enwik8"\nscopes = []',
            "scopes is an empty list; expected a text or a list of texts, none of them blank",
        ),
        ('"enwik8"', '"enwik8"\ntags = "a"', "tags is 'a'; expected a table, as [tags]"),
        ('"enwik8"', '"enwik8"\ntags = { n = 1 }', "tags.n is 1; expected a text"),
        (
            '"enwik8"',
            '"enwik8"\ntags = { "a=b" = "c" }',
            "tags.a=b is 'c'; expected a key that is not blank and has no =",
        ),
        ('"enwik8"', '"enwik8"\nsampling = 8', "sampling is 8; expected a table, as [sampling]"),
        ('"gpt2"', "true", "models[0].model is true; expected a text"),
        ('model = "gpt2"', "", "models[0].model is missing; expected a text"),
        (
            '"gpt2"',
            '"gpt2"\n[[models]]\nmodel = "opt"\nrevisions = 3',
            "models[1].revisions is 3; expected a text or a list of texts, none of them blank",
        ),
        (
            '"gpt2"',
            '"gpt2"\nrevisions = ["a", 3]',
            "models[0].revisions is a list; expected a text or a list of texts, none of them",
        ),
        (
            '"gpt2"',
            '"gpt2"\nrevisions = "a,,b"',
            "models[0].revisions is 'a,,b'; expected no blank between its commas",
        ),
        (
            '"gpt2"',
            '"gpt2@v1"\nrevisions = "a"',
            "models[0].revisions is 'a'; expected none beside a model that names its revision",
        ),
        ('"gpt2"', '"gpt2"\nrandom_init = 1', "models[0].random_init is 1; expected true or false"),
        (
            '"gpt2"',
            '"gpt2"\n[[models]]\nmodel = "opt"\n[[models]]\nmodel = "gpt2"\nname = "again"',
            "models[2].model is 'gpt2'; expected no model with the same revisions twice, "
            "as in models[0]",
        ),
        (
            '[[models]]\nmodel = "gpt2"',
            "",
            "models is missing; expected at least one table [[models]]",
        ),
        (
            '[[models]]\nmodel = "gpt2"',
            "models = []",
            "models is an empty list; expected at least one table [[models]]",
        ),
        (
            '[[models]]\nmodel = "gpt2"',
            'models = ["gpt2"]',
            "models is a list; expected at least one table [[models]]",
        ),
    ],
)
def test_what_does_not_hold_is_named(file: Path, old: str, new: str, message: str) -> None:
    assert old in SMALL
    assert refusal(file, SMALL.replace(old, new)).startswith(message)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tokens = 0", "sampling.tokens is 0; expected a whole number from 1 to 2^63 - 1"),
        ("tokens = true", "sampling.tokens is true; expected a whole number of at least 1"),
        ("tokens = 64.0", "sampling.tokens is 64.0; expected a whole number of at least 1"),
        ('tokens = "64"', "sampling.tokens is '64'; expected a whole number of at least 1"),
        ("window = 0", "sampling.window is 0; expected a whole number from 1 "),
        ("window = 9000", "sampling.window is 9000; expected no more than sampling.tokens, 8192"),
        ("sample = -1", "sampling.sample is -1; expected a whole number from 1 "),
        ("seed = -1", "sampling.seed is -1; expected a whole number from 0 "),
        ("seed = 9223372036854775808", "sampling.seed is 9223372036854775808; expected a whole "),
        (f"seed = 0x{'f' * 5000}", "sampling.seed is a huge number; expected a whole number "),
    ],
)
def test_numbers_are_whole_and_bounded(file: Path, line: str, message: str) -> None:
    assert refusal(file, f"{SMALL}[sampling]\n{line}\n").startswith(message)


@pytest.mark.parametrize(
    ("line", "flag"),
    [
        ("allow_pickle = true", "--allow-pickle"),
        ("allow-pickle = false", "--allow-pickle"),
        ("Trust_Remote_Code = true", "--allow-remote-code"),
        ("allow-remote-code = true", "--allow-remote-code"),
    ],
)
@pytest.mark.parametrize("place", ["{line}\n" + SMALL, SMALL + "{line}\n"])
def test_a_study_cannot_allow_code_to_run(file: Path, line: str, flag: str, place: str) -> None:
    message = refusal(file, place.format(line=line))
    assert "a study cannot allow" in message
    assert message.endswith(f"who runs it can, with {flag}")


def test_where_it_runs_is_left_to_the_command_line(file: Path) -> None:
    message = refusal(file, 'device = "cuda"\n' + SMALL)
    assert message.endswith("give that on the command line, with --device")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('corpus = "a"\nmodels = = 3', "(at line 2, column 10)"),
        ('corpus = "a"\nmodels = [', "(at line 2, column 11, the end)"),
        ('corpus = "a"\ncorpus = "b"', "(at line 2, column 13, the end)"),
    ],
)
def test_broken_toml_gives_line_and_column(file: Path, text: str, place: str) -> None:
    message = refusal(file, text)
    assert message.startswith("not TOML: ")
    assert message.endswith(place)


def test_files_that_are_no_studies(file: Path, tmp_path: Path) -> None:
    assert "nested too deeply" in refusal(file, "a = " + "[" * 100_000)
    assert refusal(file, "#" * (1 << 20) + "\n").startswith("larger than a megabyte")
    file.write_bytes(b"name = '\xff'")
    with pytest.raises(UsageError, match="byte 8 is not UTF-8 text"):
        read_study(file)
    with pytest.raises(UsageError, match=r"cannot be read \(is a directory\)"):
        read_study(tmp_path)


def test_a_missing_study_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_study("shape-of-lerning.toml")
    assert str(caught.value) == (
        "no study 'shape-of-lerning.toml': no such file, and embstore ships "
        "shape-of-learning, tiny; did you mean 'shape-of-learning'?"
    )
    with pytest.raises(
        UsageError, match="no such file, and embstore ships shape-of-learning, tiny"
    ):
        read_study(tmp_path / ("x" * 300))


def test_a_file_goes_before_a_shipped_study_and_a_folder_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").mkdir()
    assert len(read_study("tiny").models) == 2
    (tmp_path / "tiny").rmdir()
    (tmp_path / "tiny").write_text(SMALL)
    assert len(read_study("tiny").models) == 1


@pytest.mark.parametrize("name", shipped_studies())
def test_shipped_studies_hold(name: str) -> None:
    study = read_study(name)
    assert study.name == name
    assert study.title
    assert study.description


def test_the_tiny_study_is_on_this_machine() -> None:
    study = read_study("tiny")
    assert study.sampling == Sampling(tokens=4096)
    assert packaged_path(study.corpus).is_file()
    assert [packaged_path(model.model).exists() for model in study.models] == [True, True]


def test_shape_of_learning_has_the_five_families_and_their_checkpoints() -> None:
    study = read_study("shape-of-learning")
    assert study.corpus == "enwik8"
    models = {model.model: model.revisions for model in study.models}
    for family, least in (("pythia", 3), ("opt-", 3), ("bloom", 3), ("Llama", 3), ("bert", 3)):
        assert sum(family in model for model in models) >= least, family
    steps = (models["EleutherAI/pythia-70m"] or "").split(",")
    # Pythia's checkpoints: 0, the powers of two up to 512, then every thousand.
    assert len(steps) == len(set(steps)) == 20
    numbers = [int(step.removeprefix("step")) for step in steps]
    assert numbers == sorted(numbers)
    published = {0, *(2**i for i in range(10)), *range(1000, 143_001, 1000)}
    assert set(numbers) <= published
    assert models["bigscience/bloom-560m-intermediate"] == "global_step*"
    # Hub ids: nothing was taken for a path beside the file.
    raw = tomllib.loads(shipped_studies()["shape-of-learning"].read_text())
    assert list(models) == [model["model"] for model in raw["models"]]
    assert all(model.count("/") == 1 for model in models)


def test_dtypes_are_those_that_models_load_with() -> None:
    for dtype in DTYPES:
        choose_dtype(dtype)
    with pytest.raises(UsageError, match=", ".join(DTYPES)):
        choose_dtype("nonsense")


def test_reading_a_study_imports_nothing_heavy() -> None:
    code = (
        "import sys, embstore.study; embstore.study.read_study('tiny')\n"
        "sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'embstore.planning')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
