"""The studies that come with embstore, and how one is found by its name."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from embstore.asking.ask import bind, find_question
from embstore.checkpoints.package_files import packaged_path
from embstore.choices import Sampling
from embstore.errors import UsageError
from embstore.ingestion.studies.files import shipped_studies
from embstore.ingestion.studies.study import read_study
from tests.ingestion.studies.texts import SMALL

SHIPPED = [
    *("cheng2025", "lee2025", "li2025", "queipo2025", "shape-of-learning", "skean2025", "tiny"),
    "viswanathan2025",
    "viswanathan2025-loss",
]


def test_a_missing_study_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_study("shape-of-lerning.toml")
    assert str(caught.value) == (
        "no study 'shape-of-lerning.toml' (did you mean shape-of-learning?); give a TOML file, "
        f"or one that embstore ships: {', '.join(SHIPPED)}"
    )
    with pytest.raises(
        UsageError, match=r"no study '.*'; give .* embstore ships: cheng2025, lee2025, "
    ):
        read_study(tmp_path / ("x" * 300))


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^study is empty; name a file"):
        read_study("")


def test_a_file_goes_before_a_shipped_study_and_a_folder_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").mkdir()
    assert len(read_study("tiny").request.models) == 2
    (tmp_path / "tiny").rmdir()
    (tmp_path / "tiny").write_text(SMALL)
    assert len(read_study("tiny").request.models) == 1


@pytest.mark.parametrize("name", shipped_studies())
def test_shipped_studies_hold(name: str) -> None:
    study = read_study(name)
    assert study.name == name
    assert study.title
    assert study.description


@pytest.mark.models
def test_the_tiny_study_is_on_this_machine() -> None:
    request = read_study("tiny").request
    assert request.settings.sampling == Sampling(tokens=4096)
    assert packaged_path(request.corpus).is_file()
    assert [packaged_path(model.model).exists() for model in request.models] == [True, True]


def test_shape_of_learning_has_the_five_families_and_their_checkpoints() -> None:
    request = read_study("shape-of-learning").request
    assert request.corpus == "enwik8"
    models = {model.model: model.revisions for model in request.models}
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


def test_all_that_ship_are_known() -> None:
    assert list(shipped_studies()) == SHIPPED


@pytest.mark.parametrize("name", [name for name in SHIPPED if name.endswith("2025")])
def test_a_study_after_a_paper_says_how_it_is_drawn_and_what_is_left_open(name: str) -> None:
    text = shipped_studies()[name].read_text()
    request = read_study(name).request
    assert request.settings.tags["paper"].removeprefix("arXiv:") in text
    assert re.search(r"leaves?[\s#]+open", text)
    whole = text.replace("\\\n#", "")
    commands = re.findall(r"^#   (embstore chart .*)$", whole, re.MULTILINE)
    assert commands
    for command in commands:
        words = shlex.split(command)
        question = find_question(words[2])
        given = dict(word.split("=", 1) for word in words if "=" in word)
        bind(question, given)
        # What is drawn is measured.
        metrics = ",".join(given.get(key, "") for key in ("metric", "metrics")).strip(",")
        assert set(filter(None, metrics.split(","))) <= set(request.settings.metrics)
        assert given.get("scope", "all") in request.settings.scopes
    raw = tomllib.loads(text)
    assert all(model["model"].count("/") == 1 for model in raw["models"])
