"""What a study may not say, and how it is refused."""

from pathlib import Path

import pytest

from embstore.errors import UsageError
from embstore.ingestion.studies.study import read_study
from tests.ingestion.studies.texts import SMALL


def refusal(file: Path, text: str) -> str:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_study(file)
    message = str(caught.value)
    assert message.isprintable()
    prefix = f"study {file}: "
    assert message.startswith(prefix)
    return message.removeprefix(prefix)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[[models]]", "[[modles]]", "unknown key 'modles' (did you mean models?)"),
        ("model =", "modle =", "unknown key 'models[0].modle' (did you mean model?)"),
        ("[[models]]", "zzz = 1\n[[models]]", "unknown key 'zzz'; known are name, title, "),
        (
            "[[models]]",
            "[sampling]\ntoken = 3\n[[models]]",
            "unknown key 'sampling.token' (did you mean tokens?)",
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
            "unknown dtype 'float64'; choose from auto, float32, bfloat16, float16",
        ),
        (
            '"enwik8"',
            '"enwik8"\nscopes = ["all", "some"]',
            "unknown scope 'some'; choose from all, no_first, no_sinks",
        ),
        (
            '"enwik8"',
            '"enwik8"\nscopes = []',
            "scopes is an empty list; expected a text or a list of texts",
        ),
        ('"enwik8"', '"enwik8"\ntags = "a"', "tags is 'a'; expected a table, as [tags]"),
        ('"enwik8"', '"enwik8"\ntags = { n = 1 }', "tags.n is 1; expected a text"),
        (
            '"enwik8"',
            '"enwik8"\ntags = { "a=b" = "c" }',
            "a tag's key must not be blank or contain =, as 'a=b' does",
        ),
        ('"enwik8"', '"enwik8"\nsampling = 8', "sampling is 8; expected a table, as [sampling]"),
        ('"gpt2"', "true", "models[0].model is true; expected a text"),
        ('model = "gpt2"', "", "models[0].model is missing; expected a text"),
        (
            '"gpt2"',
            '"gpt2"\n[[models]]\nmodel = "opt"\nrevisions = 3',
            "models[1].revisions is 3; expected a text or a list of texts",
        ),
        (
            '"gpt2"',
            '"gpt2"\nrevisions = ["a", 3]',
            "models[0].revisions[1] is 3; expected a text",
        ),
        (
            '"gpt2"',
            '"gpt2"\nrevisions = "a,,b"',
            "models[0]: revisions has an empty name in 'a,,b'; give names, patterns, ",
        ),
        (
            '"gpt2"',
            '"gpt2@v1"\nrevisions = "a"',
            "models[0]: gpt2@v1 names a revision after @; leave out that or the revisions",
        ),
        ('"gpt2"', '"gpt2"\nrandom_init = 1', "models[0].random_init is 1; expected true or false"),
        (
            '"gpt2"',
            '"gpt2"\n[[models]]\nmodel = "opt"\n[[models]]\nmodel = "gpt2"\nname = "again"',
            "models[2] is the same as models[0]; remove one of the two",
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
            "models[0] is 'gpt2'; expected at least one table [[models]]",
        ),
    ],
)
def test_what_does_not_hold_is_named(file: Path, old: str, new: str, message: str) -> None:
    assert old in SMALL
    assert refusal(file, SMALL.replace(old, new)).startswith(message)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tokens = 0", "tokens must be at least 1, not 0"),
        ("tokens = true", "sampling.tokens is true; expected a whole number"),
        ("tokens = 64.0", "sampling.tokens is 64.0; expected a whole number"),
        ('tokens = "64"', "sampling.tokens is '64'; expected a whole number"),
        ("window = 0", "window must be at least 1, not 0"),
        ("window = 9000", "window must be at most 8,192, the tokens asked for, not 9,000"),
        ("sample = -1", "sample must be at least 1, not -1"),
        ("seed = -1", "seed must be at least 0, not -1"),
        (
            "seed = 9223372036854775808",
            "seed must be at most 2^63 - 1, not 9,223,372,0",
        ),
        (f"seed = 0x{'f' * 5000}", "seed must be at most 2^63 - 1, not a huge number"),
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
    python = flag.removeprefix("--").replace("-", "_")
    assert message.endswith(f"; give {flag} (in Python {python}=) to the ingest")


@pytest.mark.parametrize("line", ['device = "cuda"', "force = true", "evict = true"])
def test_how_it_is_run_is_not_for_a_study_to_say(file: Path, line: str) -> None:
    name = line.split()[0]
    message = refusal(file, f"{line}\n{SMALL}")
    assert message.endswith(f"say how it is run; give --{name} (in Python {name}=) to the ingest")


def test_nor_are_several_devices(file: Path) -> None:
    message = refusal(file, f'devices = ["cuda:0", "cuda:1"]\n{SMALL}')
    assert message.endswith("say how it is run; give --device (in Python device=) to the ingest")


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
