from dataclasses import replace
from typing import Any

import pytest

from embstore.charts.headlines.adjacent import angles, linearity, similarity
from embstore.charts.headlines.profiles import kinds, profile, sinks
from embstore.charts.headlines.shapes import peaks, shapes
from embstore.charts.headlines.training import verdicts
from tests.charts.specifications import DIMENSION, SHARE


def line(series: str, *values: float | None, scope: str = "all", **given: object) -> list[Any]:
    """The rows of one profile."""
    metric = given.pop("metric", "anisotropy")
    last = max(1, len(values) - 1)
    return [
        {
            "series": series,
            "scope": scope,
            "layer": layer,
            "depth": layer / last,
            "site": "block" if layer else "embedding",
            "value": value,
            "metric": metric,
            **given,
        }
        for layer, value in enumerate(values)
    ]


class TestProfile:
    def test_what_remains_elsewhere_is_told(self) -> None:
        rows = [*line("a", 0.1, 0.5, 0.9), *line("a", 0.1, 0.4, 0.1, scope="no_sinks")]
        assert profile(rows, SHARE) == (
            "Without attention sinks, anisotropy in a falls from 0.90 to 0.10 at layer 2 (depth "
            "1); its peak is then 0.40, at layer 1 (depth 0.5)"
        )

    def test_a_fall_within_errors_is_none(self) -> None:
        rows = [
            *line("a", 0.1, 0.5, 0.9, std_error=0.2),
            *line("a", 0.1, 0.5, 0.5, scope="no_sinks", std_error=0.2),
        ]
        assert profile(rows, SHARE) is None

    def test_a_rise_without_sinks_is_told(self) -> None:
        rows = [*line("a", 0.1, 0.5), *line("a", 0.1, 0.9, scope="no_sinks")]
        risen = (
            "Without attention sinks, anisotropy in a rises from 0.50 to 0.90 at layer 1 (depth 1)"
        )
        assert profile(rows, SHARE) == risen
        # Sinks lower a layer between, which is no peak.
        rows = [*line("b", 434, 79, 420), *line("b", 434, 431, 425, scope="no_sinks")]
        found = profile(rows, SHARE)
        assert found is not None
        assert found.endswith("anisotropy in b rises from 79.0 to 431 at layer 1 (depth 0.5)")

    def test_the_larger_of_a_fall_and_a_rise_is_told(self) -> None:
        fall = [*line("a", 0.1, 0.9), *line("a", 0.1, 0.2, scope="no_sinks")]
        rise = [*line("b", 0.1, 0.2, 0.5), *line("b", 0.1, 0.4, 0.5, scope="no_sinks")]
        found = profile([*fall, *rise], SHARE)
        assert found is not None
        assert found.startswith("Without attention sinks, anisotropy in a falls")

    def test_of_several_profiles_the_highest_must_be_clear(self) -> None:
        clear = [*line("lab/a", 0.1, 0.9), *line("lab/b", 0.1, 0.2)]
        assert profile(clear, SHARE) == "Anisotropy is highest in a: 0.90 at layer 1 (depth 1)"
        close = [*line("lab/a", 0.1, 0.90), *line("lab/b", 0.1, 0.89)]
        assert profile(close, SHARE) is None

    def test_which_of_several_clouds_is_told_is_said(self) -> None:
        rows = [*line("a", 0.1, 0.5, 0.4), *line("a", 0.6, 0.9, 0.7, scope="mean")]
        said = profile(rows, SHARE)
        assert said == "Anisotropy over all tokens in a is highest at layer 1 (depth 0.5): 0.50"
        said = profile(line("a", 0.6, 0.9, 0.7, scope="last"), SHARE)
        assert said == "Anisotropy of last tokens in a is highest at layer 1 (depth 0.5): 0.90"

    def test_of_dimensions_the_embedding_does_not_count(self) -> None:
        rows = line("a", 8.0, 5.0, 12.0, metric="twonn")
        found = "Intrinsic dimension in a is highest at layer 2 (depth 1): 12.0"
        assert profile(rows, DIMENSION) == found
        # Where it lies above what is told, the reader would look for it.
        rows = line("a", 68.0, 5.0, 12.0, metric="twonn")
        found = (
            "Intrinsic dimension in a is highest, after the embedding, at layer 2 (depth 1): 12.0"
        )
        assert profile(rows, DIMENSION) == found

    def test_of_the_spectrum_the_embedding_counts(self) -> None:
        spectrum = replace(DIMENSION, name="effective_rank", title="Effective rank")
        rows = line("a", 434.0, 79.0, 431.0, metric="effective_rank")
        found = "Effective rank in a is highest at layer 0 (depth 0): 434"
        assert profile(rows, spectrum) == found

    def test_a_flat_profile_has_no_finding(self) -> None:
        assert profile(line("a", 0.5, 0.5, 0.5), SHARE) is None
        assert profile(line("a", None, None), SHARE) is None

    def test_the_state_after_the_final_norm_is_not_a_layer(self) -> None:
        rows = [*line("a", 0.1, 0.5), *line("a · after final norm", 0.9, site="final_norm")]
        assert profile(rows, SHARE) == "Anisotropy in a is highest at layer 1 (depth 1): 0.50"


def test_kinds_are_told_side_by_side() -> None:
    rows = [
        *line("d", 0.1, 0.9, kind="decoder"),
        *line("d", 0.1, 0.2, scope="no_sinks", kind="decoder"),
        *line("e", 0.1, 0.09, kind="encoder"),
        *line("e", 0.1, 0.09, scope="no_sinks", kind="encoder"),
    ]
    assert kinds(rows, SHARE) == (
        "Anisotropy reaches 0.90 in decoders and 0.10 in encoders; without attention sinks 0.20 "
        "and 0.10"
    )
    # Random weights are no model of a kind.
    control = line("e@random-init-0", 0.1, 0.99, kind="encoder", revision="random-init-0")
    assert kinds([*rows, *control], SHARE) == kinds(rows, SHARE)
    # Of one kind there is nothing to set beside it.
    found = kinds(rows[:4], SHARE)
    assert found is not None
    assert found.startswith("Without attention sinks, anisotropy in d falls")


def test_peaks_of_one_and_of_several() -> None:
    row = {
        "series": "lab/a",
        "scope": "all",
        "peak_layer": 12,
        "n_layers": 30,
        "peak_depth": 0.4,
        "peak_value": 0.992,
        "metric": "anisotropy",
    }
    without = row | {"scope": "no_sinks", "peak_layer": 3, "peak_depth": 0.1, "peak_value": 0.411}
    assert peaks([row, without], SHARE) == (
        "Anisotropy in a peaks in layer 12 of 30 (0.99), in layer 3 of 30 without attention sinks "
        "(0.41)"
    )
    other = row | {"series": "lab/b", "peak_depth": 0.9}
    assert peaks([row, without, other], SHARE) == (
        "Anisotropy peaks in layer 12 of 30 of a (0.99) and in layer 12 of 30 of b (0.99); without "
        "attention sinks in layer 3 (0.41)"
    )
    third = row | {"series": "lab/c"}
    assert peaks([row, without, other, third], SHARE) == (
        "The peak is in the middle third of the depth in 2 of 3 profiles; without attention sinks "
        "in none"
    )
    assert peaks([row | {"peak_value": None}], SHARE) is None


def shape(series: str, name: str, scope: str = "all", error: float | None = 0.1) -> dict[str, Any]:
    known = {"metric": "anisotropy", "contrast": 0.5, "std_error": error}
    return {"series": series, "scope": scope, "shape": name, **known}


class TestShapes:
    def test_of_one_profile(self) -> None:
        assert shapes([shape("a", "bell"), shape("a", "open", "no_sinks")], SHARE) == (
            "Anisotropy in a is a bell; has no clear shape without attention sinks"
        )

    def test_what_is_not_shown_to_be_a_bell_is_not_denied(self) -> None:
        rows = [shape("x/a", "bell"), shape("x/b", "open"), shape("x/b", "open", "no_sinks")]
        assert shapes(rows, SHARE) == (
            "The profile of a is a bell; that of b has no clear shape; without attention sinks "
            "none is clearly a bell"
        )

    def test_many_are_counted_by_shape(self) -> None:
        names = ["bell", "bell", "open", "rising", "bell"]
        rows = [shape(str(place), name) for place, name in enumerate(names)]
        assert shapes(rows, SHARE) == (
            "Of 5 profiles 3 are bells, 1 has no clear shape and 1 rises"
        )

    def test_without_errors_nothing_is_decided(self) -> None:
        rows = [shape(name, "open", error=None) for name in "ab"]
        assert shapes(rows, SHARE) == (
            "Without standard errors it cannot be decided whether any of 2 profiles is a bell"
        )
        assert shapes(rows[:1], SHARE) == (
            "Without standard errors it cannot be decided whether the profile of a is a bell"
        )
        assert shapes([*rows, shape("c", "bell")], SHARE) == (
            "The profile of a is open for want of standard errors; that of b is open for want of "
            "standard errors; that of c is a bell"
        )


def angle(series: str, layer: int, other: int, size: float, scope: str = "all") -> dict[str, Any]:
    layers = {"layer": layer, "other_layer": other, "further": other - layer}
    return {"series": series, "scope": scope, "angle": size, **layers}


def test_layers_in_a_row_that_turn_least_are_told() -> None:
    # The embedding is turned least of all, and is no layer to leave out.
    rows = [
        angle("lab/a", layer, other, 0.01 if not layer else 0.02 * (other - layer) + layer / 100)
        for layer in range(8)
        for other in range(layer + 1, 9)
    ]
    assert angles(rows) == (
        "Of any 2 layers in a row, those after layer 1 of a turn a token least: by 0.050 of a half "
        "turn"
    )
    few = [angle("lab/b", layer, layer + 1, 0.32 - layer / 10, "last") for layer in range(3)]
    assert angles(few) == (
        "The layer after layer 2 of b turns the last token least: by 0.12 of a half turn"
    )
    assert angles([{**angle("lab/b", 1, 2, 0.1), "angle": None}]) is None
    assert angles([]) is None


def test_similarity_says_by_which_measure() -> None:
    cka = {"metric": "cka_next", "measure": "Linear CKA with the next layer"}
    cosine = {"metric": "adjacent_cosine", "measure": "Cosine with the next layer"}
    known = {"series": "lab/a", "scope": "all"}
    rows = [
        {**known, **cka, "layer": 11, "depth": 0.367, "similarity": 0.042},
        {**known, **cosine, "layer": 0, "depth": 0.0, "similarity": 0.0014},
    ]
    assert similarity(rows) == (
        "By linear CKA, least alike are layers 11 and 12 of a (depth 0.37): 0.042"
    )
    assert similarity(rows[1:]) == (
        "By cosine, least alike are layers 0 and 1 of a (depth 0): 0.0014"
    )


def test_a_step_between_layers_without_a_number_leaves_the_least_open() -> None:
    rows = [
        {"series": "a", "metric": metric, "layer": layer, "linearity": value}
        for metric in ("linearity_next", "linearity_residual_next")
        for layer, value in enumerate((0.9, 0.8))
    ]
    assert linearity(rows) == (
        "A linear map explains 0.80 or more of every next layer, and 0.80 or more of what it adds"
    )
    assert linearity([*rows[:-1], {**rows[-1], "linearity": None}]) is None


def course(state: str, verdict: str, *turns: tuple[int, float]) -> dict[str, Any]:
    steps, values = zip(*turns, strict=True)
    return {"state": state, "verdict": verdict, "turn_steps": steps, "turn_values": values}


def test_courses_are_told_by_their_moves() -> None:
    up_down = course("lab/a", "two phases", (0, 6.07), (2000, 13.6), (143000, 6.15))
    down = course("lab/b", "falls only", (0, 9.0), (143000, 6.0))
    assert verdicts([up_down], DIMENSION) == (
        "Intrinsic dimension of a rises from 6.07 at step 0 to 13.6 at step 2,000, then falls to "
        "6.15 at step 143,000"
    )
    assert verdicts([up_down, down], DIMENSION) == (
        "Intrinsic dimension of a rises to 13.6 at step 2,000, then falls to 6.15; that of b falls "
        "to 6.00 at step 143,000"
    )
    assert verdicts([up_down, down, up_down | {"state": "c"}], DIMENSION) == (
        "Intrinsic dimension rises, then falls in 2 of 3 courses; only falls in 1"
    )
    level = course("lab/a", "flat", (0, 5.0), (10, 5.2), (100, 5.1))
    assert verdicts([level], DIMENSION) == (
        "Intrinsic dimension of a stays level, between 5.00 and 5.20"
    )


def test_a_peak_that_sinks_lower_is_not_called_unchanged() -> None:
    row = {
        "series": "a",
        "metric": "anisotropy",
        "peak_layer": 3,
        "at_peak": 0.5,
        "at_peak_no_sinks": 0.9,
        "effect": -0.4,
    }
    assert sinks([row], SHARE) is None
    assert sinks([row | {"at_peak_no_sinks": None}], SHARE) is None


def test_a_peak_of_large_errors_is_not_called_unchanged() -> None:
    row = {
        "series": "a",
        "metric": "anisotropy",
        "peak_layer": 3,
        "at_peak": 0.5,
        "at_peak_error": 0.1,
        "at_peak_no_sinks": 0.3,
        "at_peak_no_sinks_error": 0.1,
        "effect": 0.2,
    }
    level = row | {"series": "b", "at_peak_no_sinks": 0.48, "effect": 0.02}
    assert sinks([row, level], SHARE) is None
    found = sinks([level], SHARE)
    assert found is not None
    assert "changes by more than a tenth" in found


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Norm, largest", "Largest norm in a is highest at layer 1 (depth 1): 0.90"),
        ("α-ReQ", "α-ReQ in a is highest at layer 1 (depth 1): 0.90"),
        (
            "Components for 90 % of the variance",
            "Components for 90 % of the variance in a are highest at layer 1 (depth 1): 0.90",
        ),
    ],
)
def test_titles_of_metrics_are_said_within_a_sentence(title: str, said: str) -> None:
    assert profile(line("a", 0.1, 0.9), replace(SHARE, title=title)) == said
