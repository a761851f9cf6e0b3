"""Scores from elsewhere: which count, which checkpoint each is of, and that they travel."""

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command

from embstore.errors import QueryError, ScoreError, StoreError
from embstore.store import migration, scores
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.exports.exporting import export_store
from embstore.store.mending.find_runs import Selection
from embstore.store.mending.merging import import_export, merge_stores
from embstore.store.mending.removing import remove_runs
from embstore.store.mending.removing_scores import remove_scores
from embstore.store.mending.renaming import rename_model
from embstore.store.scores import ImportedScores, write_scores
from embstore.store.session import writing
from embstore.store.verification.faults import find_faults
from embstore.store.writing import write_run, write_runs
from embstore.types import Score
from tests.store.contents import contents, counts, rows
from tests.stores import new_store
from tests.synthetic import make_run, make_scores

pytestmark = pytest.mark.slow

EARLY, LATE = (datetime(year, 1, 1, tzinfo=UTC) for year in (2024, 2025))
COUNTS = "SELECT model, revision, step, name, value, std_error FROM latest_score ORDER BY ALL"
FOUND = """
SELECT said_model, said_revision, said_step, model, revision, name, value
FROM checkpoint_score ORDER BY ALL
"""


def score(model: str = "lab/a", value: float = 0.5, **given: object) -> Score:
    known = {"model": model, "name": "acc", "value": value, "source": "s.csv", **given}
    return Score(**known)  # type: ignore[arg-type]


def told(done: ImportedScores) -> tuple[int, int, int, int]:
    return done.new, len(done.changed), done.known, done.older


def values(database: Database) -> list[object]:
    return [row["value"] for row in rows(database, COUNTS)]


def test_what_is_imported_twice_adds_nothing(database: Database) -> None:
    given = [score(), score("lab/b", step=3, std_error=0.1), score("lab/b", scored_at=EARLY)]
    assert told(write_scores(database, given)) == (3, 0, 0, 0)
    before = contents(database)
    assert told(write_scores(database, given)) == (0, 0, 3, 0)
    assert contents(database) == before


def test_of_unknown_times_the_last_import_counts_and_nothing_is_lost(database: Database) -> None:
    for value in (0.5, 0.25, 0.5):
        done = write_scores(database, [score(value=value)])
        assert values(database) == [value]
    assert told(done) == (0, 1, 0, 0)
    assert done.changed == ("acc of lab/a: 0.5, was 0.25",)
    assert counts(database)["score"] == 3


def test_another_error_alone_is_a_change(database: Database) -> None:
    write_scores(database, [score()])
    assert told(write_scores(database, [score(std_error=0.1)])) == (0, 1, 0, 0)
    assert rows(database, COUNTS)[0]["std_error"] == 0.1


@pytest.mark.parametrize("order", [(EARLY, LATE), (LATE, EARLY)])
def test_of_known_times_the_latest_counts_whatever_came_first(
    database: Database, order: tuple[datetime, datetime]
) -> None:
    for at in order:
        done = write_scores(database, [score(value=at.year, scored_at=at)])
    assert values(database) == [2025]
    assert told(done) == ((0, 1, 0, 0) if order[1] is LATE else (0, 0, 0, 1))
    assert told(write_scores(database, [score(value=2024, scored_at=EARLY)])) == (0, 0, 1, 0)


def test_several_times_in_one_import_are_one_score(database: Database) -> None:
    given = [score(value=at.year, scored_at=at) for at in (LATE, EARLY)]
    assert told(write_scores(database, given)) == (1, 0, 0, 1)
    assert values(database) == [2025]


def test_the_same_value_of_a_later_time_changes_nothing_but_outlasts(database: Database) -> None:
    write_scores(database, [score(scored_at=EARLY)])
    assert told(write_scores(database, [score(scored_at=LATE)])) == (0, 0, 1, 0)
    between = EARLY + timedelta(days=1)
    assert told(write_scores(database, [score(value=1, scored_at=between)])) == (0, 0, 0, 1)
    assert values(database) == [0.5]


def test_a_clock_that_goes_back_changes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        moments = iter([LATE, EARLY])

        @classmethod
        def now(cls, _zone: object = None) -> datetime:  # type: ignore[override]
            return next(cls.moments)

    monkeypatch.setattr(scores, "datetime", Clock)
    for value in (0.5, 0.25):
        write_scores(database, [score(value=value)])
    assert values(database) == [0.25]


# What a score says, of the checkpoints below, and which it is.
WHOSE: dict[tuple[str, str | None, int | None], tuple[str, str] | None] = {
    ("lab/a", "main", None): ("lab/a", "main"),
    ("lab/a", None, None): ("lab/a", "main"),
    ("a", "main", None): ("lab/a", "main"),
    ("LAB/A", None, None): ("lab/a", "main"),
    ("lab/a", "step10", None): ("lab/a", "step10"),
    ("lab/a", "checkpoint-10", None): ("lab/a", "step10"),
    ("lab/a", None, 10): ("lab/a", "step10"),
    # Step 0 of a training is no untrained control, which has a name of its own.
    ("lab/a", None, 0): None,
    ("lab/a", "random-init-0", None): ("lab/a", "random-init-0"),
    ("lab/a", "step11", None): None,
    ("lab/a", "v2", None): None,
    # A step of another course is another checkpoint.
    ("lab/a", "stage2-step10", None): None,
    ("lab/stages", "stage2-step10", None): ("lab/stages", "stage2-step10"),
    ("lab/stages", None, 10): None,
    ("other/a", "main", None): None,
    # A folder: without a revision it is the only one there.
    ("folder", None, None): ("folder", "local"),
    ("lab/folder", "main", None): ("folder", "local"),
    ("lab/folder", "step10", None): None,
    ("output", None, None): ("output", "final"),
    ("output", None, 10): ("output", "checkpoint-10"),
    ("output", "main", None): None,
    # Of two organisations' models a bare name says too little.
    ("twin", "main", None): None,
    ("one/twin", "main", None): ("one/twin", "main"),
    ("nothing", "main", None): None,
}


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Database:
    checkpoints = [
        *(("lab/a", name, step) for name, step in (("main", None), ("step10", 10), ("step20", 20))),
        ("lab/a", "random-init-0", 0),
        ("lab/stages", "stage1-step10", 10),
        ("lab/stages", "stage2-step10", 10),
        ("folder", "local", None),
        ("output", "checkpoint-10", 10),
        ("output", "final", 30),
        ("one/twin", "main", None),
        ("two/twin", "main", None),
    ]
    database = new_store(
        tmp_path_factory.mktemp("series") / "series.duckdb",
        [make_run(name=model, revision=name, step=step) for model, name, step in checkpoints],
    )
    # Each a score of its own, that none hides another.
    write_scores(
        database,
        [
            score(model, revision=revision, step=step, name=f"score {place}")
            for place, (model, revision, step) in enumerate(WHOSE)
        ],
    )
    return database


@pytest.mark.parametrize("place", range(len(WHOSE)))
def test_a_score_finds_its_checkpoint(series: Database, place: int) -> None:
    found = rows(series, FOUND)
    (expected,) = list(WHOSE.values())[place : place + 1]
    match = [(row["model"], row["revision"]) for row in found if row["name"] == f"score {place}"]
    assert match == ([expected] if expected else []), list(WHOSE)[place]


def test_what_is_matched_otherwise_or_not_is_told(database: Database) -> None:
    write_runs(
        database,
        [make_run(name="lab/pythia-70m", revision=f"step{n}", step=n) for n in (1, 2)],
    )
    done = write_scores(
        database,
        [
            *(score("pythia-70m", step=n) for n in (1, 2, 3)),
            score("lab/pythia-70m", revision="checkpoint-1", name="f1"),
            *(score("lab/pythia-07m", name=name) for name in ("acc", "f1")),
        ],
    )
    assert done.matched == 3
    assert done.taken_for == (
        "pythia-70m for lab/pythia-70m",
        "lab/pythia-70m@checkpoint-1 for lab/pythia-70m@step1",
    )
    assert done.n_unmatched == 3
    assert done.unmatched == (
        "pythia-70m (did you mean lab/pythia-70m?)",
        "lab/pythia-07m (did you mean lab/pythia-70m?)",
    )


def test_the_order_of_import_and_ingest_does_not_matter(database: Database) -> None:
    done = write_scores(database, make_scores(make_run()))
    assert (done.matched, done.n_unmatched) == (0, 1)
    assert rows(database, FOUND) == []
    write_run(database, make_run())
    (found,) = rows(database, FOUND)
    assert (found["model"], found["value"]) == ("example/decoder-small", 0.25)
    done = write_scores(database, make_scores(make_run()))
    assert (done.matched, done.unmatched) == (1, ())


def test_of_two_names_for_a_checkpoint_the_newest_score_counts(database: Database) -> None:
    write_run(database, make_run(name="lab/a"))
    write_scores(database, [score("lab/a", 0.5, revision="main")])
    done = write_scores(database, [score("a", 0.75)])
    assert done.changed == ("acc of a: 0.75, was 0.5 as lab/a@main",)
    (found,) = rows(database, FOUND)
    assert (found["said_model"], found["value"]) == ("a", 0.75)
    assert len(rows(database, COUNTS)) == 2
    # The same by a third name is no new score, and an older one is no change.
    assert told(write_scores(database, [score("A", 0.75)])) == (0, 0, 1, 0)
    assert told(write_scores(database, [score("LAB/A", 1.0, scored_at=EARLY)])) == (0, 0, 0, 1)


# Pairs of names for one checkpoint of ``several``, and what it is called there.
NAMES_OF_ONE: list[tuple[dict[str, object], dict[str, object], str]] = [
    ({"revision": "step10"}, {"model": "a", "step": 10}, "lab/a@step10"),
    ({"model": "a", "step": 10}, {"model": "a", "revision": "step10"}, "lab/a@step10"),
    ({"revision": "step10"}, {"revision": "checkpoint-10"}, "lab/a@step10"),
    ({}, {"revision": "main"}, "lab/a@main"),
    ({"revision": "main"}, {"model": "A"}, "lab/a@main"),
    ({"revision": "main"}, {"revision": "main", "step": 30}, "lab/a@main"),
    ({"model": "lab/a"}, {"model": "LAB/A"}, "lab/a@main"),
    ({"model": "folder"}, {"model": "lab/folder", "revision": "main"}, "folder@local"),
    ({"model": "output"}, {"model": "output", "revision": "final"}, "output@final"),
    ({"model": "output", "revision": "final"}, {"model": "output", "step": 30}, "output@final"),
]
# But for a step that the name tells these are one name, of a checkpoint that is stored or not.
ONE_NAME = [
    ({"revision": name}, {"revision": name, "step": step}, f"lab/a@{name}")
    for name, step in (("step10", 10), ("step7", 7), ("random-init-0", 0))
]


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Database:
    checkpoints = [
        ("lab/a", "main", None),
        ("lab/a", "step10", 10),
        ("folder", "local", None),
        ("output", "final", 30),
        ("output", "checkpoint-10", 10),
    ]
    return new_store(
        tmp_path_factory.mktemp("several") / "several.duckdb",
        [make_run(name=model, revision=name, step=step) for model, name, step in checkpoints],
    )


@pytest.mark.parametrize(("first", "second", "stored"), [*NAMES_OF_ONE, *ONE_NAME])
def test_two_values_of_one_checkpoint_in_one_import_are_refused(
    several: Database, first: dict[str, object], second: dict[str, object], stored: str
) -> None:
    before = contents(several)
    for other in ({"value": 0.25}, {"std_error": 0.1}):
        given = [score("lab/b"), score(**first), score(**{**second, **other})]  # type: ignore[arg-type]
        with pytest.raises(ScoreError) as error:
            write_scores(several, given)
        assert str(error.value).startswith(f"acc of {given[1].whose} (s.csv) is 0.5, and of ")
        assert str(error.value).endswith(f"but both are {stored}; keep one of them")
        assert contents(several) == before


@pytest.mark.parametrize(("first", "second", "stored"), [*NAMES_OF_ONE, *ONE_NAME])
def test_equal_values_of_one_checkpoint_are_counted_once(
    path: Path, several: Database, first: dict[str, object], second: dict[str, object], stored: str
) -> None:
    path.write_bytes(several.path.read_bytes())
    database = open_database(path, create=False)
    given = [score(**first), score(**second)]  # type: ignore[arg-type]
    done = write_scores(database, given)
    names = " and ".join(dict.fromkeys(each.whose for each in given))
    several_names = (names,) if (first, second, stored) in NAMES_OF_ONE else ()
    assert (told(done), done.names_of_one) == ((1, 0, 0, 0), several_names)
    assert (done.again, done.matched + done.n_unmatched) == (len(several_names), 1)
    again = write_scores(database, [*given, score("lab/b")])
    assert (told(again), again.again) == ((1, 0, 1, 0), done.again)
    assert not [fault for fault in find_faults(database) if fault.table == "score"]


def test_other_times_and_other_scores_are_not_the_same_thing(database: Database) -> None:
    write_run(database, make_run(name="lab/a"))
    given = [
        score(value=0.25, scored_at=EARLY),
        score("a", 0.5, scored_at=LATE),
        score("a", 0.75, revision="main", name="f1"),
    ]
    done = write_scores(database, given)
    assert (told(done), done.again) == ((2, 0, 0, 1), 0)
    assert {row["name"]: row["value"] for row in rows(database, FOUND)} == {"acc": 0.5, "f1": 0.75}


def test_a_step_that_is_not_that_of_the_checkpoint_is_refused(several: Database) -> None:
    before = contents(several)
    with pytest.raises(ScoreError) as error:
        write_scores(several, [score("output", revision="final", step=20)])
    assert str(error.value) == (
        "acc of output@final (s.csv): revision 'final' is of step 30, but step 20 is given; "
        "correct one of the two, or leave one out"
    )
    assert contents(several) == before


def test_nothing_is_written_where_writing_fails(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scores(database, [score()])
    before = contents(database)

    def fail(*_: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr(scores, "describe_matches", fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        write_scores(database, [score(value=1.0), score("lab/b")])
    assert contents(database) == before


def test_a_revision_with_a_step_beyond_eight_bytes_has_none(database: Database) -> None:
    write_scores(database, [score(revision=f"step{10**30}")])
    assert rows(database, COUNTS)[0]["step"] is None


def test_a_revision_of_another_step_is_refused_before_anything_is_stored(
    database: Database,
) -> None:
    before = contents(database)
    with pytest.raises(ScoreError, match="revision 'step10' is of step 10, but step 20 is given"):
        write_scores(database, [score(), score(revision="step10", step=20)])
    assert contents(database) == before


def test_they_follow_a_model_that_is_renamed(database: Database) -> None:
    write_run(database, make_run(name="lab/a"))
    write_scores(database, [score()])
    rename_model(database, "lab/a", "mine")
    assert [row["model"] for row in rows(database, FOUND)] == ["mine"]
    assert not [fault for fault in find_faults(database) if fault.table == "score"]
    # And back; what is there already is not copied again.
    rename_model(database, "mine", "lab/a")
    assert counts(database)["score"] == 2
    assert [row["model"] for row in rows(database, FOUND)] == ["lab/a"]


def test_a_model_does_not_take_the_name_of_one_with_other_scores(database: Database) -> None:
    write_run(database, make_run(name="lab/a"))
    write_scores(database, [score(value=0.25), score("mine", value=0.75)])
    before = contents(database)
    with pytest.raises(QueryError, match=r"'mine' has scores of its own .*scores rm --model mine"):
        rename_model(database, "lab/a", "mine")
    assert contents(database) == before
    remove_scores(database, models=["mine"])
    rename_model(database, "lab/a", "mine")
    assert [row["value"] for row in rows(database, FOUND)] == [0.25]


def test_they_outlast_the_runs_of_their_model(database: Database) -> None:
    write_run(database, make_run(name="lab/a"))
    write_scores(database, [score()])
    remove_runs(database, Selection(models=["lab/a"]))
    assert rows(database, FOUND) == []
    write_run(database, make_run(name="lab/a"))
    assert len(rows(database, FOUND)) == 1


def test_they_travel_in_merges_and_exports(database: Database, tmp_path: Path) -> None:
    write_run(database, make_run(name="lab/a"))
    write_scores(database, [score(std_error=0.1), score("lab/b", step=3, scored_at=EARLY)])
    other = new_store(tmp_path / "other.duckdb")
    merge_stores(other, [database.path])
    assert contents(other) == contents(database)
    merge_stores(other, [database.path])
    assert counts(other)["score"] == 2
    export_store(database, tmp_path / "export")
    exported = open_database(tmp_path / "export", create=False)
    assert rows(exported, FOUND) == rows(database, FOUND)
    assert len(rows(exported, FOUND)) == 1
    with pytest.raises(StoreError, match="an export"):
        write_scores(exported, [score(value=1.0)])
    third = new_store(tmp_path / "third.duckdb")
    import_export(third, tmp_path / "export")
    assert contents(third) == contents(database)
    # What is new since is exported, too.
    write_scores(database, [score(value=0.75)])
    export_store(database, tmp_path / "export")
    exported = open_database(tmp_path / "export", create=False)
    assert values(exported) == [0.75, 0.5]


def test_a_merge_says_how_many_are_new(database: Database, tmp_path: Path) -> None:
    other, third = (new_store(tmp_path / f"{n}.duckdb", [make_run()]) for n in (2, 3))
    write_scores(other, [score(), score(name="f1"), score("lab/b", scored_at=EARLY)])
    write_scores(third, [score(), score(name="f1", value=0.25)])
    write_scores(third, [score(name="f1", value=0.75)])
    expected = [
        ("1 run new, 0 already there; 3 scores new", 3),
        ("0 runs new, 1 already there; 2 scores new", 2),
        ("0 runs new, 1 already there", 0),
    ]
    paths = [other.path, third.path, other.path]
    for dry_run in (True, False):
        merged = merge_stores(database, paths, dry_run=dry_run)
        assert [(one.sentence, one.scores) for one in merged] == expected
    export_store(other, tmp_path / "export")
    fourth = new_store(tmp_path / "4.duckdb")
    for dry_run in (True, False):
        assert import_export(fourth, tmp_path / "export", dry_run=dry_run).scores == 3
    # What both have imported by themselves is no news.
    write_scores(fourth, [score(value=1.0)])
    write_scores(other, [score(value=1.0)])
    assert [merge_stores(fourth, [other.path])[0].scores for _ in range(2)] == [0, 0]


def test_an_export_without_them_is_read_and_renewed(database: Database, tmp_path: Path) -> None:
    """As an older embstore writes it."""
    import json

    write_run(database, make_run(name="lab/a"))
    export_store(database, tmp_path / "export")
    manifest = tmp_path / "export" / "manifest.json"
    said = json.loads(manifest.read_text())
    del said["tables"]["score"]
    manifest.write_text(json.dumps(said))
    assert values(open_database(tmp_path / "export", create=False)) == []
    write_scores(database, [score()])
    export_store(database, tmp_path / "export")
    assert values(open_database(tmp_path / "export", create=False)) == [0.5]


def test_faults_are_found(database: Database) -> None:
    write_scores(database, [score()])
    assert find_faults(database) == []
    with database.begin() as connection:
        connection.exec_driver_sql("INSERT INTO score FROM score")
        connection.exec_driver_sql(
            "INSERT INTO score SELECT * REPLACE ('lab/b' AS model, 'inf'::DOUBLE AS value) "
            "FROM score LIMIT 1"
        )
    found = [(fault.fault, fault.table, fault.rows) for fault in find_faults(database)]
    assert found == [("rows twice", "score", 1), ("impossible scores", "score", 1)]


def test_the_migration_can_be_taken_back(path: Path, database: Database) -> None:
    write_run(database, make_run())
    with writing(path, 1.0) as connection:
        command.downgrade(migration.alembic_config(connection), "0012")
        command.upgrade(migration.alembic_config(connection), migration.HEAD)
    assert write_scores(database, [score()]).new == 1


def test_a_score_is_what_its_fields_are() -> None:
    given = score(revision="v2", step=3)
    assert given.key == ("lab/a", "v2", 3, "acc")
    assert given.whose == "lab/a@v2"
    assert dataclasses.replace(given, revision=None).whose == "lab/a at step 3"
    assert score().whose == "lab/a"
