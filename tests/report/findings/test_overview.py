import pytest

from embstore.choices import Scope
from embstore.report.findings import overview
from embstore.report.read.contents import read_contents
from embstore.report.read.evidence import Highest
from embstore.store.database import Database
from embstore.store.writing import write_run, write_runs
from embstore.types import LayerKey
from tests.report.told import at, told
from tests.synthetic import make_run


def test_a_high_dimension_comes_with_its_caveat(database: Database) -> None:
    write_run(database, make_run(values=lambda metric, key, scope, depth: 61.5))
    found = told(database, "Ceiling of 60")
    assert found is not None
    assert found.text == (
        "An intrinsic dimension perhaps exceeds 60: the highest is 61.5, in layer 1 of "
        "example/decoder-small."
    )
    assert found.detail.startswith("61.5 (twonn) (95 % interval 55.5 to 67.5), at main, all tok")
    assert "a true 50 reads 33" in found.detail
    # It is drawn where it was found.
    assert found.spark is not None
    assert (found.spark.metric, found.spark.runs, found.spark.over) == ("twonn", (0,), "blocks")


def test_the_embedding_is_in_no_finding_about_the_dimension(database: Database) -> None:
    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
        return 68.0 if key.site == "embedding" else 5.0 + depth

    write_run(database, make_run(values=values))
    found = told(database, "Ceiling of 60")
    assert found is not None
    assert (
        "No block has an intrinsic dimension above 60: the highest is 6, in layer 4" in found.text
    )


@pytest.mark.parametrize(
    ("possible", "surely", "verdict"),
    [
        (50.0, 0, "No block has an intrinsic dimension above 60"),
        (61.0, 0, "An intrinsic dimension perhaps exceeds 60"),
        (66.0, 1, "Intrinsic dimensions exceed 60"),
    ],
)
def test_intervals_decide_about_the_ceiling(
    database: Database, possible: float, surely: int, verdict: str
) -> None:
    write_run(database, make_run())
    highest = Highest(0, 1, "all", "twonn", 49.0, None, None, possible, surely)
    found = overview.ceiling(highest, read_contents(database))
    assert found is not None
    assert found.text == f"{verdict}: the highest is 49, in layer 1 of example/decoder-small."


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
    assert "of a rises from 6 at step 0 to 14 at step 10, then falls" in phases.text
    highest = told(database, "Ceiling of 60")
    assert highest is not None
    assert "the highest is 14," in highest.text
    peaks = told(database, "Peak anisotropy of decoders")
    assert peaks is not None
    assert "peaks at 0.95 in" in peaks.text
