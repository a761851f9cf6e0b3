"""How far two stores are apart, on numbers that are known."""

from dataclasses import replace
from pathlib import Path

import pytest

from embstore.types import Run
from examples.training_series.agreement import compare_stores
from tests.stores import new_store
from tests.synthetic import make_run


def moved(run: Run, by: float) -> Run:
    """The same run, its first anisotropy larger by a share of itself."""
    measurements = list(run.measured.measurements)
    at = next(i for i, m in enumerate(measurements) if m.metric == "anisotropy" and m.value)
    value = measurements[at].value
    assert value is not None
    measurements[at] = replace(measurements[at], value=value * (1 + by))
    return replace(run, measured=replace(run.measured, measurements=tuple(measurements)))


def test_equal_stores_are_equal_to_the_last_bit(tmp_path: Path) -> None:
    run = make_run()
    for name in ("one", "other"):
        new_store(tmp_path / name, [run])
    found = compare_stores(tmp_path / "one", tmp_path / "other")
    assert {metric.metric for metric in found} == {m.metric for m in run.measured.measurements}
    assert all(metric.equal == metric.numbers for metric in found)
    assert sum(metric.numbers for metric in found) == len(run.measured.measurements)
    assert all(metric.relative == 0 for metric in found)


def test_the_number_that_is_furthest_apart_comes_first_with_its_place(tmp_path: Path) -> None:
    run = make_run()
    new_store(tmp_path / "one", [run])
    new_store(tmp_path / "other", [moved(run, 1e-4)])
    first, *rest = compare_stores(tmp_path / "one", tmp_path / "other")
    assert first.metric == "anisotropy"
    # Of the larger of the two: 1e-4 / 1.0001.
    assert first.relative == pytest.approx(1e-4 / (1 + 1e-4), rel=1e-9)
    assert first.numbers - first.equal == 1
    assert run.model.name in first.at
    assert all(metric.relative == 0 for metric in rest)


def test_a_number_in_one_store_only_is_no_agreement(tmp_path: Path) -> None:
    run = make_run()
    fewer = replace(run, measured=replace(run.measured, measurements=run.measured.measurements[1:]))
    new_store(tmp_path / "one", [run])
    new_store(tmp_path / "other", [fewer])
    with pytest.raises(ValueError, match="1 numbers are in one store only"):
        compare_stores(tmp_path / "one", tmp_path / "other")


def test_forward_passes_by_another_library_are_counted_apart(tmp_path: Path) -> None:
    run = make_run()
    other = replace(
        moved(run, 1e-6), provenance=replace(run.provenance, linear=f"not {run.provenance.linear}")
    )
    new_store(tmp_path / "one", [run])
    new_store(tmp_path / "same", [run])
    new_store(tmp_path / "other", [other])
    alike = compare_stores(tmp_path / "one", tmp_path / "same")
    assert all(metric.alike == metric.alike_equal == metric.numbers for metric in alike)
    apart = compare_stores(tmp_path / "one", tmp_path / "other")
    assert all(metric.alike == metric.alike_equal == 0 for metric in apart)
