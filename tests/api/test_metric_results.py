"""What measuring vectors gives: a mapping of numbers, shown as the command's table."""

import pickle
from collections.abc import Mapping

import numpy as np
import pytest

import embstore
from embstore.api.metric_results import MetricResult, MetricResults
from tests.metrics.clouds import OF_VECTORS

X = np.random.default_rng(0).normal(size=(8, 10, 4))


@pytest.fixture(scope="module")
def found() -> MetricResults:
    return embstore.measure(X)


def test_it_is_a_mapping_of_every_metric(found: MetricResults) -> None:
    assert isinstance(found, Mapping)
    assert list(found) == list(OF_VECTORS)
    assert len(found) == len(OF_VECTORS)
    assert "twonn" in found


def test_a_result_is_its_number_where_one_is_wanted(found: MetricResults) -> None:
    result = found["mean_cosine"]
    assert isinstance(result, MetricResult)
    assert float(result) == result.value
    assert f"{result:.3f}" == f"{result.value:.3f}"
    assert f"{result}".startswith("MetricResult(value=")
    assert np.array(list(found.values()), dtype=float).shape == (len(OF_VECTORS),)
    assert result.ci_low < result.value < result.ci_high
    assert result.n == 80
    assert found["twonn"].unit == "dimensions"


def test_what_is_undefined_is_not_a_number_and_has_a_reason(found: MetricResults) -> None:
    slope = found["spectral_slope"]
    assert np.isnan(float(slope))
    assert "directions with variance" in (slope.reason or "")
    rows = {row["metric"]: row for row in found.table.to_pylist()}
    assert rows["spectral_slope"]["value"] is None
    assert rows["norm_max"]["std_error"] is None


def test_a_misspelt_metric_gets_a_hint(found: MetricResults) -> None:
    with pytest.raises(KeyError, match=r"no metric 'twon'.*did you mean twonn"):
        _ = found["twon"]
    assert found.get("twon") is None


def test_it_shows_itself_as_the_table(found: MetricResults) -> None:
    text = repr(found)
    head, _, *lines = text.splitlines()
    assert head.split()[:3] == ["metric", "value", "std_error"]
    # A long name is cut where the terminal is narrow.
    for name, line in zip(OF_VECTORS, lines, strict=False):
        assert line.startswith(name[:12])
    assert "more row" not in text
    assert text.endswith("note: Standard errors count the 8 windows.")
    assert "<td" in found._repr_html_()
    assert "8 windows" in found._repr_html_()


def test_it_goes_to_pandas(found: MetricResults) -> None:
    frame = found.to_pandas().set_index("metric")
    assert list(frame.columns) == ["value", "std_error", "ci_low", "ci_high", "n", "unit", "reason"]
    assert frame.loc["anisotropy", "value"] == found["anisotropy"].value
    assert frame["n"].dtype == np.int64
    curve = found.curve.to_pandas()
    assert list(curve.columns) == [
        *("rank", "dimension", "std_error", "ci_low", "ci_high", "mean_distance", "n")
    ]


def test_it_can_be_kept(found: MetricResults) -> None:
    again = pickle.loads(pickle.dumps(found))
    assert repr(again) == repr(found)
    assert repr(again.curve) == repr(found.curve)


def test_dimensions_that_fall_short_are_told_of() -> None:
    wide = embstore.measure(np.random.default_rng(0).normal(size=(300, 60)))
    assert any("underestimated" in note for note in wide.notes)
    assert any("Each of the 300 vectors counts by itself" in note for note in wide.notes)
