"""Numbers of growing parts of the same vectors, against closed forms."""

import numpy as np
import pytest

import embstore
from embstore.errors import MeasurementError, UsageError
from embstore.measuring.convergence import Verdict, measure_convergence, verdicts


def test_a_biased_number_grows_and_a_corrected_one_has_settled() -> None:
    X = np.random.default_rng(0).normal(size=(1024, 64))
    names = ["participation_ratio", "participation_ratio_corrected", "mean_cosine"]
    levels = measure_convergence(X, metrics=names)
    assert [(one.metric, one.parts) for one in levels] == [
        (name, parts) for name in names for parts in (8, 4, 2, 1)
    ]
    for one in levels[:4]:
        # Of n isotropic vectors: d n/(n + d), to 1/n.
        n = 1024 / one.parts
        assert one.n == n
        assert one.value == pytest.approx(64 * n / (n + 64), rel=0.02)
    for one in levels[4:8]:
        assert one.value == pytest.approx(64, rel=0.02)
    settled = {verdict.metric: verdict.settled for verdict in verdicts(levels)}
    assert settled == {
        "participation_ratio": False,
        "participation_ratio_corrected": True,
        "mean_cosine": True,
    }


def test_parts_have_whole_windows_and_the_whole_its_error() -> None:
    rng = np.random.default_rng(0)
    windows = np.repeat(np.arange(16), 32)
    X = rng.normal(size=(16, 8))[windows] + 0.5 * rng.normal(size=(512, 8)) + 1
    found = embstore.convergence(X, windows=windows, metrics="mean_cosine").to_pylist()
    # An eighth would have two windows.
    assert [row["parts"] for row in found] == [4, 2, 1]
    assert [row["n"] for row in found] == [128, 256, 512]
    for row in found[:-1]:
        assert row["lowest"] < row["value"] < row["highest"]
        assert row["std_error"] is None
    whole = embstore.measure(X, windows=windows)["mean_cosine"]
    assert (found[-1]["value"], found[-1]["std_error"]) == (whole.value, whole.std_error)


def test_undefined_numbers_have_their_reason() -> None:
    X = np.random.default_rng(0).normal(size=(256, 4))
    (row, *_) = embstore.convergence(X, metrics=["spectral_slope"]).to_pylist()
    assert row["value"] is None
    assert "directions with variance" in row["reason"]


def test_a_change_is_judged_by_the_error() -> None:
    assert Verdict("twonn", 9.0, 9.5, 0.9).settled
    assert not Verdict("twonn", 9.5, 9.0, -1.1).settled


def test_what_cannot_be_measured_is_said() -> None:
    X = np.random.default_rng(0).normal(size=(100, 4))
    with pytest.raises(MeasurementError, match="100 vectors in 100 windows cannot be halved"):
        measure_convergence(X)
    with pytest.raises(UsageError, match=r"unknown metric 'twon' \(did you mean twonn\?\); list"):
        measure_convergence(X, metrics=["twon"])
    with pytest.raises(UsageError, match=r"^sink_rate takes the model that the vectors are of"):
        measure_convergence(X, metrics=["sink_rate"])


def test_rows_that_are_windows_are_measured_in_parts_too() -> None:
    """As if no windows were given: each row is one."""
    X = np.random.default_rng(0).normal(size=(1000, 8)) + 1
    expected = embstore.convergence(X, metrics="mean_cosine").to_pylist()
    assert embstore.convergence(X[:, np.newaxis], metrics="mean_cosine").to_pylist() == expected
    # Two rows share a window, so in most parts none do.
    labels = np.arange(1000)
    labels[1] = 0
    found = embstore.convergence(X, windows=labels, metrics="mean_cosine").to_pylist()
    assert [row["parts"] for row in found] == [8, 4, 2, 1]
    whole = embstore.measure(X, windows=labels)["mean_cosine"]
    assert (found[-1]["value"], found[-1]["std_error"]) == (whole.value, whole.std_error)
    for row in found[:-1]:
        assert row["value"] == pytest.approx(whole.value, rel=0.1)
