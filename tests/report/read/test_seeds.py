"""Which groups of seeds a page has, at which checkpoints, and of which models."""

from pathlib import Path

import pytest

from embstore.report.read.contents import read_contents
from embstore.report.read.seeds import cells_at_most, read_members, read_seed_groups
from embstore.store.database import Database
from embstore.store.writing import write_runs
from tests.queries.of_seeds import NAMES, run, store
from tests.synthetic import make_run


@pytest.mark.slow
def test_seeds_that_differ_are_in_no_moment(tmp_path: Path) -> None:
    database = store(tmp_path, *map(run, NAMES[:3]), run(NAMES[3], seed=5))
    contents = read_contents(database)
    assert read_members(database, contents) == {"lab/all": (0, 1, 2, 3)}
    (group,) = read_seed_groups(database, contents, ["anisotropy"])
    assert group.models == (0, 1, 2)
    (moment,) = group.moments
    assert (moment.step, moment.revision, moment.runs) == (None, "main", (0, 1, 2))
    assert group.states == contents.models[0].states
    assert {number.n for number in group.numbers} == {3}


@pytest.mark.slow
def test_of_a_page_of_some_models_only_these_are_taken_together(tmp_path: Path) -> None:
    database = store(tmp_path, *map(run, NAMES))
    two = read_contents(database, NAMES[1:3])
    (group,) = read_seed_groups(database, two, ["anisotropy"])
    assert [two.models[place].label for place in group.models] == list(NAMES[1:3])
    assert {number.n for number in group.numbers} == {2}
    assert read_members(database, read_contents(database, NAMES[:1])) == {}


@pytest.mark.slow
def test_the_newest_moment_is_the_last_that_most_seeds_have(tmp_path: Path) -> None:
    steps = {NAMES[0]: (1, 10, 100), NAMES[1]: (1, 10), NAMES[2]: (1, 10)}
    runs = [run(name, step) for name, its in steps.items() for step in its]
    finished = [run(name, corpus="other") for name in NAMES[:2]]
    database = store(tmp_path, *runs, *finished, run(NAMES[0], 1, corpus="other"))
    contents = read_contents(database)
    (group,) = read_seed_groups(database, contents, ["anisotropy"])
    names = {row["corpus_id"]: row["name"] for row in contents.corpora}
    found = [
        (names[one.corpus_id], one.step, len(one.runs), place in group.newest)
        for place, one in enumerate(group.moments)
    ]
    assert sorted(found, key=str) == [
        ("example-text", 1, 3, False),
        ("example-text", 10, 3, True),
        ("example-text", 100, 1, False),
        ("other", 1, 1, False),
        ("other", None, 2, True),
    ]


@pytest.mark.slow
def test_room_is_kept_for_every_moment_that_several_seeds_have(database: Database) -> None:
    write_runs(database, [run(name, step) for name in NAMES[:2] for step in (0, 1)])
    write_runs(database, [run(NAMES[0], 2), make_run(name="lab/other")])
    contents = read_contents(database)
    (places,) = read_members(database, contents).values()
    states, scopes = len(contents.models[0].states), len(contents.scopes)
    assert cells_at_most(contents, places) == (2 * states * scopes, states * scopes)
