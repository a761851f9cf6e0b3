"""What the newest run lacks of an earlier one is said, and never filled in silently."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from embstore.api.store import Store
from embstore.asking.out_of_sight import find_lost, hiding
from embstore.errors import QueryError
from embstore.store import ids
from embstore.types import Run
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, METRICS, make_run

LATER = datetime(2026, 11, 3, tzinfo=UTC)
FEW = METRICS[:1]


def id_of(run: Run) -> str:
    return ids.run_id(ids.configuration_id_of(run), run.repeat)


def with_facts(run: Run, **facts: object) -> Run:
    return replace(run, configuration=replace(run.configuration, **facts))  # type: ignore[arg-type]


OLD = make_run(name="a", tokens=1024)
NEW = make_run(name="a", tokens=512, created_at=LATER, metrics=FEW)
ONLY = make_run(name="b", tokens=512)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Model a was measured again, with other windows and of three metrics the first alone."""
    folder = tmp_path_factory.mktemp("lost")
    return Store(new_store(folder / "s.duckdb", [OLD, NEW, ONLY]))


def said(metric: str) -> str:
    old, new = id_of(OLD)[:8], id_of(NEW)[:8]
    return (
        f"{metric} is not in the newest run of a, main ({new}, 512 tokens), but in an earlier one "
        f"({old}, 1,024 tokens): ask that as embstore query layer_profile -p metric={metric} "
        f"-p runs={old}, or measure it over the newest run's tokens too"
    )


def test_an_empty_answer_and_chart_name_the_earlier_run(store: Store) -> None:
    answer = store.query("layer_profile", metric="twonn", models=["a"])
    assert answer.why_empty == (
        f"nothing in {store.place} fits metric=twonn, models=a: {said('twonn')}"
    )
    assert answer.notes == ()
    with pytest.raises(QueryError, match="is not in the newest run of a, main"):
        store.chart("layer_profile", metric="twonn", models=["a"])


def test_the_command_that_is_named_gives_that_run(store: Store) -> None:
    answer = store.query("layer_profile", metric="twonn", runs=id_of(OLD)[:8])
    assert set(answer["run_id"].to_pylist()) == {id_of(OLD)}
    assert not [note for note in answer.notes if "newest" in note]


@pytest.mark.parametrize("name", ["layer_profile", "peak_layer", "depth_grid"])
def test_an_answer_about_others_says_who_is_missing(store: Store, name: str) -> None:
    answer = store.query(name, metric="twonn")
    assert set(answer["model"].to_pylist()) == {"b"}
    assert f"{said('twonn')}." in answer.notes


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("layer_profile", {}),
        ("layer_profile", {"metric": "twonn", "models": ["b"]}),
        # All runs are in these.
        ("provenance", {"metric": "twonn"}),
        ("runs", {}),
    ],
)
def test_where_nothing_is_lost_nothing_is_said(
    store: Store, name: str, params: dict[str, object]
) -> None:
    assert not [note for note in store.query(name, **params).notes if "newest run" in note]


def test_columns_that_are_metrics_count(store: Store) -> None:
    (note,) = [note for note in store.query("layers").notes if "newest run" in note]
    assert note.startswith("mean_cosine, twonn are not in the newest run of a, main")


def test_a_question_about_training_is_not_told_of_a_run_without_a_step(store: Store) -> None:
    why = store.query("phases", models=["a"]).why_empty
    assert why.endswith("fits models=a: no checkpoint with a training step")


def test_scopes_and_errors_are_lost_too(tmp_path: Path) -> None:
    new = with_facts(make_run(name="a", seed=1, created_at=LATER), scopes="all", intervals=False)
    store = Store(new_store(tmp_path / "s.duckdb", [OLD, new]))
    (lost,) = find_lost(store._database)
    assert lost.things == ["scope no_first", "scope no_sinks", "errors"]
    (note,) = [note for note in store.query("layer_profile").notes if "newest run" in note]
    assert note.startswith("scope no_sinks is not in the newest run of a, main")
    (line,) = hiding(store._database, {id_of(new): "a@main"})
    assert "lacks scope no_first, scope no_sinks, errors of an earlier one" in line


def test_an_ingest_is_told_what_its_run_hides(store: Store) -> None:
    old, new = id_of(OLD)[:8], id_of(NEW)[:8]
    assert hiding(store._database, {id_of(NEW): "a@main", id_of(ONLY): "b@main"}) == [
        f"questions look at the newest run, and a@main ({new}, 512 tokens) lacks mean_cosine, "
        f"twonn of an earlier one ({old}, 1,024 tokens); measure that over the newest run's "
        "tokens too, or ask the earlier one as embstore query layer_profile -p metric=mean_cosine "
        f"-p runs={old}"
    ]
    assert hiding(store._database, {id_of(ONLY): "b@main"}) == []


def test_an_ingest_of_what_is_stored_is_told_that_a_later_run_hides_it(store: Store) -> None:
    old, new = id_of(OLD)[:8], id_of(NEW)[:8]
    assert hiding(store._database, {id_of(OLD): "a@main"}) == [
        f"questions look at a later run ({new}, 512 tokens) than that of a@main ({old}), over the "
        f"same text; ask this one as embstore query layer_profile -p runs={old}, or measure it "
        "again with --force (in Python force=True)"
    ]


def test_many_are_counted(tmp_path: Path) -> None:
    runs = [
        make_run(revision=f"step{step}", step=step, tokens=tokens, metrics=metrics, created_at=at)
        for step in range(3)
        for tokens, metrics, at in (
            (1024, ALL_METRICS, OLD.provenance.created_at),
            (512, FEW, LATER),
        )
    ]
    store = Store(new_store(tmp_path / "s.duckdb", runs))
    why = store.query("dimension_by_step", metric="twonn").why_empty
    assert "of example/decoder-small, step0 (" in why
    assert ", and so for 2 more checkpoints: ask that as" in why
    (line,) = hiding(store._database, {id_of(run): run.checkpoint.revision for run in runs[1::2]})
    assert "and 7 more of an earlier one" in line
    assert ", and so for 2 more checkpoints; measure that" in line


def test_the_last_measured_of_several_that_have_it_is_named(tmp_path: Path) -> None:
    middle = make_run(name="a", seed=3, created_at=datetime(2026, 11, 2, 12, tzinfo=UTC))
    store = Store(new_store(tmp_path / "s.duckdb", [OLD, middle, NEW]))
    assert f"-p runs={id_of(middle)[:8]}" in store.query("layer_profile", metric="twonn").why_empty
