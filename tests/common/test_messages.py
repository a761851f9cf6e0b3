"""What embstore repeats of others, and its hints."""

import pytest

from embstore.common.messages import among, closest, did_you_mean, one_line, reason_of, visible
from embstore.errors import ModelError


def test_one_line_is_one_short_printable_line() -> None:
    said = one_line(ValueError("a\n\tb \x1b[2J" + "x" * 1000))
    assert said.startswith("a b \\x1b[2Jxxx")
    assert said.isprintable()
    assert len(said) == 300
    assert said.endswith("…")
    assert one_line("x" * 1000, longest=None) == "x" * 1000


def test_an_error_that_says_nothing_is_named_by_its_kind() -> None:
    assert one_line(TimeoutError()) == "TimeoutError"
    assert one_line("") == ""


def test_reasons_tell_mistakes_from_bugs() -> None:
    assert reason_of(ModelError("no\nmodel")) == "no model"
    assert reason_of(KeyError("a")) == "unexpected KeyError: 'a'"


def test_what_is_printable_stays_as_it_is() -> None:
    assert visible("Straße \\n 日本") == "Straße \\n 日本"
    assert visible("a\nb\x9b") == "a\\nb\\x9b"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("RUNS", " (did you mean runs?)"),
        ("profile", " (did you mean layer_profile?)"),
        ("zzz", ""),
    ],
)
def test_the_closest_names_are_offered(name: str, hint: str) -> None:
    assert closest(name, ["layer_profile", "runs"]) == hint


def test_several_names_are_joined() -> None:
    assert did_you_mean(["a", "b"]) == " (did you mean a or b?)"
    assert did_you_mean([]) == ""


def test_of_many_names_the_closest_is_offered_and_a_dozen_is_named() -> None:
    many = ["rankme", *(f"name{i}" for i in range(30))]
    assert among("rankm", many) == " (did you mean rankme?)"
    assert among("rankm", many, ls="ls all") == " (did you mean rankme?); list them: ls all"
    assert among("xyz", many, groups="some groups", ls="ls all") == "; choose from some groups"
    few = ", ".join(many[:8])
    assert among("xyz", many) == f"; choose from {few} and 23 more"
    assert among("xyz", many[:12]) == f"; choose from {', '.join(many[:12])}"
