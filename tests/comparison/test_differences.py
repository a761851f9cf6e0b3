import math
from typing import Literal

import numpy as np
import pytest
from scipy import stats

from embstore.comparison.differences import Difference, compare_profiles
from embstore.comparison.profiles import LayerValue, Profile


def profile(
    values: list[float | None],
    errors: list[float | None] | float | None = 0.1,
    *,
    windows: int = 16,
) -> Profile:
    """One value per layer, the first the embedding's."""
    each = errors if isinstance(errors, list) else [errors] * len(values)
    last = len(values) - 1
    return Profile(
        tuple(
            LayerValue(i, i / last, value, error if value is not None else None)
            for i, (value, error) in enumerate(zip(values, each, strict=True))
        ),
        last,
        windows,
    )


def part(rows: tuple[Difference, ...], name: str) -> Difference:
    (found,) = [row for row in rows if row.part == name]
    return found


def layers(rows: tuple[Difference, ...]) -> list[Difference]:
    return [row for row in rows if row.part == "layer"]


def welch_p(
    row: Difference, shift: float, errors: tuple[float, float], n: tuple[int, int]
) -> float:
    """The p-value of scipy's Welch test that B − A is ``shift``."""
    assert row.a is not None
    assert row.b is not None
    deviations = [error * math.sqrt(count) for error, count in zip(errors, n, strict=True)]
    test = stats.ttest_ind_from_stats(
        row.b - shift, deviations[1], n[1], row.a, deviations[0], n[0], equal_var=False
    )
    return float(test.pvalue)


class TestInterval:
    @pytest.mark.parametrize(("errors", "n"), [((0.1, 0.3), (16, 5)), ((0.2, 0.2), (8, 8))])
    def test_ends_are_where_welchs_test_has_five_percent(
        self, errors: tuple[float, float], n: tuple[int, int]
    ) -> None:
        row = layers(
            compare_profiles(
                profile([1.0, 2.0], errors[0], windows=n[0]),
                profile([1.5, 2.9], errors[1], windows=n[1]),
            )
        )[1]
        assert row.difference == pytest.approx(0.9)
        assert row.std_error == pytest.approx(math.hypot(*errors))
        assert row.ci_low is not None
        assert row.ci_high is not None
        for end in (row.ci_low, row.ci_high):
            assert welch_p(row, end, errors, n) == pytest.approx(0.05)
        assert row.differs is (welch_p(row, 0, errors, n) < 0.05)

    def test_marks_what_the_errors_do_not_explain(self) -> None:
        rows = layers(compare_profiles(profile([1.0, 1.0]), profile([1.1, 2.0])))
        assert [row.differs for row in rows] == [False, True]

    def test_is_wrong_one_time_in_twenty(self) -> None:
        # Two runs of the same truth: 2,000 layers, 6 windows each, errors from the sample.
        rng = np.random.default_rng(0)
        sides = []
        for _ in "AB":
            drawn = rng.normal(5, 1, (2000, 6))
            errors = drawn.std(axis=1, ddof=1) / math.sqrt(6)
            sides.append(profile(list(drawn.mean(axis=1)), list(errors), windows=6))
        share = np.mean([row.differs for row in layers(compare_profiles(*sides))])
        # Welch's test keeps its level; three standard errors of a share of 2,000 are 0.015.
        assert share == pytest.approx(0.05, abs=0.015)

    def test_no_error_means_no_verdict_and_a_reason(self) -> None:
        row = layers(compare_profiles(profile([1.0, 1.0], None), profile([2.0, 2.0])))[0]
        assert (row.difference, row.std_error, row.differs) == (1.0, None, None)
        assert row.reason == "no standard error of A"

    def test_a_missing_value_means_no_difference_and_its_reason(self) -> None:
        a = Profile(
            (LayerValue(0, 0.0, None, reason="zero variance"), LayerValue(1, 1.0, 1.0, 0.1)), 1, 9
        )
        row = layers(compare_profiles(a, profile([1.0, 1.0])))[0]
        assert (row.a, row.b, row.difference, row.differs) == (None, 1.0, None, None)
        assert row.reason == "A: layer 0: zero variance"

    def test_exact_values_that_are_equal_do_not_differ(self) -> None:
        rows = layers(compare_profiles(profile([1.0, 1.0], 0.0), profile([1.0, 1.5], 0.0)))
        assert [row.differs for row in rows] == [False, True]


class TestDepth:
    def test_equal_lengths_match_by_layer(self) -> None:
        rows = layers(compare_profiles(profile([1.0, 2, 3]), profile([2.0, 4, 6])))
        assert [(row.layer, row.depth, row.difference) for row in rows] == [
            (0, 0.0, 1.0),
            (1, 0.5, 2.0),
            (2, 1.0, 3.0),
        ]

    @pytest.mark.parametrize("swapped", [False, True])
    def test_unequal_lengths_meet_at_the_shorter_ones_depths(self, swapped: bool) -> None:
        rng = np.random.default_rng(1)
        short, long = list(rng.normal(size=4)), list(rng.normal(size=8))
        sides = (profile(short), profile(long))
        rows = layers(compare_profiles(*(reversed(sides) if swapped else sides)))
        expected = np.interp([0, 1 / 3, 2 / 3, 1], np.linspace(0, 1, 8), long) - short
        assert [row.difference for row in rows] == pytest.approx(
            list(-expected if swapped else expected)
        )
        assert {row.layer for row in rows} == {None}

    def test_an_interpolated_error_lies_between_its_neighbours(self) -> None:
        # Of two layers with fully correlated errors: half of each.
        fine = profile([0.0, 0, 0, 0], [0.1, 0.1, 0.3, 0.3])
        row = layers(compare_profiles(profile([0.0, 0, 0], 0.0), fine))[1]
        assert row.std_error == pytest.approx(0.2)

    def test_nothing_is_continued_past_the_last_value(self) -> None:
        # Metrics of a layer and the next end one layer early.
        coarse = Profile(tuple(LayerValue(i, i / 3, 1.0, 0.1) for i in range(4)), 3, 9)
        fine = Profile(tuple(LayerValue(i, i / 4, 1.0, 0.1) for i in range(4)), 4, 9)
        last = layers(compare_profiles(coarse, fine))[-1]
        assert last.difference is None
        assert last.reason == "B: not measured at depth 1"

    def test_a_gap_stays_a_gap(self) -> None:
        fine = profile([1.0, None, 1.0, 1.0])
        rows = layers(compare_profiles(profile([1.0, 1.0, 1.0]), fine))
        assert [row.difference is None for row in rows] == [False, True, False]
        assert rows[1].reason == "B: layer 1: undefined"

    def test_unequal_lengths_may_match_by_layer(self) -> None:
        rows = layers(compare_profiles(profile([1.0, 2]), profile([1.0, 3, 9]), by="layer"))
        assert [(row.layer, row.difference) for row in rows] == [(0, 0.0), (1, 1.0)]

    def test_equal_lengths_may_match_by_depth(self) -> None:
        sides = profile([1.0, 2, 3]), profile([2.0, 4, 6])
        assert compare_profiles(*sides, by="depth") == compare_profiles(*sides)


class TestSummary:
    def test_mean_is_over_the_blocks_that_both_have(self) -> None:
        row = part(compare_profiles(profile([100.0, 1, 2, 3]), profile([0.0, 2, None, 6])), "mean")
        assert (row.a, row.b, row.difference, row.layers) == (2.0, 4.0, 2.0, 2)
        # Errors of one run's layers are taken to move as one: no smaller than each.
        assert row.std_error == pytest.approx(math.hypot(0.1, 0.1))

    @pytest.mark.parametrize("by", ["depth", "layer"])
    def test_the_mean_of_a_model_is_the_same_whatever_it_is_compared_with(
        self, by: Literal["depth", "layer"]
    ) -> None:
        deep = profile([9.0, 1, 2, 6, 7])
        for other in (profile([0.0, 1, 2]), profile([0.0, 1, 2, 3, 4])):
            row = part(compare_profiles(deep, other, by=by), "mean")
            assert (row.a, row.layers) == (4.0, 4)
        # A gap is left out of its own side where there is no block of the other to leave out.
        row = part(compare_profiles(deep, profile([0.0, None, 2]), by=by), "mean")
        assert (row.a, row.b) == (4.0, 2.0)

    def test_peak_has_its_layers_error_and_its_depth(self) -> None:
        a = profile([1.0, 5, 2], [0.1, 0.4, 0.1])
        rows = compare_profiles(a, profile([9.0, 5, 9], [0.3, 0.1, 0.1]))
        height, place = part(rows, "peak_value"), part(rows, "peak_depth")
        assert height.difference == 4.0
        assert height.std_error == pytest.approx(0.5)
        # The lowest of the layers that tie.
        assert (place.a, place.b, place.difference) == (0.5, 0.0, -0.5)
        assert (place.differs, place.reason) == (None, "a depth has no standard error")

    def test_nothing_known_gives_no_summary(self) -> None:
        rows = compare_profiles(profile([None, None]), profile([1.0, 1.0]))
        assert part(rows, "mean").reason == "A: no block has a value; B: no block has a value"
        assert part(rows, "peak_value").reason == "A: no layer has a value"

    def test_swapping_the_sides_changes_the_signs(self) -> None:
        rng = np.random.default_rng(2)
        a, b = profile(list(rng.normal(size=5))), profile(list(rng.normal(size=9)))
        for there, back in zip(compare_profiles(a, b), compare_profiles(b, a), strict=True):
            assert there.difference == pytest.approx(-(back.difference or 0))
            assert there.differs == back.differs


def test_where_the_embedding_does_not_count_the_peak_is_a_block() -> None:
    one, other = profile([68.0, 6.0, 7.0]), profile([70.0, 9.0, 8.0])
    with_it = compare_profiles(one, other)
    assert (part(with_it, "peak_value").a, part(with_it, "peak_depth").a) == (68.0, 0.0)
    blocks = compare_profiles(one, other, embedding=False)
    assert (part(blocks, "peak_value").a, part(blocks, "peak_value").b) == (7.0, 9.0)
    assert (part(blocks, "peak_depth").a, part(blocks, "peak_depth").b) == (1.0, 0.5)
    # Layer by layer, it is there.
    assert layers(blocks)[0].a == 68.0
