"""Runs of shuffled text stand beside those of the text as it is, and are never mixed with them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import embstore
from embstore.api.store import Store
from embstore.asking.ask import readable_questions
from embstore.comparison.stored import Comparison, compare_stored
from embstore.store.connection import open_database
from embstore.store.scores import write_scores
from embstore.types import LayerKey, Measurement, Run
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, bell, make_run, make_scores, with_effects

pytestmark = pytest.mark.slow

EARLY = datetime(2026, 11, 2, tzinfo=UTC)
# So far from the numbers of a model that any mean or peak would show it.
FAR = 1000.0
SHOW_CONTROLS = {
    *("layer_profile", "dimension_profile", "gride_profile", "mean_by_size", "shuffled_text"),
    "loss_correlation",
}
# They count or list runs, checkpoints and what was said of them, whatever these read.
OF_RUNS = {
    *("runs", "checkpoints", "provenance", "models", "failures", "duplicate_checkpoints"),
    "scores",
}


def far(metric: str, key: LayerKey, scope: str, depth: float) -> float | None:
    value = bell(metric, key, scope, depth)  # type: ignore[arg-type]
    return None if value is None else FAR + value


def models_own() -> list[Run]:
    """A series of a model, and two others, one of them measured over less text before."""
    series = [
        make_run(
            name="lab/series", revision=f"step{n}", step=n, metrics=ALL_METRICS, created_at=EARLY
        )
        for n in (1, 10, 100)
    ]
    others = [
        make_run(name=f"lab/{name}", kind="encoder", metrics=ALL_METRICS, created_at=EARLY)
        for name in ("other", "third")
    ]
    # Of that name a paper has published values.
    published = make_run(
        name="openai-community/gpt2",
        n_layers=12,
        hidden_size=768,
        metrics=ALL_METRICS,
        created_at=EARLY,
    )
    small = make_run(
        name="lab/third", kind="encoder", metrics=ALL_METRICS, tokens=128,
        created_at=EARLY - timedelta(days=1),
    )  # fmt: skip
    return [*series, *others, published, small]


def controls() -> list[Run]:
    """Measured later, with larger numbers, of more tokens."""
    return [
        replace(run, configuration=replace(run.configuration, shuffle=shuffle))
        for of_model in models_own()
        for shuffle in ("words", "tokens", "tokens:64")
        for run in [
            make_run(
                name=of_model.model.name,
                kind=of_model.model.kind,
                revision=of_model.checkpoint.revision,
                step=of_model.checkpoint.step,
                n_layers=12 if of_model.model.name.endswith("gpt2") else 4,
                hidden_size=768 if of_model.model.name.endswith("gpt2") else 8,
                metrics=ALL_METRICS,
                values=far,
                tokens=512,
                created_at=EARLY + timedelta(days=1),
                shuffle=shuffle,
            )
        ]
    ]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Store]:
    """A store without controls, and the same with them."""
    folder = tmp_path_factory.mktemp("stores")
    databases = [
        new_store(folder / "without.duckdb", models_own()),
        new_store(folder / "with.duckdb", [*models_own(), *controls()]),
    ]
    for database in databases:
        write_scores(database, make_scores(*models_own()))
    without, having = (embstore.open(database.place) for database in databases)
    return without, having


@pytest.mark.parametrize("name", sorted(set(readable_questions()[0]) - SHOW_CONTROLS - OF_RUNS))
def test_no_answer_about_models_changes_when_controls_are_stored(
    stores: tuple[Store, Store], name: str
) -> None:
    without, having = (store.query(name) for store in stores)
    assert without.table.num_rows
    for row, expected in zip(having.table.to_pylist(), without.table.to_pylist(), strict=True):
        assert row == {
            column: pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True)
            if isinstance(value, float)
            else value
            for column, value in expected.items()
        }
    assert having.notes == without.notes


@pytest.mark.parametrize(
    "view", ["latest_run", "profile_latest", "named_run", "named_profile", "training_profile"]
)
def test_no_view_of_models_has_controls(stores: tuple[Store, Store], view: str) -> None:
    without, having = (store.sql(f"SELECT * FROM {view} ORDER BY ALL").table for store in stores)
    assert without.num_rows
    assert having.equals(without)


def test_profiles_show_controls_as_series_of_their_own(stores: tuple[Store, Store]) -> None:
    _, store = stores
    for name in ("layer_profile", "dimension_profile"):
        rows = store.query(name, models=["lab/other"]).table.to_pylist()
        series = {row["series"]: row["shuffle"] for row in rows}
        assert series == {
            "lab/other": "none",
            "lab/other · words shuffled": "words",
            "lab/other · tokens shuffled": "tokens",
            "lab/other · blocks of 64 tokens shuffled": "tokens:64",
        }
        assert next(iter(series)) == "lab/other"
        for row in rows:
            assert (row["value"] is None or row["value"] > FAR) == (row["shuffle"] != "none")
        plain = store.query(name, controls=False).table
        assert plain.equals(stores[0].query(name).table)


def test_only_the_latest_of_each_way_of_shuffling_is_shown(tmp_path: Path) -> None:
    times = [EARLY + timedelta(days=n) for n in range(4)]
    runs = [
        make_run(created_at=times[0], shuffle="words"),
        make_run(created_at=times[1]),
        make_run(created_at=times[2], shuffle="words", seed=1),
        make_run(created_at=times[3], shuffle="tokens"),
    ]
    store = embstore.open(new_store(tmp_path / "store.duckdb", runs).place)
    found = store.query("runs").table.to_pylist()
    assert [(row["shuffle"], row["latest"]) for row in found] == [
        *(("tokens", True), ("words", True), ("none", True), ("words", False))
    ]
    shown = store.query("layer_profile").table
    assert len(shown["series"].unique()) == 3
    assert not any(" · run " in name for name in shown["series"].unique().to_pylist())


def test_shuffled_text_is_laid_beside_the_text_as_it_is(stores: tuple[Store, Store]) -> None:
    def moved(by: float) -> Run:
        run = make_run(shuffle="words" if by else "none", values=far if by else bell)

        def effects(measurement: Measurement) -> list[float]:
            del measurement
            return [0.3 + by, -0.1, -0.2, -by]

        return with_effects(run, effects)

    folder = Path(str(stores[0].place)).parent
    store = embstore.open(new_store(folder / "pairs.duckdb", [moved(0), moved(0.1)]).place)
    rows = store.query("shuffled_text", metric="twonn").table.to_pylist()
    assert {row["text"] for row in rows} == {"as it is", "words shuffled"}
    assert {row["series"] for row in rows} == {"example/decoder-small"}
    for row in rows:
        if row["shuffle"] == "none":
            assert (row["difference"], row["errors"]) == (None, None)
        else:
            assert row["difference"] == pytest.approx(FAR)
            assert row["errors"] == "paired"
            # sqrt(4/3) times the length of (0.1, 0, 0, -0.1).
            assert row["difference_error"] == pytest.approx((4 / 3 * 0.02) ** 0.5, rel=1e-5)


def test_shuffled_text_without_its_like_is_not_compared(tmp_path: Path) -> None:
    runs = [make_run(), make_run(shuffle="words", seed=1), make_run(name="b", shuffle="words")]
    store = embstore.open(new_store(tmp_path / "store.duckdb", runs).place)
    answer = store.query("shuffled_text", metric="twonn")
    assert answer.table.num_rows == 0
    assert "no run of shuffled text (--shuffle) beside one of the text as it is" in str(answer)


@pytest.mark.parametrize(("windows", "n_rows"), [("tokens", 0), ("documents", 2 * 5)])
def test_shuffled_text_in_windows_of_another_size_is_not_compared(
    tmp_path: Path, windows: str, n_rows: int
) -> None:
    """Of documents the size is only the most that one may have."""
    runs = [make_run(windows=windows), make_run(windows=windows, shuffle="words")]
    shorter = replace(runs[1].configuration, window_size=32)
    runs[1] = replace(runs[1], configuration=shorter)
    store = embstore.open(new_store(tmp_path / "store.duckdb", runs).place)
    assert store.query("shuffled_text", metric="twonn").num_rows == n_rows


def test_comparing_by_name_takes_no_control(stores: tuple[Store, Store]) -> None:
    def compared(path: str, a: str, b: str) -> Comparison:
        return compare_stored(open_database(path, create=False), a, b)

    without, having = (compared(store.place, "lab/series", "lab/other") for store in stores)
    assert having.table.equals(without.table)
    control = having_run(stores[1], "lab/other", "words")
    found = compared(stores[1].place, "lab/other", control[:12])
    assert found.b.run_id == control
    assert any("different shuffling (none and words)" in note for note in found.notes)


def having_run(store: Store, model: str, shuffle: str) -> str:
    rows = store.query("runs", models=[model]).table.to_pylist()
    return str(next(row["run_id"] for row in rows if row["shuffle"] == shuffle))


def test_documents_and_tokens_are_told_apart(tmp_path: Path) -> None:
    runs = [
        make_run(name="a", revision="step1", step=1, windows="documents"),
        make_run(name="a", revision="step2", step=2),
        make_run(name="b", windows="documents"),
    ]
    store = embstore.open(new_store(tmp_path / "store.duckdb", runs).place)
    answer = store.query("layer_profile")
    assert any("differ in windows (documents, tokens)" in note for note in answer.notes)
    # What was measured otherwise is not compared as if it were the same.
    assert store.query("checkpoint_changes", models=["a"]).table.num_rows == 0
    phases = store.query("phases", models=["a"], least_steps=3).table.to_pylist()
    assert {row["unequal"] for row in phases} == {"windows"}
