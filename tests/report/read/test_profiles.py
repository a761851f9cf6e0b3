import pytest

from embstore.report.read.contents import read_contents
from embstore.report.read.profiles import read_profiles
from embstore.store.database import Database
from embstore.store.writing import write_run, write_runs
from tests.synthetic import make_run


@pytest.mark.slow
def test_profiles_are_those_of_the_last_trained_checkpoints(database: Database) -> None:
    write_runs(
        database,
        [
            *(make_run(name="a", revision=f"step{step}", step=step) for step in (1, 2)),
            make_run(name="b", kind="encoder", corpus="other"),
        ],
    )
    # Alone it is a last checkpoint, and untrained.
    write_run(database, make_run(name="c", revision="random-init-0", step=0))
    contents = read_contents(database)
    assert len(contents.newest) == 3
    profiles = [p for p in read_profiles(database, contents) if p.scope == "all"]
    found = {(p.run, p.model, p.kind, p.text, p.stack) for p in profiles}
    assert found == {
        (1, "a", "decoder", "example-text", "decoder"),
        (2, "b", "encoder", "other", "encoder"),
    }


@pytest.mark.slow
def test_a_revision_that_cannot_be_shown_is_asked_for_as_it_is(database: Database) -> None:
    write_run(
        database, make_run(name="a\u202eb", revision="x\u202ey", errors={"anisotropy": 0.005})
    )
    (row,) = [p for p in read_profiles(database, read_contents(database)) if p.scope == "all"]
    assert (row.model, row.peak_depth, row.outline) == ("a\ufffdb", 0.5, "bell")
    assert row.contrast == pytest.approx(0.9)


def test_a_profile_without_any_value_is_none(database: Database) -> None:
    write_run(database, make_run(values=lambda metric, key, scope, depth: None))
    assert read_profiles(database, read_contents(database)) == ()
