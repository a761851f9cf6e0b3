from dataclasses import replace
from typing import Any

import pytest

from embstore.charts.headlines.profiles import kinds, peaks, profile, shapes, sinks
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
            "Without attention sinks, anisotropy in a falls from 0.90 to 0.10 at layer 2; its "
            "peak is then 0.40, at layer 1"
        )

    def test_a_fall_within_errors_is_none(self) -> None:
        rows = [
            *line("a", 0.1, 0.5, 0.9, std_error=0.2),
            *line("a", 0.1, 0.5, 0.5, scope="no_sinks", std_error=0.2),
        ]
        assert profile(rows, SHARE) is None

    def test_without_sinks_more_is_no_fall(self) -> None:
        rows = [*line("a", 0.1, 0.5), *line("a", 0.1, 0.9, scope="no_sinks")]
        assert profile(rows, SHARE) == "Anisotropy in a is highest at layer 1: 0.50"

    def test_of_several_profiles_the_highest_must_be_clear(self) -> None:
        clear = [*line("lab/a", 0.1, 0.9), *line("lab/b", 0.1, 0.2)]
        assert profile(clear, SHARE) == "Anisotropy is highest in a: 0.90 at layer 1"
        close = [*line("lab/a", 0.1, 0.90), *line("lab/b", 0.1, 0.89)]
        assert profile(close, SHARE) is None

    def test_of_dimensions_the_embedding_does_not_count(self) -> None:
        rows = line("a", 68.0, 5.0, 12.0, metric="twonn")
        assert profile(rows, DIMENSION) == "Intrinsic dimension in a is highest at layer 2: 12.0"

    def test_a_flat_profile_has_no_finding(self) -> None:
        assert profile(line("a", 0.5, 0.5, 0.5), SHARE) is None
        assert profile(line("a", None, None), SHARE) is None

    def test_the_state_after_the_final_norm_is_not_a_layer(self) -> None:
        rows = [*line("a", 0.1, 0.5), *line("a · after final norm", 0.9, site="final_norm")]
        assert profile(rows, SHARE) == "Anisotropy in a is highest at layer 1: 0.50"


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
        "The peak is in the middle third of 1 of 2 profiles; none of 1 profile without attention "
        "sinks"
    )
    assert peaks([row | {"peak_value": None}], SHARE) is None


def test_shapes_of_one_and_of_several() -> None:
    row = {"series": "a", "scope": "all", "shape": "bell", "metric": "anisotropy"}
    without = row | {"scope": "no_sinks", "shape": "open"}
    assert shapes([row, without], SHARE) == (
        "Anisotropy in a is a bell; has no clear shape without attention sinks"
    )
    assert shapes([row, row | {"series": "b", "shape": "valley"}], SHARE) == (
        "The middle is above both ends in 1 of 2 profiles"
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


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Norm, largest", "Largest norm in a is highest at layer 1: 0.90"),
        ("α-ReQ", "α-ReQ in a is highest at layer 1: 0.90"),
        (
            "Components for 90 % of the variance",
            "Components for 90 % of the variance in a are highest at layer 1: 0.90",
        ),
    ],
)
def test_titles_of_metrics_are_said_within_a_sentence(title: str, said: str) -> None:
    assert profile(line("a", 0.1, 0.9), replace(SHARE, title=title)) == said
