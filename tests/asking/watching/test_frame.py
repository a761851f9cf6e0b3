"""Frames as text: what stands where, and that they fit every terminal."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from embstore.asking.watching.frame import Line, frame, waiting
from embstore.asking.watching.training import Training, Wanted, read_training
from embstore.tables.shorten import width_of
from tests.asking.watching.trainings import BEGAN, steps_of
from tests.stores import new_store

NOW = BEGAN + timedelta(minutes=2, seconds=12)
SHAPES = [(1, 1), (12, 3), (20, 2), (40, 8), (60, 9), (80, 24), (80, 10), (200, 60), (300, 5)]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Training:
    database = new_store(tmp_path_factory.mktemp("small") / "s.duckdb", steps_of())
    return read_training(database, Wanted())


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """An encoder and a decoder of 24 blocks each, with a name of wide letters."""
    runs = steps_of("lab/组织-型", range(0, 50, 10), kind="encoder-decoder", n_layers=24)
    database = new_store(tmp_path_factory.mktemp("deep") / "s.duckdb", runs)
    return read_training(database, Wanted())


def text(lines: list[Line]) -> str:
    return "\n".join(line.text for line in lines)


def test_a_whole_frame(small: Training) -> None:
    assert text(frame(small, NOW)) == (
        "run-7 · step 20 · 20,000 tokens seen · 3 steps stored · measured 12 seconds ago · "
        "in 3.5 s: model 2.5 s, geometry 0.5 s · example-text, all tokens\n"
        "\n"
        "layer       anisotropy  mean_cosine  twonn\n"
        "──────────  ──────────  ───────────  ─────────\n"
        "embedding   0.1000 ▁▁▁  0.1000 ▁▁▁   5.000 ▁▁▁\n"
        "block 1     0.1200 ▁▂▃  0.1200 ▁▂▃   5.000 ▁▁▁\n"
        "block 2     0.1400 ▁▃▅  0.1400 ▁▃▅   5.000 ▁▁▁\n"
        "block 3     0.1600 ▁▄▆  0.1600 ▁▄▆   5.000 ▁▁▁\n"
        "block 4     0.1800 ▁▅█  0.1800 ▁▅█   5.000 ▁▁▁\n"
        "final norm  0.1800 ▁▅█  0.1800 ▁▅█   5.000 ▁▁▁\n"
        "\n"
        "▁ to █ is the largest change of any block: anisotropy 0.0800, mean_cosine 0.0800"
    )


def test_a_narrow_terminal_drops_from_the_right_and_says_so(small: Training) -> None:
    lines = text(frame(small, NOW, width=40, height=24)).splitlines()
    assert lines[:3] == [
        "run-7 · step 20 · 20,000 tokens seen",
        "3 steps stored · measured 12 seconds ago",
        "in 3.5 s: model 2.5 s, geometry 0.5 s",
    ]
    assert "layer       anisotropy  mean_cosine" in lines
    assert "no room for twonn: widen the terminal" in lines
    lines = text(frame(small, NOW, width=29, height=30)).splitlines()
    assert "layer       anisotropy" in lines
    assert "block 3     0.1600 ▁▄▆" in lines
    assert "no room for mean_cosine," in lines
    lines = text(frame(small, NOW, width=21, height=30)).splitlines()
    # The names of the layers and one number stay.
    assert "block 3     0.1600" in lines
    assert "the sparkline of anisotropy, mean_cosine, twonn" in " ".join(lines)


def test_a_low_terminal_shows_layers_evenly_spread_and_says_so(deep: Training) -> None:
    shown = text(frame(deep, NOW, width=80, height=24, end="Ctrl-C ends"))
    layers = re.findall(r"^(\w+coder [\w ]+?\d*) {2,}", shown, re.MULTILINE)
    assert layers[0] == "encoder embedding"
    assert layers[-1] == "decoder final norm"
    assert f"{len(layers)} of 51 layers, evenly spread: a terminal of 59 lines" in shown
    assert len(layers) == 15
    tall = int(re.findall(r"a terminal of (\d+) lines", shown)[0])
    whole = frame(deep, NOW, width=80, height=tall, end="Ctrl-C ends")
    assert "evenly spread" not in text(whole)
    assert len(whole) == tall
    assert "evenly spread" in text(frame(deep, NOW, width=80, height=tall - 1, end="Ctrl-C ends"))


@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_every_frame_fits(small: Training, deep: Training, width: int, height: int) -> None:
    trouble = "/a/long/path/embstore.duckdb is locked by process 7: wait until it has finished"
    for training in (small, deep):
        for lines in (
            frame(training, NOW, width=width, height=height, end="Ctrl-C ends"),
            frame(training, NOW, width=width, height=height, trouble=trouble, end="Ctrl-C ends"),
            waiting(trouble, width=width, height=height, end="Ctrl-C ends"),
        ):
            assert 0 < len(lines) <= height
            assert max(width_of(line.text) for line in lines) <= width


def test_layers_stay_while_what_stands_around_them_goes(small: Training) -> None:
    shown = text(frame(small, NOW, width=80, height=8, trouble="it is locked", end="Ctrl-C ends"))
    assert "Ctrl-C" not in shown
    assert "it is locked" in shown
    assert "4 of 6 layers, evenly spread" in shown
    narrow = text(frame(small, NOW, width=40, height=8, end="Ctrl-C ends"))
    assert narrow.endswith("no room for twonn: widen the terminal")
    # A note goes as a whole.
    assert "▁ to █" not in text(frame(small, NOW, width=60, height=11))


def test_the_trouble_is_told_beside_what_was_read(small: Training) -> None:
    shown = text(frame(small, NOW, width=80, height=24, trouble="it is locked", end="Ctrl-C ends"))
    assert "showing what was read before: it is locked" in shown
    assert shown.endswith("Ctrl-C ends")
    assert "block 4" in shown


def test_waiting_says_for_what() -> None:
    assert text(waiting("no store at x.duckdb yet", width=15, height=24, end="Ctrl-C ends")) == (
        "Waiting for th…\nno store at\nx.duckdb yet\nCtrl-C ends"
    )


def test_a_step_measured_out_of_turn_is_told(small: Training) -> None:
    shown = text(frame(replace(small, last=small.steps[0]), NOW))
    assert "step 20 · 20,000 tokens seen" in shown
    assert "measured 2 minutes ago (step 0)" in shown


def test_an_embedding_that_changes_far_more_does_not_flatten_the_blocks(small: Training) -> None:
    first, *others = small.layers
    moving = replace(first, numbers={**first.numbers, "anisotropy": [0.1, 50.0, 100.0]})
    shown = text(frame(replace(small, layers=(moving, *others)), NOW)).splitlines()
    assert "embedding    100.0 ▁▄█  0.1000 ▁▁▁   5.000 ▁▁▁" in shown
    assert any(line.endswith("0.1800 ▁▅█   5.000 ▁▁▁") for line in shown)


def test_control_characters_of_a_name_do_not_reach_the_terminal(path: Path) -> None:
    database = new_store(path, steps_of("run\x1b[31m"))
    shown = text(frame(read_training(database, Wanted()), NOW))
    assert "\x1b" not in shown
    assert "run\\x1b[31m" in shown


def test_nothing_of_the_chosen_scope_is_no_error(small: Training) -> None:
    shown = text(frame(replace(small, layers=(), remarks=("scope x was not measured",)), NOW))
    assert "scope x was not measured" in shown
