"""Which models are seeds of one another, told later: with tags, merging, exports, old stores."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from embstore.api.store import open_store
from embstore.errors import QueryError, UsageError
from embstore.store import migration
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.exports.exporting import export_store
from embstore.store.mending.find_runs import Selection
from embstore.store.mending.grouping import Grouped, group_models
from embstore.store.mending.merging import import_export, merge_stores
from embstore.store.mending.removing import remove_runs
from embstore.store.mending.renaming import rename_model
from embstore.store.mending.tagging import tag_run
from embstore.store.writing import write_run, write_runs
from tests.queries.asking import ask
from tests.store.contents import contents, rows
from tests.store.old_stores import SCHEMAS, unpack
from tests.stores import new_store
from tests.synthetic import make_run

pytestmark = pytest.mark.slow

GROUPS = (
    "SELECT model.name, model_group.seed_group FROM model_group JOIN model USING (model_id) "
    "ORDER BY ALL"
)


def groups(database: Database) -> dict[str, Any]:
    return {str(row["name"]): row["seed_group"] for row in rows(database, GROUPS)}


@pytest.fixture
def seeds(database: Database) -> Database:
    steps = [make_run(name=name, revision=f"step{n}", step=n) for name in "abc" for n in (1, 2)]
    write_runs(database, steps)
    return database


def test_models_are_told_moved_and_taken_out(seeds: Database) -> None:
    assert group_models(seeds, ["a", "b"], "lab/g") == (Grouped("a", None), Grouped("b", None))
    assert groups(seeds) == {"a": "lab/g", "b": "lab/g"}
    assert group_models(seeds, ["c", "b", "b"], "h") == (Grouped("c", None), Grouped("b", "lab/g"))
    assert groups(seeds) == {"a": "lab/g", "b": "h", "c": "h"}
    assert group_models(seeds, ["a", "b"], None) == (Grouped("a", "lab/g"), Grouped("b", "h"))
    assert groups(seeds) == {"c": "h"}


def test_what_is_so_already_changes_nothing(seeds: Database) -> None:
    group_models(seeds, ["a", "b"], "g")
    before = contents(seeds)
    assert group_models(seeds, ["a", "b"], "g") == (Grouped("a", "g"), Grouped("b", "g"))
    group_models(seeds, ["c"], None)
    assert contents(seeds) == before


def test_the_last_word_counts_of_whichever_run(database: Database) -> None:
    days = [datetime(2026, 11, day, tzinfo=UTC) for day in (2, 3, 4)]
    first, second = (
        write_run(
            database,
            make_run(
                name="a",
                revision=f"step{n}",
                step=n,
                created_at=days[n],
                tags={"seed_group": f"g{n}"},
            ),
        )
        for n in (1, 2)
    )
    assert groups(database) == {"a": "g2"}
    # Said now, after both.
    tag_run(database, first, {"seed_group": "g3"})
    assert groups(database) == {"a": "g3"}
    tag_run(database, second, {"seed_group": None})
    assert groups(database) == {}


def test_a_checkpoint_that_is_measured_later_is_in_the_group_too(seeds: Database) -> None:
    group_models(seeds, ["a", "b"], "g")
    write_runs(seeds, [make_run(name=name, revision="step3", step=3) for name in "ab"])
    found = ask(seeds, "anisotropy_by_step", models="g", scopes="all")
    assert [(row["step"], row["n_seeds"]) for row in found] == [(1, 2), (2, 2), (3, 2)]


def test_a_renamed_model_stays_in_its_group(seeds: Database) -> None:
    group_models(seeds, ["a", "b"], "g")
    rename_model(seeds, "a", "lab/new")
    assert groups(seeds) == {"lab/new": "g", "b": "g"}
    found = ask(seeds, "layer_profile", models=["lab/new", "b"], revisions="step1")
    assert {row["series"] for row in found} == {"g · 2 seeds"}


def test_with_its_runs_a_model_leaves_the_group(seeds: Database) -> None:
    group_models(seeds, ["a", "b", "c"], "g")
    remove_runs(seeds, Selection(models=["c"]))
    assert groups(seeds) == {"a": "g", "b": "g"}
    # Any run of a model says what all of them do.
    remove_runs(seeds, Selection(models=["a"], revisions=["step1"]))
    assert groups(seeds) == {"a": "g", "b": "g"}
    found = ask(seeds, "anisotropy_by_step", scopes="all")
    assert [(row["series"], row["n_seeds"]) for row in found] == [
        *(("g · 2 seeds", 1), ("g · 2 seeds", 2))
    ]
    remove_runs(seeds, Selection(models=["a", "b"]))
    assert groups(seeds) == {}
    assert rows(seeds, "SELECT * FROM tag_change") == []


def test_merging_brings_groups_and_the_last_word_counts(seeds: Database, tmp_path: Path) -> None:
    run = make_run(name="a", revision="step1", step=1)
    other = new_store(tmp_path / "other.duckdb", [run, make_run(name="d")])
    group_models(seeds, ["a", "b"], "mine")
    group_models(other, ["a", "d"], "theirs")
    merge_stores(seeds, [other.path])
    assert groups(seeds) == {"a": "theirs", "b": "mine", "d": "theirs"}
    before = contents(seeds)
    merge_stores(seeds, [other.path])
    assert contents(seeds) == before
    # The other way round it is the same.
    merge_stores(other, [seeds.path])
    assert groups(other) == groups(seeds)


def test_an_export_has_the_groups(seeds: Database, tmp_path: Path) -> None:
    group_models(seeds, ["a", "b"], "g")
    export_store(seeds, tmp_path / "export")
    lies = open_database(tmp_path / "export", create=False)
    assert groups(lies) == {"a": "g", "b": "g"}
    assert ask(lies, "layer_profile") == ask(seeds, "layer_profile")
    # Told after the export.
    group_models(seeds, ["b"], None)
    group_models(seeds, ["c"], "g")
    export_store(seeds, tmp_path / "export")
    taken = new_store(tmp_path / "taken.duckdb")
    import_export(taken, tmp_path / "export")
    assert groups(taken) == {"a": "g", "c": "g"} == groups(seeds)


def test_among_runs_with_a_tag_groups_are_those_of_these_runs(tmp_path: Path) -> None:
    runs = [
        make_run(name=name, tags={"seed_group": "g", "lab": lab})
        for name, lab in (("a", "x"), ("b", "x"), ("c", "y"))
    ]
    path = new_store(tmp_path / "s.duckdb", runs).path
    found = open_store(path, tags={"lab": "x"}).query("layer_profile").to_pylist()
    assert {row["series"] for row in found} == {"g · 2 seeds"}


@pytest.mark.parametrize("schema", [SCHEMAS[0], "0006", "0012"])
def test_an_old_store_is_migrated_to_be_told_and_asked_without(schema: str, path: Path) -> None:
    unpack(schema, path)
    before = path.read_bytes()
    store = open_store(path)
    names = ["example/encoder", "example/both"]
    assert {row["seed_group"] for row in store.query("models").to_pylist()} == {None}
    with pytest.raises(QueryError, match="no model 'nothing'"):
        store.group("g", "nothing")
    assert path.read_bytes() == before
    store.group("g", *names)
    assert open_database(path).schema() == migration.HEAD
    said = {row["model"]: row["seed_group"] for row in store.query("models").to_pylist()}
    assert said == {**dict.fromkeys(names, "g"), "example/series": None}
    # An encoder is no seed of an encoder-decoder.
    answer = store.query("layer_profile")
    assert {row["n_seeds"] for row in answer.to_pylist()} == {None}
    assert any("no two of them were measured alike" in note for note in answer.notes)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "the group's name is empty; give one line"),
        ("  ", "the group's name is empty"),
        (" g", r"' g' cannot be a group's name; give one line without space around it"),
        ("g\n", "cannot be a group's name"),
        ("a\x1b[2Jb", r"'a\\x1b\[2Jb' cannot be a group's name"),
        ("\ud800", "cannot be a group's name"),
        ("g" * 201, "the group's name has 201 characters; give 200 or fewer"),
    ],
)
def test_what_cannot_be_a_groups_name_is_refused(seeds: Database, name: str, message: str) -> None:
    before = contents(seeds)
    with pytest.raises(UsageError, match=message):
        group_models(seeds, ["a"], name)
    if name:
        with pytest.raises(UsageError, match=r"group|UTF-8"):
            tag_run(seeds, str(rows(seeds, "SELECT run_id FROM run")[0]["run_id"]), {
                "seed_group": name
            })  # fmt: skip
    assert contents(seeds) == before


def test_who_is_not_there_is_refused_and_nobody_else_told(seeds: Database) -> None:
    before = contents(seeds)
    with pytest.raises(QueryError, match=r"no model 'd' in this store.*it has a, b, c"):
        group_models(seeds, ["a", "d"], "g")
    with pytest.raises(UsageError, match="no model is named"):
        group_models(seeds, [], "g")
    assert contents(seeds) == before
