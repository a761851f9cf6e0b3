"""Merging: a union by ids, all of it or nothing, whatever the order."""

import dataclasses
import itertools
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from alembic import command
from hypothesis import given, settings
from hypothesis import strategies as st

from embstore.errors import StoreError, StoreVersionError
from embstore.store import migration
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.duplicates import mark
from embstore.store.exports.exporting import export_store
from embstore.store.mending.merged import Merged
from embstore.store.mending.merging import import_export, merge_stores
from embstore.store.mending.renaming import rename_model
from embstore.store.mending.tagging import tag_run
from embstore.store.session import writing
from embstore.store.writing import write_failure, write_run
from embstore.types import Run
from tests.holding import held
from tests.store.contents import contents, counts, rows
from tests.stores import file_database, new_store, spoil
from tests.synthetic import METRICS, make_failure, make_run, with_weights

pytestmark = pytest.mark.slow

START = datetime(2026, 11, 1, tzinfo=UTC)


def runs_of(merged: Merged) -> tuple[int, int, int]:
    return merged.new, merged.known, merged.measured_twice


@pytest.fixture
def other(tmp_path: Path) -> Database:
    database = new_store(
        tmp_path / "other.duckdb",
        [make_run(), make_run(name="lab/other", kind="encoder-decoder"), make_run(corpus="verse")],
    )
    write_failure(database, make_failure())
    return database


def test_what_is_lacking_is_taken_in_and_nothing_twice(database: Database, other: Database) -> None:
    write_run(database, make_run())
    (merged,) = merge_stores(database, [other.path])
    assert runs_of(merged) == (2, 1, 0)
    assert merged.sentence == "2 runs new, 1 already there"
    assert contents(database) == contents(other)
    before = database.path.read_bytes()
    assert runs_of(merge_stores(database, [other.path])[0]) == (0, 3, 0)
    assert contents(database) == contents(other)
    assert len(database.path.read_bytes()) == len(before)


PROFILES = "SELECT run_id, count(*) AS n FROM profile GROUP BY run_id"


def test_views_answer_over_both(database: Database, other: Database) -> None:
    write_run(database, make_run(seed=1))
    both = {row["run_id"]: row["n"] for store in (database, other) for row in rows(store, PROFILES)}
    merge_stores(database, [other.path])
    assert len(both) == 4
    assert {row["run_id"]: row["n"] for row in rows(database, PROFILES)} == both


def test_into_a_store_that_is_not_there(tmp_path: Path, other: Database) -> None:
    made = open_database(tmp_path / "made.duckdb", lazy=True)
    assert runs_of(merge_stores(made, [other.path], dry_run=True)[0]) == (3, 0, 0)
    assert not made.path.exists()
    merge_stores(made, [other.path])
    assert contents(made) == contents(other)


def test_with_itself_under_any_name_nothing_happens(tmp_path: Path, other: Database) -> None:
    (tmp_path / "link.duckdb").symlink_to(other.path)
    (tmp_path / "hard.duckdb").hardlink_to(other.path)
    before = other.path.read_bytes(), contents(other)
    names = [other.path, tmp_path / "link.duckdb", tmp_path / "hard.duckdb"]
    for dry_run in (False, True):
        found = merge_stores(other, names, dry_run=dry_run)
        assert [runs_of(merged) for merged in found] == [(0, 3, 0)] * 3
    assert (other.path.read_bytes(), contents(other)) == before


def test_several_at_once_count_in_turn(database: Database, other: Database, tmp_path: Path) -> None:
    third = new_store(tmp_path / "third.duckdb", [make_run(), make_run(seed=7)])
    paths = [other.path, third.path, other.path]
    expected = [(3, 0, 0), (1, 1, 0), (0, 3, 0)]
    told = merge_stores(database, paths, dry_run=True)
    assert [runs_of(merged) for merged in told] == expected
    assert set(counts(database).values()) == {0}
    done = merge_stores(database, paths)
    assert told == done
    assert counts(database)["run"] == 4


def test_a_run_measured_in_both_keeps_the_numbers_that_were_first(
    database: Database, tmp_path: Path
) -> None:
    mine = make_run(values=lambda *_: 1.0)
    theirs = make_run(values=lambda *_: 2.0, created_at=START)
    write_run(database, mine)
    other = new_store(tmp_path / "other.duckdb", [theirs])
    (merged,) = merge_stores(database, [other.path])
    assert runs_of(merged) == (0, 1, 1)
    assert "1 of them measured in both stores: the numbers that were there first are kept" in (
        merged.sentence
    )
    assert rows(database, "SELECT DISTINCT value FROM measurement") == [{"value": 1.0}]
    assert counts(database)["measurement"] == len(mine.measured.measurements)


def test_another_version_of_a_metric_is_another_run_and_both_definitions_stay(
    database: Database, tmp_path: Path
) -> None:
    raised = dataclasses.replace(METRICS[0], version=2, formula="another")
    write_run(database, make_run())
    newer = dataclasses.replace(make_run(), metrics=(raised, *METRICS[1:]))
    other = new_store(tmp_path / "other.duckdb", [newer])
    assert runs_of(merge_stores(database, [other.path])[0]) == (1, 0, 0)
    versions = rows(
        database, "SELECT version, formula FROM metric WHERE name = 'anisotropy' ORDER BY version"
    )
    assert versions == [
        {"version": 1, "formula": METRICS[0].formula},
        {"version": 2, "formula": "another"},
    ]
    assert counts(database)["metric"] == len(METRICS) + 1


def test_the_same_weights_under_another_name_are_another_model(
    database: Database, tmp_path: Path
) -> None:
    run = make_run()
    write_run(database, run)
    renamed = dataclasses.replace(run, model=dataclasses.replace(run.model, name="lab/copy"))
    other = new_store(tmp_path / "other.duckdb", [renamed])
    assert runs_of(merge_stores(database, [other.path])[0]) == (1, 0, 0)
    found = rows(database, "SELECT DISTINCT model FROM profile ORDER BY model")
    assert [row["model"] for row in found] == ["example/decoder-small", "lab/copy"]
    # Copies are marked within one model only, as an ingest does.
    assert rows(database, "SELECT DISTINCT duplicate_of FROM checkpoint") == [
        {"duplicate_of": None}
    ]


def test_different_models_of_one_name_are_told(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mine = make_run(name="output")
    write_run(database, mine)
    theirs = [make_run(name="output", n_layers=2, revision="b"), make_run(name="lab/x")]
    other = new_store(tmp_path / "other.duckdb", theirs)
    for dry_run in (True, False):
        caplog.clear()
        (merged,) = merge_stores(database, [other.path], dry_run=dry_run)
        assert merged.namesakes == ("output",)
        (note,) = (record.message for record in caplog.records)
        assert note.startswith(f"{other.path}: different models are called 'output'")
        assert "`embstore rename` before merging" in note
    caplog.clear()
    merge_stores(database, [other.path])
    # Another checkpoint of the same model is nothing to tell, nor one that has been renamed.
    third = new_store(tmp_path / "third.duckdb", [mine, make_run(name="lab/x", revision="c")])
    rename_model(third, "lab/x", "output 2")
    merge_stores(database, [third.path])
    assert caplog.records == []


def test_facts_of_a_model_that_differ_make_no_orphans(database: Database, tmp_path: Path) -> None:
    """A checkpoint that another embstore found to be of another architecture has the same id."""
    run = make_run()
    write_run(database, run)
    counted_otherwise = dataclasses.replace(
        make_run(seed=1), model=dataclasses.replace(run.model, n_parameters=7)
    )
    other = new_store(tmp_path / "other.duckdb", [counted_otherwise])
    merge_stores(database, [other.path])
    found = counts(database)
    assert (found["run"], found["checkpoint"], found["model"]) == (2, 1, 1)
    assert rows(database, "SELECT count(DISTINCT run_id) AS n FROM profile") == [{"n": 2}]


def at(day: int, revision: str, weights: str = "same") -> Run:
    run = make_run(revision=revision, created_at=START + timedelta(days=day))
    return with_weights(run, weights)


def copies(database: Database) -> dict[object, object]:
    found = rows(
        database,
        "SELECT c.revision, o.revision AS original FROM checkpoint AS c "
        "LEFT JOIN checkpoint AS o ON o.checkpoint_id = c.duplicate_of "
        "WHERE c.duplicate_of IS NULL OR o.checkpoint_id IS NOT NULL",
    )
    return {row["revision"]: row["original"] for row in found}


def test_copies_are_of_the_checkpoint_that_was_measured_first(tmp_path: Path) -> None:
    pieces = [[at(2, "step2"), at(3, "step3")], [at(1, "step1"), at(4, "other", "others")]]
    for number, order in enumerate((pieces, pieces[::-1])):
        one, two = (
            new_store(tmp_path / f"{number}{name}.duckdb", runs)
            for name, runs in zip("ab", order, strict=True)
        )
        merge_stores(one, [two.path])
        assert copies(one) == {"step1": None, "step2": "step1", "step3": "step1", "other": None}


@pytest.mark.parametrize("days", list(itertools.permutations(range(3))))
def test_the_order_of_storing_does_not_count(path: Path, days: tuple[int, ...]) -> None:
    """One that was kept aside while the store could not be written comes late."""
    database = new_store(path, [at(day, f"step{day}") for day in days])
    assert copies(database) == {"step0": None, "step1": "step0", "step2": "step0"}


def test_copies_known_by_the_fingerprint_of_files_stay_known(tmp_path: Path) -> None:
    """Earlier versions stored that: the mark alone ties such checkpoints together."""
    older, newer = at(1, "step1", "of the files"), at(2, "step2", "of the tensors")
    files = dataclasses.replace(newer.checkpoint, files_sha256="of the files")
    one = new_store(tmp_path / "one.duckdb", [older, dataclasses.replace(newer, checkpoint=files)])
    assert copies(one) == {"step1": None, "step2": "step1"}
    two = new_store(tmp_path / "two.duckdb", [at(0, "step0", "of the tensors")])
    merge_stores(two, [one.path])
    assert copies(two) == {"step0": None, "step1": "step0", "step2": "step0"}


def older_store(path: Path, runs: Iterable[Run], revision: str) -> Path:
    new_store(path, runs)
    with writing(path, 1) as connection:
        command.downgrade(migration.alembic_config(connection), revision)
    return path


@pytest.mark.parametrize("revision", ["0001", "0003", "0005"])
def test_an_older_store_is_read_from_a_copy(
    database: Database, tmp_path: Path, revision: str
) -> None:
    runs = [make_run(), make_run(seed=1)]
    old = older_store(tmp_path / "old.duckdb", runs, revision)
    # Numbers that are still in the log beside the file.
    with duckdb.connect(old) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute("UPDATE corpus SET name = 'in the log'")
    log = old.with_name("old.duckdb.wal")
    before = old.read_bytes(), log.read_bytes()
    assert runs_of(merge_stores(database, [old])[0]) == (2, 0, 0)
    assert (old.read_bytes(), log.read_bytes()) == before
    assert rows(database, "SELECT name FROM corpus") == [{"name": "in the log"}]
    assert counts(database)["measurement"] == 2 * len(runs[0].measured.measurements)


def test_what_is_no_store_is_refused_and_nothing_is_taken_in(
    database: Database, other: Database, tmp_path: Path
) -> None:
    (tmp_path / "text.duckdb").write_text("not a store")
    (tmp_path / "folder").mkdir()
    with duckdb.connect(tmp_path / "foreign.duckdb") as connection:
        connection.execute("CREATE TABLE shop (i INT)")
    newer = new_store(tmp_path / "newer.duckdb", [make_run()]).path
    with duckdb.connect(newer) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for name, says, kind in (
        ("missing.duckdb", "no store at", StoreError),
        ("text.duckdb", "not a DuckDB file", StoreError),
        ("folder", "is a directory", StoreError),
        ("foreign.duckdb", "not an embstore store", StoreError),
        ("newer.duckdb", "has schema 9999, newer than", StoreVersionError),
    ):
        for dry_run in (False, True):
            with pytest.raises(kind, match=rf"{tmp_path / name}.*") as caught:
                merge_stores(database, [other.path, tmp_path / name], dry_run=dry_run)
            assert says in str(caught.value)
            assert "\n" not in str(caught.value)
    assert set(counts(database).values()) == {0}


def test_an_address_can_only_be_asked(database: Database) -> None:
    for address in ("https://host/geometry", "HTTP://host/geometry"):
        says = f"^{address} is an address, which can"
        with pytest.raises(StoreError, match=f"{says} be asked only"):
            merge_stores(database, [Path(address)])
        with pytest.raises(StoreError, match=f"{says} be asked only"):
            import_export(database, address)
        with pytest.raises(StoreError, match=f"{says}not be written to"):
            export_store(database, Path(address))


def test_a_damaged_store_is_named_and_no_empty_one_is_left(tmp_path: Path, other: Database) -> None:
    damaged = new_store(tmp_path / "damaged.duckdb", [make_run(n_layers=500)]).path
    spoil(damaged)
    says = f"^{damaged} could not be read .*: restore it from a copy$"
    made = open_database(tmp_path / "made.duckdb", lazy=True)
    with pytest.raises(StoreError, match=says):
        merge_stores(made, [other.path, damaged])
    assert not made.path.exists()
    with pytest.raises(StoreError, match=says):
        export_store(open_database(damaged), tmp_path / "ex")
    # The one that is merged into may be the damaged one.
    with pytest.raises(StoreError, match=f"^{damaged} could not be .*: restore it from a copy$"):
        open_database(damaged).select("SELECT bit_xor(hash(m)) FROM measurement AS m")


def test_one_that_is_held_is_named_with_its_holder(database: Database, other: Database) -> None:
    with (
        held(other.path) as holder,
        pytest.raises(StoreError, match=rf"{other.path} is locked by process {holder.pid}"),
    ):
        merge_stores(file_database(database.path, timeout=0.1), [other.path])
    assert runs_of(merge_stores(database, [other.path])[0]) == (3, 0, 0)


def test_a_failure_in_the_last_store_takes_back_the_first(
    database: Database, other: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = new_store(tmp_path / "third.duckdb", [make_run(seed=7)])

    def fail(*arguments: object) -> None:
        mark(*arguments)  # type: ignore[arg-type]
        if len(done) == 1:
            raise ZeroDivisionError
        done.append(arguments)

    done: list[object] = []
    monkeypatch.setattr("embstore.store.duplicates.mark", fail)
    with pytest.raises(ZeroDivisionError):
        merge_stores(database, [other.path, third.path])
    assert set(counts(database).values()) == {0}


def test_failures_are_taken_in_once(database: Database, other: Database) -> None:
    write_failure(database, make_failure(study="tiny"))
    for _ in range(2):
        merge_stores(database, [other.path])
        assert counts(database)["failure"] == 2


def test_tags_of_both_stores_hold_and_the_last_counts(tmp_path: Path) -> None:
    one, two = (new_store(tmp_path / name, [make_run(tags={"lab": "a"})]) for name in "ab")
    (run_id,) = [row["run_id"] for row in rows(one, "SELECT run_id FROM run")]
    tag_run(one, str(run_id), {"x": "1", "y": "1", "lab": None})
    tag_run(two, str(run_id), {"x": "2", "z": "2"})
    merge_stores(one, [two.path])
    merge_stores(two, [one.path])
    assert contents(one) == contents(two)
    for database in (one, two):
        assert rows(database, "SELECT key, value FROM run_tag ORDER BY key") == [
            *({"key": "x", "value": "2"}, {"key": "y", "value": "1"}),
            {"key": "z", "value": "2"},
        ]
    assert rows(one, "SELECT count(*) AS n FROM tag_change") == [{"n": 5}]
    # Those of runs that are not here do not come along.
    third = new_store(tmp_path / "c", [make_run(seed=9)])
    with third.begin() as connection:
        connection.exec_driver_sql("INSERT INTO tag_change VALUES ('gone', 'k', 'v', now())")
    merge_stores(one, [third.path])
    assert rows(one, "SELECT count(*) AS n FROM tag_change") == [{"n": 5}]


RUNS = [
    *(at(day, f"step{day}", weights) for day in range(2) for weights in ("a", "b")),
    *(make_run(name=name, n_layers=1, seed=1) for name in ("x", "y")),
    make_run(n_layers=1, corpus="verse"),
]
# By their place: a run written out takes pages.
SOME = st.lists(st.sampled_from(range(len(RUNS))), max_size=5)


@settings(max_examples=8, deadline=None)
@given(SOME, SOME, SOME)
def test_merging_is_a_union(
    tmp_path_factory: pytest.TempPathFactory, a: list[int], b: list[int], c: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("union")
    one, two, three = (
        new_store(folder / name, [RUNS[place] for place in places])
        for name, places in zip("abc", (a, b, c), strict=True)
    )
    other_way = open_database(shutil.copy(two.path, folder / "d"))
    merge_stores(one, [two.path, three.path])
    merge_stores(other_way, [three.path])
    merge_stores(other_way, [folder / "a"])
    assert contents(one) == contents(other_way)
    union = {run["run_id"] for run in rows(one, "SELECT run_id FROM run")}
    assert len(union) == len({*a, *b, *c})
    before = contents(one)
    merge_stores(one, [folder / name for name in "bcd"])
    assert contents(one) == before


def test_a_store_may_be_called_like_anything(tmp_path: Path) -> None:
    names = ("other_0", "other", "main", "store", "lake")
    stores = [new_store(tmp_path / f"{name}.duckdb", [make_run(name=name)]) for name in names]
    for target in stores:
        merge_stores(target, [one.path for one in stores])
        assert counts(target)["run"] == len(names)
