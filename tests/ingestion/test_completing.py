"""Asked for more of a stored sample, an ingest measures what is missing and no more."""

from pathlib import Path
from typing import Any

import pytest

import embstore
from embstore.choices import SCOPES, Scope
from embstore.errors import StoreError
from embstore.ingestion import one_checkpoint, stored_work
from embstore.ingestion.completing import find_task
from embstore.measuring.checkpoint import Choice, measure_batches
from embstore.metrics.registry import METRICS
from embstore.metrics.selection import PRESETS, Selection, choose_metrics
from embstore.store.connection import open_database
from embstore.store.mending.find_runs import Selection as Chosen
from embstore.store.mending.removing import remove_runs
from embstore.store.stored_numbers import SampleRun, StoredNumbers
from embstore.store.verification.faults import find_faults
from tests.metrics.clouds import SINGLE

SMALL: dict[str, Any] = {"tokens": 256, "window": 32, "sample": 100}
# As in tests/measuring/test_selection.py: errors, and the values that compare tokens of different
# windows, are made of products in float32, in part by another way where fewer metrics are measured.
_ERRORS = {"std_error", "ci_low", "ci_high"}
_SINGLE = SINGLE | {"cka_debiased_next"}
# Seen: 4e-6 of an error, in cka_next, whose effects are differences of such products.
_OF_ERRORS = 1e-5
VERSIONS = {info.name: info.version for info in Selection().infos}


def stored_run(
    names: tuple[str, ...], scopes: tuple[Scope, ...] = ("all",), *, intervals: bool = True
) -> SampleRun:
    return SampleRun("abcd", scopes, {name: VERSIONS[name] for name in names}, intervals)


class TestFindTask:
    def test_nothing_is_stored(self) -> None:
        asked = Selection(PRESETS["core"])
        task = find_task(("all",), asked, [])
        assert (task.selection, task.measured, task.scopes) == (asked, asked, ("all",))
        assert (task.done, task.added, task.stored) == (False, (), None)

    @pytest.mark.parametrize(
        ("names", "scopes", "intervals"),
        [
            (PRESETS["all"], SCOPES, True),
            (PRESETS["core"], ("all",), True),
            (PRESETS["default"], ("all", "no_sinks"), True),
        ],
    )
    def test_a_run_that_has_it_all_leaves_nothing_to_do(
        self, names: tuple[str, ...], scopes: tuple[Scope, ...], intervals: bool
    ) -> None:
        run = stored_run(names, scopes, intervals=intervals)
        for asked in (Selection(("twonn",)), Selection(("twonn",), intervals=False)):
            task = find_task(("all",), asked, [run])
            assert (task.done, task.stored) == (True, run)

    def test_what_only_an_older_run_has_is_measured_again(self) -> None:
        # Questions look at the newest run alone.
        newest, older = stored_run(("twonn",)), stored_run(("twonn", "mle"))
        task = find_task(("all",), Selection(("mle",)), [newest, older])
        assert (task.stored, task.added, task.done) == (newest, ("mle",), False)

    def test_missing_metrics_are_added(self) -> None:
        run = stored_run(("anisotropy", "twonn"), ("all", "no_sinks"))
        task = find_task(("no_sinks",), Selection(("mle", "twonn")), [run])
        # In all scopes that the run has, so that the new one has no gaps.
        assert task.scopes == ("all", "no_sinks")
        assert task.selection.names == ("anisotropy", "mle", "twonn")
        assert task.measured.names == task.added == ("mle",)

    def test_a_metric_of_another_version_is_missing(self) -> None:
        run = SampleRun("abcd", ("all",), {"anisotropy": 1, "twonn": 99}, intervals=True)
        task = find_task(("all",), Selection(("twonn",)), [run])
        assert (task.selection.names, task.added) == (("anisotropy", "twonn"), ("twonn",))

    def test_a_metric_that_is_no_more_is_left_behind(self) -> None:
        run = SampleRun("abcd", ("all",), {"once": 1, "twonn": 1}, intervals=True)
        assert find_task(("all",), Selection(("mle",)), [run]).selection.names == ("mle", "twonn")

    @pytest.mark.parametrize(
        ("scopes", "intervals"), [(("no_sinks",), False), (("all",), True), (SCOPES, True)]
    )
    def test_other_scopes_or_errors_take_all_of_it_anew(
        self, scopes: tuple[Scope, ...], intervals: bool
    ) -> None:
        run = stored_run(("anisotropy",), intervals=False)
        task = find_task(scopes, Selection(("twonn",), intervals), [run])
        assert task.measured == task.selection == Selection(("anisotropy", "twonn"), intervals)
        assert set(task.scopes) == {"all", *scopes}
        assert (task.added, task.stored) == ((), run)

    def test_errors_go_on_where_there_are_some(self) -> None:
        task = find_task(("all",), Selection(("mle",), intervals=False), [stored_run(("twonn",))])
        assert task.measured == Selection(("mle",), intervals=True)


@pytest.mark.slow
def test_what_is_added_bit_by_bit_is_what_is_measured_at_once(
    tiny_llama: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[tuple[str, ...]] = []

    def watched(batches: Any, positions: Any, choice: Choice, **options: Any) -> Any:
        measured.append(choice.selection.names)
        return measure_batches(batches, positions, choice, **options)

    monkeypatch.setattr(one_checkpoint, "measure_batches", watched)
    steps = [
        ["core"],
        ["spectral"],
        ["length", "corrint"],
        ["next_layer"],
        ["all"],
    ]
    for name, asked in (("bits", steps), ("once", [["all"]])):
        for terms in asked:
            (outcome,) = embstore.ingest(
                tiny_llama, corpus=text, store=tmp_path / f"{name}.duckdb", metrics=terms, **SMALL
            )
            assert outcome.status == "measured"
    # Each metric once, and all of them at last.
    *bits, once = measured
    assert once == PRESETS["all"]
    assert sorted(name for names in bits for name in names) == sorted(PRESETS["all"])
    assert outcome.added == ()
    bits_store = open_database(tmp_path / "bits.duckdb", create=False)
    assert not find_faults(bits_store)
    opened = embstore.open(tmp_path / "bits.duckdb")
    (newest,) = opened.sql("SELECT run_id FROM latest_run")["run_id"].to_pylist()
    (other,) = (
        embstore.open(tmp_path / "once.duckdb").sql("SELECT run_id FROM run")["run_id"].to_pylist()
    )
    # The same work is the same run, however it came about.
    assert newest == other
    for table, key in (
        ("measurement", "stack, layer, site, scope, metric"),
        ("spectrum", "stack, layer, site, scope"),
        ("dimension_curve", 'stack, layer, site, scope, "rank"'),
        ("layer", "stack, layer, site"),
    ):
        both = [
            embstore.open(tmp_path / f"{name}.duckdb")
            .sql(f"SELECT * FROM {table} WHERE run_id = '{newest}' ORDER BY {key}")
            .to_pylist()
            for name in ("bits", "once")
        ]
        assert len(both[0]) == len(both[1]) > 0
        for one, two in zip(*both, strict=True):
            for column, value in one.items():
                if column == "window_effects" and value is not None:
                    reach = _OF_ERRORS * one["std_error"]
                    assert value == pytest.approx(two[column], rel=0, abs=reach), (table, one)
                elif isinstance(value, float | list):
                    single = column in _ERRORS or one.get("metric") in _SINGLE
                    close = _OF_ERRORS if single else 1e-12
                    assert value == pytest.approx(two[column], rel=close), (table, column, one)
                else:
                    assert value == two[column], (table, column, one)


@pytest.mark.slow
def test_a_scan_without_errors_gets_them_when_they_are_asked_for(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    options = {"corpus": text, "store": store, "metrics": "core", **SMALL}
    (scan,) = embstore.ingest(tiny_llama, intervals=False, **options)
    errors = "SELECT count(std_error) AS e, count(value) AS v FROM profile_latest"
    assert embstore.open(store).sql(errors).to_pylist()[0]["e"] == 0
    (whole,) = embstore.ingest(tiny_llama, **options)
    assert (whole.status, whole.completes, whole.added) == ("measured", scan.run_id, ())
    found = embstore.open(store).sql(errors).to_pylist()[0]
    assert found["e"] == found["v"] > 0
    # And a scan of what has errors is done.
    (again,) = embstore.ingest(tiny_llama, intervals=False, **options)
    assert (again.status, again.run_id) == ("stored", whole.run_id)


@pytest.mark.slow
def test_a_run_that_goes_on_from_another_costs_what_both_took(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    options = {"corpus": text, "store": store, **SMALL}
    (first,) = embstore.ingest(tiny_llama, metrics="core", **options)
    (second,) = embstore.ingest(tiny_llama, metrics="length", **options)
    assert second.completes == first.run_id
    sql = "SELECT wall_seconds, forward_seconds, geometry_seconds, peak_memory_bytes FROM run"
    one, both = (tuple(row.values()) for row in embstore.open(store).sql(f"{sql} ORDER BY 1"))
    assert all(early < all_of_it for early, all_of_it in zip(one[:3], both[:3], strict=True))
    # What storing takes comes on top of it.
    assert one[0] < both[0] <= one[0] + second.seconds
    assert both[3] >= one[3]
    # The whole is told where cost is asked for.
    parts = embstore.open(store).query("cost").to_pylist()
    assert {part["wall_seconds"] for part in parts} == {both[0]}


@pytest.mark.slow
def test_forced_it_is_measured_as_asked(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    embstore.ingest(tiny_llama, corpus=text, store=store, metrics="core", **SMALL)
    (forced,) = embstore.ingest(
        tiny_llama, corpus=text, store=store, metrics="length", force=True, **SMALL
    )
    assert (forced.added, forced.completes) == ((), None)
    names = embstore.open(store).sql(
        f"SELECT DISTINCT metric FROM measurement WHERE run_id = '{forced.run_id}'"
    )
    assert set(names["metric"].to_pylist()) == set(choose_metrics(["length"])) < METRICS.keys()


@pytest.mark.slow
def test_what_went_out_of_sight_comes_back(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    options = {"corpus": text, "store": store, **SMALL}
    (first,) = embstore.ingest(tiny_llama, metrics="core", **options)
    embstore.ingest(tiny_llama, metrics="length", force=True, **options)
    assert embstore.open(store).query("peak_layer", metric="norm_max").num_rows
    # The older run has it all, but questions look at the newest.
    (again,) = embstore.ingest(tiny_llama, metrics="core", **options)
    assert (again.status, set(again.added)) == ("measured", set(PRESETS["core"]))
    assert again.run_id != first.run_id
    assert embstore.open(store).query("peak_layer", metric="twonn").num_rows


@pytest.mark.slow
def test_while_the_store_cannot_be_read_all_is_measured(
    tiny_llama: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(*_: object) -> StoredNumbers:
        raise StoreError("somebody holds it")

    store = tmp_path / "s.duckdb"
    options = {"corpus": text, "store": store, **SMALL}
    embstore.ingest(tiny_llama, metrics="core", **options)
    monkeypatch.setattr(stored_work, "numbers_of_run", held)
    (outcome,) = embstore.ingest(tiny_llama, metrics="length", **options)
    assert outcome.added == ()
    names = embstore.open(store).sql("SELECT DISTINCT metric FROM profile_latest")
    assert set(names["metric"].to_pylist()) == set(choose_metrics(["core", "length"]))


@pytest.mark.slow
def test_forced_after_a_removal_it_is_a_run_of_its_own(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    options = {"corpus": text, "store": store, "metrics": "length", **SMALL}
    (first,) = embstore.ingest(tiny_llama, **options)
    (second,) = embstore.ingest(tiny_llama, force=True, **options)
    assert first.run_id is not None
    remove_runs(open_database(store), Chosen(runs=[first.run_id]))
    # What is left is known, and a further one takes the place of none.
    (known,) = embstore.ingest(tiny_llama, **options)
    assert (known.status, known.run_id) == ("stored", second.run_id)
    (third,) = embstore.ingest(tiny_llama, force=True, **options)
    runs = embstore.open(store).sql("SELECT run_id FROM run")["run_id"].to_pylist()
    assert len(runs) == 2
    assert set(runs) == {second.run_id, third.run_id}
