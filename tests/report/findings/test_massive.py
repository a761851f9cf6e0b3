import pytest

from embstore.report.findings.massive import massive_activations
from embstore.report.read.massive import Massive
from embstore.store.database import Database
from embstore.store.writing import write_run
from tests.report.read.test_massive import PEAKS, run_with
from tests.report.told import told


def test_a_sentence_says_which_coordinate_where_and_how_large(database: Database) -> None:
    write_run(database, run_with(PEAKS, name="a"))
    found = told(database, "Massive activations")
    assert found is not None
    assert found.text == (
        "a has a massive activation in layers 1 and 2, at coordinate 3: up to 4,000 times the "
        "median of its layer."
    )
    assert found.detail == (
        "In a, coordinate 3 is massive in layers 1 and 2: up to 4,000 times the median (layer 2), "
        "at the first token of a window in 2 of 3 cases; so is coordinate 5 in layer 2. Massive "
        "means above 100 in absolute value and at least 1,000 times the median of the layer; the "
        "store has the 16 largest of each layer."
    )
    assert found.runs == (0,)
    assert massive_activations(()) is None


def massive(model: str, coordinate: int = 3, *, text: str = "t", first: int = 2) -> Massive:
    return Massive(0, model, text, "decoder", coordinate, (2, 4, 5, 9), 2000.0, 4, 2, first)


@pytest.mark.parametrize(("first", "word"), [(2, "always"), (0, "never")])
def test_gaps_between_layers_and_first_tokens_are_told(first: int, word: str) -> None:
    found = massive_activations([massive("a", first=first)])
    assert found is not None
    assert "massive activation in layers 2, 4, 5 and 9, at coordinate 3: up to 2,000" in found.text
    assert f"{word} at the first token of a window. " in found.detail


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lab/" + "long-" * 20 + "a", "lab/" + "long-" * 20 + "b"),
        ("lab/a" + "-long" * 20, "lab/b" + "-long" * 20),
        ("x" * 45 + "a" + "x" * 45, "x" * 45 + "b" + "x" * 45),
    ],
)
def test_long_names_stay_apart(one: str, other: str) -> None:
    found = massive_activations([massive(one), massive(other)])
    assert found is not None
    first, rest = found.text.split(" has a massive")[0], found.text.split("; ")[1]
    second = rest.split(" has some")[0]
    assert first != second
    assert f"In {first}, coordinate" in found.detail
    assert f"In {second}, coordinate" in found.detail


def test_many_models_are_counted_and_texts_told_apart() -> None:
    found = massive_activations(
        [massive("a", text="t"), massive("a", text="u"), massive("b"), massive("c"), massive("d")]
        + [massive("b", coordinate) for coordinate in (5, 6)]
    )
    assert found is not None
    assert found.text.endswith("times the median of its layer; b, c, d have some too.")
    assert "In a over t, coordinate 3" in found.detail
    assert "In b, coordinate 3" in found.detail
    assert "so are coordinates 5, 6 in some layer" in found.detail
    assert " c, d have some too. " in found.detail
