import pytest

from embstore.comparison.stored import compare_stored
from embstore.report.read.contents import read_contents
from embstore.report.read.differences import first_and_last, read_paired
from embstore.store.database import Database
from embstore.store.writing import write_runs
from embstore.types import Measurement, Run
from tests.synthetic import make_run, with_effects


def told(name: str, step: int, revision: str | None = None) -> Run:
    """A checkpoint whose numbers say how much each of four windows moves them."""

    def effects(measurement: Measurement) -> list[float]:
        size = 0.01 + 0.001 * step
        return [size, -size, 0.5 * size, -0.5 * size]

    return with_effects(make_run(name=name, revision=revision or f"step{step}", step=step), effects)


@pytest.mark.slow
def test_the_first_and_last_checkpoint_come_with_the_errors_that_compare_has(
    database: Database,
) -> None:
    write_runs(database, [told("a", step) for step in (0, 10, 20)])
    contents = read_contents(database)
    (model,) = contents.models
    assert first_and_last(contents, model) == (0, 2)
    (paired,) = read_paired(database, contents, ["anisotropy", "twonn"])
    assert (paired.a, paired.b) == (0, 2)
    ends = contents.run_ids[0], contents.run_ids[2]
    rows = compare_stored(database, *ends, metrics=["anisotropy"], scopes=["no_sinks"]).table
    expected = {
        (row["part"], row["layer"]): row for row in rows.to_pylist() if row["errors"] == "paired"
    }
    found = [
        row for row in paired.rows if (row["metric"], row["scope"]) == ("anisotropy", "no_sinks")
    ]
    assert len(found) == len(expected) == 5 + 2
    for row in found:
        other = expected[row["part"], row["layer"]]
        assert row["ci_low"] == pytest.approx(other["ci_low"], rel=1e-4)
        assert row["ci_high"] == pytest.approx(other["ci_high"], rel=1e-4)


@pytest.mark.slow
def test_controls_single_checkpoints_and_other_texts_have_none(database: Database) -> None:
    write_runs(
        database,
        [
            told("control", 0, "random-init-0"),
            make_run(name="control", revision="main"),
            make_run(name="texts", corpus="one"),
            make_run(name="texts", corpus="two"),
            # Without effects of windows.
            *(make_run(name="bare", revision=f"step{step}", step=step) for step in (1, 2)),
        ],
    )
    contents = read_contents(database)
    ends = {model.label: first_and_last(contents, model) for model in contents.models}
    assert (ends["control"], ends["texts"]) == (None, None)
    assert ends["bare"] is not None
    assert read_paired(database, contents, ["anisotropy"]) == ()
    # A metric that neither has is no mistake here.
    assert read_paired(database, contents, ["mle"]) == ()
