"""The protocols of papers run on small models, and their figures are drawn of what is measured."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

import embstore
from embstore.asking.ask import bind, find_question
from embstore.ingestion.studies.study import read_study
from examples.papers.__main__ import main
from examples.papers.plan import PROTOCOLS, TRAINING, Protocol, Text
from examples.papers.run import run_protocols
from examples.papers.text import write_paragraphs
from tests import tiny_models

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three checkpoints of a small model."""
    folder = tmp_path_factory.mktemp("training") / "small"
    for step in (0, 64, 1536):
        tiny_models.build("gpt_neox", folder / f"checkpoint-{step}", seed=step)
    return folder


def test_paragraphs_are_lines_of_the_excerpt(tmp_path: Path) -> None:
    n = write_paragraphs(tmp_path / "p.txt")
    lines = (tmp_path / "p.txt").read_text().splitlines()
    assert len(lines) == n > 1000
    assert min(len(line.split()) for line in lines) >= 40


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda p: p.figures[0].name)
def test_a_protocol_measures_what_its_figures_show(protocol: Protocol) -> None:
    settings = read_study(protocol.study).request.settings
    for figure in protocol.figures:
        values = bind(find_question(figure.question), dict(figure.values))
        asked = {*(values.get("metrics") or ()), values.get("metric")} - {None}  # type: ignore[misc]
        assert asked <= set(settings.metrics)
        assert values.get("scope", "all") in settings.scopes


def test_protocols_are_run_and_drawn(training: Path, tmp_path: Path) -> None:
    small = [
        replace(protocol, models=(TRAINING,), tokens=2400, window=min(protocol.window or 24, 24))
        for protocol in PROTOCOLS
        if TRAINING in protocol.models
    ]
    assert len(small) > 1
    text = tmp_path / "text.txt"
    words = random.Random(0)
    text.write_text(
        "".join(
            " ".join(f"w{words.randint(40, 190)}" for _ in range(30)) + "\n" for _ in range(400)
        )
    )
    texts: dict[Text, Path] = {"excerpt": text, "paragraphs": text}
    told: list[str] = []
    pictures = run_protocols(tmp_path, training, tell=told.append, protocols=small, texts=texts)
    assert [picture.stem for picture in pictures] == [
        figure.name for protocol in small for figure in protocol.figures
    ]
    assert all(picture.read_text().startswith("<svg") for picture in pictures)
    assert all(line.endswith("measured") for line in told)
    (study,) = (
        embstore.open(tmp_path / "li2025.duckdb").sql("SELECT DISTINCT study FROM run").to_pylist()
    )
    assert study == {"study": "li2025"}
    told.clear()
    run_protocols(tmp_path, training, tell=told.append, protocols=small, texts=texts)
    assert all(line.endswith("stored") for line in told)


def test_without_a_training_it_says_how_to_get_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--training", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
    assert "run make training-series first" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
