"""Which columns a line has room for, and how wide they are."""

import pytest

from embstore.tables.text import aligned

NAMES = ["series", "layer", "value", "site", "depth"]
ROWS = [
    [f"EleutherAI/pythia-{size}m@step{step}", layer, 0.5 + layer, "block", layer / 2]
    for size in (14, 70)
    for step in (0, 143_000)
    for layer in (0, 1)
]
KEEP = ("series", "layer", "value")


def test_columns_to_keep_are_whole_before_others_are_shown() -> None:
    shown, hidden = aligned(NAMES, ROWS, width=52, keep=KEEP)
    assert hidden == ("site", "depth")
    assert "EleutherAI/pythia-14m@step143000" in shown
    wider, hidden = aligned(NAMES, ROWS, width=55, keep=KEEP)
    assert hidden == ("depth",)
    assert "block" in wider


def test_of_columns_to_keep_texts_are_narrowed_and_stay_apart() -> None:
    for width in (28, 32, 40):
        shown, hidden = aligned(NAMES, ROWS, width=width, keep=KEEP)
        lines = shown.splitlines()
        assert hidden == ("site", "depth")
        assert max(map(len, lines)) <= width
        assert len({line.split()[0] for line in lines[2:]}) == 4


def test_two_texts_share_what_room_there_is() -> None:
    rows = [[f"{'a' * 30}-{i}", f"{'b' * 30}-{i}", i] for i in range(3)]
    shown, hidden = aligned(["one", "two", "n"], rows, width=40, keep=("one", "two", "n"))
    assert hidden == ()
    assert len(shown.splitlines()[0].rstrip()) <= 40
    assert all(line.count("…") == 2 for line in shown.splitlines()[2:])


def test_the_last_of_too_many_columns_to_keep_is_left_out() -> None:
    names = [f"number_{i}" for i in range(9)]
    _, hidden = aligned(names, [[i / 7 for i in range(9)]] * 2, width=40, keep=names)
    assert hidden == tuple(names[4:])


def test_without_columns_to_keep_texts_are_narrowed_only_as_far_as_they_stay_apart() -> None:
    alike = "x" * 30
    rows = [[f"{alike} {i} {alike}", i] for i in range(3)]
    shown, _ = aligned(["text", "n"], rows, width=28)
    assert len({line.rsplit(maxsplit=1)[0] for line in shown.splitlines()[2:]}) == 3


def test_a_number_is_never_cut() -> None:
    shown, _ = aligned(["name", "n"], [["x" * 50, 12345678901234567890]], width=30)
    assert "12345678901234567890" in shown or "…" in shown.splitlines()[2].split()[0]


@pytest.mark.slow
def test_a_text_longer_than_any_line_is_cut_at_once() -> None:
    rows = [["x" * 20_000 + str(i) + "y" * 20_000 + str(i % 7), i] for i in range(300)]
    shown, hidden = aligned(["text", "n"], rows, width=60, keep=("text", "n"))
    assert hidden == ()
    assert max(map(len, shown.splitlines())) <= 60
    # As long as it takes where no line is too long.
    assert max(map(len, aligned(["text", "n"], rows)[0].splitlines())) > 40_000
