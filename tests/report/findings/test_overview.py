import pytest

from embstore.report.findings import overview
from embstore.report.read.contents import read_contents
from embstore.report.read.evidence import Highest
from embstore.store.connection import Database
from embstore.store.writing import write_run, write_runs
from embstore.types import LayerKey, Scope
from tests.report.told import at, profile, told
from tests.synthetic import make_run


def test_peaks_are_told_with_and_without_sinks() -> None:
    profiles = [
        profile(value=0.992),
        profile(scope="no_sinks", value=0.11),
        profile("encoder", value=0.09),
    ]
    found = overview.peak_by_kind(profiles)
    assert found is not None
    assert found.text == (
        "In 1 decoder (a decoder), anisotropy peaks at 0.992 at relative depth 0.5 (without "
        "attention sinks at 0.11). In 1 encoder (a encoder), anisotropy peaks at 0.09 at relative "
        "depth 0.5."
    )
    assert overview.peak_by_kind([]) is None


def test_several_models_give_a_median_and_a_range() -> None:
    profiles = [profile(value=v, model=f"m{i}") for i, v in enumerate((0.5, 0.9, 0.7, 0.8, 0.6))]
    found = overview.peak_by_kind(profiles)
    assert found is not None
    assert "In 5 decoders (m0, m1, m2, m3 and 1 more)" in found.text
    assert "0.7 (median; 0.5 to 0.9)" in found.text


def test_equal_values_have_no_range_and_a_model_counts_once() -> None:
    equal = overview.peak_by_kind([profile(model="a"), profile(model="b")])
    assert equal is not None
    assert "peaks at 0.9 at relative" in equal.text
    # Three texts of one model weigh no more than one of another.
    unequal = overview.peak_by_kind(
        [profile(value=0.1, model="a")] * 3 + [profile(value=0.9, model="b")]
    )
    assert unequal is not None
    assert "peaks at 0.5 (median; 0.1 to 0.9)" in unequal.text


def test_both_stacks_are_named(database: Database) -> None:
    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
        return 0.9 if key.stack == "decoder" else 0.1

    write_run(database, make_run(name="t5", kind="encoder-decoder", values=values))
    found = told(database, "Peak anisotropy")
    assert found is not None
    assert "peaks at 0.1 at relative depth 0 (" in found.text
    assert "in the encoder, and at 0.9 at" in found.text


def test_the_final_norm_is_in_no_finding(database: Database) -> None:
    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
        return 0.99 if key.site == "final_norm" else 0.2 + key.layer / 100

    write_run(database, make_run(values=values))
    found = told(database, "Peak anisotropy")
    assert found is not None
    assert "peaks at 0.24 at relative depth 1" in found.text


def test_a_high_dimension_comes_with_its_caveat(database: Database) -> None:
    write_run(database, make_run(values=lambda metric, key, scope, depth: 61.5))
    found = told(database, "Ceiling of 60")
    assert found is not None
    assert "is 61.5 (95 % interval 55.5 to 67.5), perhaps above 60" in found.text
    assert "a true 50 reads 33" in found.text


@pytest.mark.parametrize(
    ("possible", "surely", "verdict"),
    [(50.0, 0, "below"), (61.0, 0, "perhaps above"), (66.0, 1, "above")],
)
def test_intervals_decide_about_the_ceiling(
    database: Database, possible: float, surely: int, verdict: str
) -> None:
    write_run(database, make_run())
    highest = Highest(0, 1, "all", "twonn", 49.0, None, None, possible, surely)
    found = overview.ceiling(highest, read_contents(database))
    assert found is not None
    assert f"is 49, {verdict} 60 (example/decoder-small at main" in found.text


@pytest.mark.slow
def test_untrained_controls_are_in_no_finding_about_training(database: Database) -> None:
    write_runs(database, [at(step, f"step{step}") for step in (0, 10, 100, 500, 1000)])
    wild = make_run(
        name="a",
        revision="random-init-0",
        step=0,
        values=lambda metric, key, scope, depth: 70.0 if metric == "twonn" else 0.99,
    )
    write_run(database, wild)
    phases = told(database, "Dimension in training")
    assert phases is not None
    assert "rises, then falls in 1 of 1 series of checkpoints (a: 6 at step 0" in phases.text
    highest = told(database, "Ceiling of 60")
    assert highest is not None
    assert "is 14 (" in highest.text
    peaks = told(database, "Peak anisotropy")
    assert peaks is not None
    assert "peaks at 0.95 at" in peaks.text


def test_depths_that_differ_are_a_median_and_a_range() -> None:
    found = overview.peak_by_kind([profile(model="a", depth=0.25), profile(model="b", depth=0.75)])
    assert found is not None
    assert "peaks at 0.9 at relative depth 0.5 (median; 0.25 to 0.75)" in found.text
    without = overview.peak_by_kind([profile(scope="no_first")])
    assert without is not None
    assert without.text.endswith("at relative depth 0.5 (without first tokens).")
