"""Vectors of any size: what is scale-free stays, lengths grow, and nothing breaks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import embstore
from embstore.choices import Scope
from embstore.errors import MeasurementError
from embstore.measuring.checkpoint import measure_batches
from embstore.measuring.value_range import at_scale, curve_at_scale
from embstore.measuring.vectors import VectorsMeasured, measure_vector_pair, measure_vectors
from embstore.metrics.conventions import TOO_LARGE, TOO_SMALL
from embstore.metrics.registry import PAIR_METRICS
from embstore.models.hidden_states import HiddenBatch
from embstore.types import CurvePoint, LayerKey, Measurement
from tests.metrics.clouds import OF_VECTORS

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).normal(size=(70, 24)) * np.geomspace(3, 0.2, 24) + 0.3
WINDOWS = np.random.default_rng(1).normal(size=(6, 24, 24)) * np.geomspace(3, 0.2, 24) + 0.3
Y = X + 0.5 * np.random.default_rng(2).normal(size=X.shape)
DEGREES = {name: metric.description.degree for name, metric in (OF_VECTORS | PAIR_METRICS).items()}

# What takes more points than there are here.
TOO_FEW = {"ph_dim"}

KEYS = (LayerKey("decoder", 1, "block"), LayerKey("decoder", 2, "block"))


def by_name(found: VectorsMeasured) -> dict[str, Measurement]:
    return {measurement.metric: measurement for measurement in found.measurements}


def numbers_of(found: Measurement) -> list[float]:
    """A value and its interval, NaN without one, and where there are too few points for it."""
    if found.metric in TOO_FEW:
        assert found.value is None
        return [np.nan]
    assert found.value is not None, found.reason
    ends = (found.std_error, found.ci_low, found.ci_high)
    return [found.value, *(np.nan if end is None else end for end in ends)]


def scaled(numbers: np.ndarray, exponent: int) -> np.ndarray:
    """Multiply by a power of two, to 0 or infinity where float64 has no more."""
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.ldexp(numbers, exponent))


def assert_scaled(after: VectorsMeasured, before: VectorsMeasured, k: int) -> None:
    """Lengths are 2^k times what they were, the rest is the same, to the last digit."""
    found = by_name(after)
    for name, measurement in by_name(before).items():
        usual = np.array(numbers_of(measurement))
        expected = scaled(usual, k * DEGREES[name])
        lost = np.isinf(expected) | ((expected == 0) & (usual != 0))
        if lost[0]:
            assert found[name].reason in {TOO_LARGE, TOO_SMALL}
            continue
        if lost.any():
            # Without all of its ends there is no interval.
            expected[1:] = np.nan
        np.testing.assert_array_equal(numbers_of(found[name]), expected, err_msg=name)
    for point, as_it_was in zip(after.curve, before.curve, strict=True):
        assert point == curve_at_scale(as_it_was, k)
        assert as_it_was.mean_distance is not None
        assert point.mean_distance == np.ldexp(as_it_was.mean_distance, k)


# The largest coordinate is below 2^4 and a norm below 2^6; the least one is above 2^-17, and
# has all its 53 bits down to 2^-1022.
@settings(max_examples=15, deadline=None)
@given(k=st.integers(-1000, 1016))
def test_a_power_of_two_changes_no_digit(k: int) -> None:
    assert_scaled(measure_vectors(np.ldexp(WINDOWS, k)), measure_vectors(WINDOWS), k)


@settings(max_examples=15, deadline=None)
@given(k=st.integers(-100, 120))
def test_so_it_is_in_float32(k: int) -> None:
    single = WINDOWS.astype(np.float32)
    assert_scaled(measure_vectors(np.ldexp(single, k)), measure_vectors(single), k)


@settings(max_examples=15, deadline=None)
@given(k=st.integers(-1000, 1016))
def test_two_layers_of_one_size_change_no_digit(k: int) -> None:
    before, after = measure_vector_pair(X, Y), measure_vector_pair(np.ldexp(X, k), np.ldexp(Y, k))
    assert_scaled(after, before, k)


@pytest.mark.parametrize(("first", "second"), [(0, 380), (-380, 0), (-700, -320), (1000, 620)])
def test_two_layers_keep_their_sizes_to_each_other(first: int, second: int) -> None:
    """Each layer's own shape is the same, and what the next adds is next to nothing or all."""
    before = by_name(measure_vector_pair(X, Y))
    found = by_name(measure_vector_pair(np.ldexp(X, first), np.ldexp(Y, second)))
    for name in ("adjacent_cosine", "cka_next", "linearity_next", "neighbor_overlap_next"):
        # Slopes differ, and so does the rounding of sums; errors are of float32 products.
        expected = numbers_of(before[name])
        np.testing.assert_allclose(numbers_of(found[name]), expected, rtol=1e-6, err_msg=name)
    lengths = np.linalg.norm(Y, axis=1) / np.linalg.norm(X, axis=1)
    ratio = 1.0 if second < first else np.ldexp(lengths.mean(), second - first)
    assert found["update_ratio"].value == pytest.approx(ratio, rel=1e-12)


def test_layers_too_far_apart_in_size_are_refused() -> None:
    for x, y in ((X, np.ldexp(Y, 420)), (np.ldexp(X, 1000), np.ldexp(Y, -1000))):
        with pytest.raises(MeasurementError, match="1e120 times as large as the other; scale it"):
            measure_vector_pair(x, y)
    # Nothing but zeros has no size.
    assert by_name(measure_vector_pair(X * 1e300, 0 * X))["update_ratio"].value == 1.0


@pytest.mark.parametrize("k", [-1030, -1050])
def test_denormals_are_as_good_as_their_bits(k: int) -> None:
    """Rounded to a multiple of 2^-1074, a coordinate of one is off by 2^(-1075 - k) at most."""
    before, after = (
        by_name(measure_vectors(WINDOWS)),
        by_name(measure_vectors(np.ldexp(WINDOWS, k))),
    )
    for name, measurement in before.items():
        if name in TOO_FEW:
            assert measurement.value is after[name].value is None
            continue
        usual = numbers_of(measurement)[0]
        expected = scaled(np.array(usual), k * DEGREES[name])
        # Squares of lengths there may be none left of.
        if expected == 0 != usual:
            assert after[name].reason == TOO_SMALL
            continue
        # Some metrics move by a thousand times what the vectors do: near ties, small eigenvalues.
        assert after[name].value == pytest.approx(
            expected, rel=1e3 * 2.0 ** (-1075 - k) + 1e-12, abs=2.0**-1074
        ), name


@pytest.mark.parametrize(
    "vectors",
    [
        X * 1e155,
        X * 1e-155,
        X * 1e-307,
        np.sign(X) * 1.7e308,
        np.where(X > 0, 5e-324, -1e-323),
        np.full((30, 4), 5e-324),
        X * 10.0 ** np.arange(-155, 325, 20),  # coordinate by coordinate
        X * 10.0 ** np.arange(-308, 307, 9)[:, None][:70][np.arange(70) % 69],  # row by row
        np.concatenate([X, X * 1e-200, X * 1e-308]),
        (X * 3e36).astype(np.float32),
        (X * 1e-44).astype(np.float32),
        X.astype(np.longdouble) * np.longdouble("1e3000"),
        X.astype(np.longdouble) * np.longdouble("1e-4000"),
    ],
    ids=str,
)
def test_every_extreme_gives_numbers_or_a_reason(vectors: np.ndarray) -> None:
    """Warnings are errors in every test."""
    for name, found in by_name(measure_vectors(vectors)).items():
        if found.value is None:
            assert found.reason, name
        else:
            assert np.isfinite(found.value), name
            lowest, highest = OF_VECTORS[name].description.limits(found.n, vectors.shape[1])
            # A bound that is reached may be passed by rounding.
            assert lowest - 1e-9 <= found.value <= highest + 1e-9, name


def test_a_length_that_float64_cannot_hold_is_said() -> None:
    large = measure_vectors(np.sign(X) * 1.7e308)
    found = by_name(large)
    assert found["norm_max"].reason == "larger than the largest float64, 1.8e308"
    assert found["mean_cosine"].value is not None
    assert large.curve[-1].dimension is not None
    assert large.curve[-1].mean_distance is None
    little = by_name(measure_vectors(X.astype(np.longdouble) * np.longdouble("1e-4000")))
    assert little["norm_p50"].reason == "smaller than the smallest float64, 4.9e-324"
    usual = by_name(measure_vectors(X))["anisotropy"].value
    assert little["anisotropy"].value == pytest.approx(usual)
    shown = embstore.measure(np.sign(X) * 1.7e308)
    assert np.isnan(shown["norm_max"].value)
    assert "norm_max: larger than the largest float64" in repr(shown)


def test_an_interval_that_float64_cannot_hold_is_left_out() -> None:
    value = Measurement(KEYS[0], "all", "norm_max", 1.0, 9, None, 0.25, 0.5, 3.0)
    assert at_scale(value, 1023) == Measurement(KEYS[0], "all", "norm_max", 2.0**1023, 9)
    assert at_scale(value, -1073) == Measurement(KEYS[0], "all", "norm_max", 2.0**-1073, 9)
    assert numbers_of(at_scale(value, 1)) == [2.0, 0.5, 1.0, 6.0]
    point = CurvePoint(KEYS[0], "all", 1, 5.0, 1.5, 9)
    assert curve_at_scale(point, 2) == CurvePoint(KEYS[0], "all", 1, 5.0, 6.0, 9)


def test_a_coordinate_that_counts_the_rows_is_told_of_at_any_size() -> None:
    counted = np.column_stack([np.sign(X) * 1.7e308, np.arange(len(X))])
    assert measure_vectors(counted).counting == (X.shape[1],)
    assert measure_vector_pair(counted, counted).counting == (X.shape[1],)


def layers(first: int, second: int) -> dict[tuple[int, Scope, str], Measurement]:
    """Two layers of 2**first and 2**second times the usual size, with one sink."""
    rng = np.random.default_rng(1)
    states = rng.normal(size=(6, 24, 24)).astype(np.float32)
    later = (states + 0.3 * rng.normal(size=states.shape)).astype(np.float32)
    states[2, 7] *= 10
    later[2, 7] *= 10
    batch = HiddenBatch(
        0,
        {
            key: torch.from_numpy(np.ldexp(Z, k))
            for key, Z, k in zip(KEYS, (states, later), (first, second), strict=True)
        },
        np.ones((6, 24), dtype=bool),
        {"decoder": np.zeros((6, 24), dtype=np.int64)},
        0.0,
    )
    found = measure_batches(iter([batch]), np.arange(144))
    return {(m.key.layer, m.scope, m.metric): m for m in found.measurements}


@pytest.mark.parametrize("k", [-100, 90, 122])
def test_layers_change_no_digit_either(k: int) -> None:
    before, after = layers(0, 0), layers(k, k)
    for key, measurement in before.items():
        degree = DEGREES[key[2]]
        if key[2] in TOO_FEW:
            assert measurement.value is after[key].value is None
            continue
        assert measurement.value is not None
        assert after[key].value == np.ldexp(measurement.value, k * degree), key
        if measurement.std_error is not None:
            assert after[key].std_error == pytest.approx(
                np.ldexp(measurement.std_error, k * degree), rel=1e-12
            ), key


@pytest.mark.parametrize(("first", "second"), [(122, -140), (-140, 122), (-140, -140)])
def test_layers_of_very_different_size(first: int, second: int) -> None:
    before = layers(0, 0)
    for key, found in layers(first, second).items():
        if key[2] in TOO_FEW:
            assert found.value is None
            continue
        assert found.value is not None, (key, found.reason)
        assert np.isfinite(found.value)
        assert found.std_error is None or np.isfinite(found.std_error)
        if key[2] in ("linearity_next", "cka_next"):
            # Coordinates of 2^-140 keep nine bits, some less.
            assert found.value == pytest.approx(before[key].value, abs=1e-2), key
