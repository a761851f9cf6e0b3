"""Numbers computed from stored spectra: what they are, and that they go wherever runs go."""

import dataclasses
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb
import pytest

from embstore.api.store import open_store
from embstore.errors import QueryError, StoreError, UsageError
from embstore.metrics.from_spectra import DERIVABLE
from embstore.metrics.registry import METRICS
from embstore.store import derived_numbers, migration
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.exports.export_files import read_manifest
from embstore.store.exports.exporting import export_store
from embstore.store.mending import deriving
from embstore.store.mending.deriving import derive_numbers
from embstore.store.mending.find_runs import Selection
from embstore.store.mending.merging import merge_stores
from embstore.store.mending.removing import remove_runs
from embstore.store.verification.faults import find_faults
from embstore.store.writing import write_run, write_runs
from embstore.types import Run
from tests import synthetic
from tests.store.contents import contents, counts, rows
from tests.store.old_stores import SCHEMAS, unpack
from tests.stores import new_store

pytestmark = pytest.mark.slow

# Of as many dimensions the made-up anisotropies are within their bounds.
D, SCOPES, STATES = 32, 3, 6
make_run = partial(synthetic.make_run, hidden_size=D)
START = datetime(2026, 11, 2, tzinfo=UTC)
ALL_NUMBERS = "SELECT * EXCLUDE (derived_at) FROM derivation ORDER BY ALL"
NUMBERS = """
SELECT layer, site, scope, value, std_error, n, reason FROM measurement
WHERE run_id = $run AND metric = $metric ORDER BY ALL
"""


def values(database: Database, run: str, metric: str) -> list[float]:
    found = rows(database, NUMBERS, run=run, metric=metric)
    return [float(str(row["value"])) for row in found]


def without_spectra(run: Run) -> Run:
    return dataclasses.replace(run, measured=dataclasses.replace(run.measured, spectra=()))


@pytest.fixture
def run(database: Database) -> str:
    return write_run(database, make_run())


def test_they_are_those_of_the_closed_form(database: Database, run: str) -> None:
    """Of a spectrum with one share s and the rest alike."""
    done = derive_numbers(database, ["stable_rank", "band_2_10", "output_variance"])
    assert (done.runs, done.numbers, done.known, done.without) == (1, 3 * SCOPES * STATES, 0, 0)
    shares = values(database, run, "anisotropy")
    assert values(database, run, "stable_rank") == pytest.approx([1 / s for s in shares])
    assert values(database, run, "band_2_10") == pytest.approx(
        [(1 - s) * 9 / (D - 1) for s in shares]
    )
    assert values(database, run, "output_variance") == pytest.approx([10 / D] * len(shares))
    for row in rows(database, NUMBERS, run=run, metric="stable_rank"):
        assert (row["std_error"], row["reason"]) == (None, None)
        assert row["n"] in {256, 252, 251}
    assert [row["metric"] for row in rows(database, ALL_NUMBERS)] == [
        *("band_2_10", "output_variance", "stable_rank")
    ]
    # What the run was measured with, and so its id, is as it was.
    assert "stable_rank" not in str(rows(database, "SELECT metric_versions FROM run"))
    assert find_faults(database) == []


def test_again_nothing_is_done(database: Database, run: str) -> None:
    derive_numbers(database, ["stable_rank"])
    before = contents(database)
    done = derive_numbers(database, ["stable_rank", "anisotropy"])
    assert (done.runs, done.numbers, done.known) == (0, 0, 1)
    assert contents(database) == before
    # One that was not there is added to one that was.
    assert derive_numbers(database, ["all"]).runs == 1
    assert {row["metric"] for row in rows(database, ALL_NUMBERS)} == {*DERIVABLE} - {"anisotropy"}


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["twonn"], r"^twonn does not follow from a stored spectrum, so .* derived is alpha_req, "),
        (["rankme"], "^rankme does not follow from a stored spectrum"),
        (["stabel_rank"], r"^unknown metric 'stabel_rank' \(did you mean stable_rank\?\)"),
        (["xyz"], "^unknown metric 'xyz'; choose from alpha_req, anisotropy, "),
        ([], "^no metric is named: give some of alpha_req, "),
    ],
)
def test_what_does_not_follow_from_a_spectrum_is_refused(
    database: Database, names: list[str], says: str
) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        derive_numbers(database, names)
    assert "\n" not in str(caught.value)


def test_runs_without_spectra_are_counted(database: Database, run: str) -> None:
    measured = (*synthetic.METRICS, METRICS["stable_rank"].info)
    write_runs(
        database,
        [
            without_spectra(make_run(name="lab/core")),
            make_run(name="lab/has", metrics=measured),
            make_run(
                name="lab/old",
                metrics=(*synthetic.METRICS, dataclasses.replace(measured[-1], version=7)),
            ),
        ],
    )
    done = derive_numbers(database, ["stable_rank"])
    assert (done.runs, done.known, done.without, done.outdated) == (1, 2, 1, 1)
    assert [row["run_id"] for row in rows(database, ALL_NUMBERS)] == [run]


def test_a_number_of_an_earlier_definition_is_computed_anew(database: Database, run: str) -> None:
    derive_numbers(database, ["stable_rank", "spectral_rank"])
    before = values(database, run, "stable_rank")
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE derivation SET version = 0 WHERE metric = 'stable_rank'")
        connection.exec_driver_sql("UPDATE measurement SET value = 3 WHERE metric = 'stable_rank'")
    assert derive_numbers(database, ["stable_rank", "spectral_rank"]).runs == 1
    assert values(database, run, "stable_rank") == before
    assert [row["version"] for row in rows(database, ALL_NUMBERS)] == [1, 1]
    assert find_faults(database) == []


def test_a_state_without_a_spectrum_says_why(database: Database, run: str) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM spectrum WHERE layer = 2")
        connection.exec_driver_sql(
            "UPDATE measurement SET value = NULL, reason = '3 tokens are NaN' WHERE layer = 2"
        )
    assert derive_numbers(database, ["stable_rank"]).numbers == SCOPES * STATES
    found = rows(database, NUMBERS, run=run, metric="stable_rank")
    without = [row for row in found if row["value"] is None]
    assert {(row["layer"], row["reason"]) for row in without} == {(2, "3 tokens are NaN")}
    assert len(without) == SCOPES


def test_undefined_numbers_have_the_reason_that_measuring_gives(
    database: Database,
) -> None:
    run = write_run(database, make_run(hidden_size=16))
    derive_numbers(database, ["alpha_req"])
    (reason,) = {row["reason"] for row in rows(database, NUMBERS, run=run, metric="alpha_req")}
    assert reason == "fewer than 10 directions with variance from the 11th on"


def test_only_of_some_models(database: Database, run: str) -> None:
    write_run(database, make_run(name="lab/other"))
    assert derive_numbers(database, ["stable_rank"], models=["lab/other"]).runs == 1
    assert run not in str(rows(database, ALL_NUMBERS))
    with pytest.raises(QueryError, match=r"no model 'lab/othr' .*did you mean lab/other"):
        derive_numbers(database, ["stable_rank"], models=["lab/othr"])


def test_all_is_stored_or_nothing(
    database: Database, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(database)
    insert = derived_numbers.insert

    def fail(*arguments: object) -> None:
        insert(*arguments)  # type: ignore[arg-type]
        raise ZeroDivisionError

    monkeypatch.setattr(deriving, "insert", fail)
    with pytest.raises(ZeroDivisionError):
        derive_numbers(database, ["stable_rank"])
    assert contents(database) == before


def test_what_another_process_derived_meanwhile_is_left(
    database: Database, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = derived_numbers.compute

    def late(*arguments: object) -> object:
        found = computed(*arguments)  # type: ignore[arg-type]
        with monkeypatch.context() as usual:
            usual.setattr(deriving, "compute", computed)
            derive_numbers(database, ["stable_rank"])
        return found

    monkeypatch.setattr(deriving, "compute", late)
    done = derive_numbers(database, ["stable_rank", "spectral_rank"])
    assert done.numbers == SCOPES * STATES
    assert find_faults(database) == []
    assert len(rows(database, ALL_NUMBERS)) == 2


def test_a_later_run_of_the_checkpoint_has_them_too(database: Database, run: str) -> None:
    derive_numbers(database, ["stable_rank", "spectral_rank"])
    moments = iter(START + timedelta(days=day) for day in range(1, 9))
    later = write_run(database, make_run(seed=1, created_at=next(moments)))
    assert values(database, later, "stable_rank") == values(database, run, "stable_rank")
    # It measures one of them, and the other is derived.
    measured = (*synthetic.METRICS, METRICS["stable_rank"].info)
    both = write_run(
        database,
        make_run(
            metrics=measured,
            created_at=next(moments),
            values=lambda name, *of: 2.0 if name == "stable_rank" else synthetic.bell(name, *of),
        ),
    )
    of_both = rows(database, "SELECT metric FROM derivation WHERE run_id = $run", run=both)
    assert of_both == [{"metric": "spectral_rank"}]
    # Without spectra nothing can be had; a run that is older, or of another text, gets nothing.
    bare = write_run(database, without_spectra(make_run(seed=2, created_at=next(moments))))
    old = write_run(database, make_run(seed=3, created_at=START - timedelta(days=1)))
    other = write_run(database, make_run(corpus="verse", created_at=next(moments)))
    assert not {bare, old, other} & {row["run_id"] for row in rows(database, ALL_NUMBERS)}
    assert find_faults(database) == []


def test_they_are_merged(tmp_path: Path) -> None:
    one, two = (new_store(tmp_path / name, [make_run(), make_run(seed=1)]) for name in "ab")
    derive_numbers(one, ["stable_rank"])
    derive_numbers(two, ["stable_rank", "spectral_rank"])
    empty = new_store(tmp_path / "c")
    for _ in range(2):
        merge_stores(empty, [two.path])
        assert contents(empty) == contents(two)
    # A run that both have gets what it lacks.
    for _ in range(2):
        merge_stores(one, [two.path])
        assert rows(one, ALL_NUMBERS) == rows(two, ALL_NUMBERS)
        assert contents(one)["measurement"] == contents(two)["measurement"]
    assert find_faults(one) == []


def test_of_a_run_that_was_measured_twice_none_are_merged(tmp_path: Path) -> None:
    """The other store's numbers may differ in their last digits, and so what follows from them."""
    one, two = (
        new_store(tmp_path / str(day), [make_run(created_at=START + timedelta(days=day))])
        for day in (0, 1)
    )
    derive_numbers(two, ["stable_rank"])
    before = contents(one)
    (merged,) = merge_stores(one, [two.path])
    assert merged.measured_twice == 1
    # Definitions come along, whatever they define.
    assert contents(one) | {"metric": before["metric"]} == before


def test_a_later_run_that_is_merged_does_not_hide_them(tmp_path: Path) -> None:
    later = make_run(seed=1, created_at=START + timedelta(days=9))
    one, two = new_store(tmp_path / "a", [make_run()]), new_store(tmp_path / "b", [later])
    derive_numbers(one, ["stable_rank"])
    third = new_store(tmp_path / "c")
    merge_stores(third, [one.path, two.path])
    merge_stores(two, [one.path])
    merge_stores(one, [two.path])
    for database in (one, two, third):
        found = rows(database, "SELECT DISTINCT metric FROM profile_latest ORDER BY metric")
        assert "stable_rank" in {row["metric"] for row in found}
        assert contents(database) == contents(one)
        assert find_faults(database) == []


def test_they_go_with_their_run(database: Database, run: str) -> None:
    write_run(database, make_run(name="lab/kept"))
    before = contents(database)
    derive_numbers(database, ["stable_rank"], models=["example/decoder-small"])
    remove_runs(database, Selection(runs=[run]))
    assert counts(database)["derivation"] == 0
    # The definition goes with the last number.
    assert contents(database)["metric"] == before["metric"]
    assert find_faults(database) == []


def test_an_export_gets_them_under_another_name(
    database: Database, run: str, tmp_path: Path
) -> None:
    write_run(database, make_run(name="lab/other"))
    folder = export_store(database, tmp_path / "ex").folder
    before = read_manifest(folder)
    derive_numbers(database, ["stable_rank"], models=["example/decoder-small"])
    # Asked in place between the two, it is what it was.
    assert "stable_rank" not in str(contents(open_database(folder, create=False))["measurement"])
    done = export_store(database, folder)
    assert (done.new, done.known, done.mended) == (0, 2, 0)
    place = open_database(folder, create=False)
    assert contents(place) == contents(database)
    assert place.damaged_files() == {}
    after = read_manifest(folder)
    (changed,) = [
        key for key in after.files() if key.startswith("runs/") and key not in before.files()
    ]
    assert changed.startswith(f"runs/{run}/measurement-")
    # What no longer counts is gone, and nothing else was written anew.
    written = {str(file.relative_to(folder)) for file in folder.glob("runs/*/*")}
    assert written == {name for name in after.files() if name.startswith("runs/")}
    assert export_store(database, folder).size == done.size
    assert read_manifest(folder) == after
    other = new_store(tmp_path / "other.duckdb")
    merge_stores(other, [folder])
    assert contents(other) == contents(database)
    # Renewed once more, and mended.
    derive_numbers(database, ["spectral_rank"])
    export_store(database, folder)
    assert contents(open_database(folder, create=False)) == contents(database)
    next(folder.glob(f"runs/{run}/measurement-*")).unlink()
    assert export_store(database, folder).mended == 1
    assert contents(open_database(folder, create=False)) == contents(database)
    assert len(list(folder.glob(f"runs/{run}/measurement*"))) == 1


def test_an_export_keeps_what_another_store_derived(tmp_path: Path) -> None:
    one, two = (new_store(tmp_path / name, [make_run()]) for name in "ab")
    derive_numbers(one, ["stable_rank"])
    derive_numbers(two, ["spectral_rank"])
    folder = export_store(one, tmp_path / "ex").folder
    export_store(two, folder)
    place = open_database(folder, create=False)
    assert [row["metric"] for row in rows(place, ALL_NUMBERS)] == ["spectral_rank", "stable_rank"]
    assert find_faults(place) == []
    # A run that the export has from another doing stays as it was exported.
    third = new_store(tmp_path / "c", [make_run(created_at=START + timedelta(days=3))])
    derive_numbers(third, ["isoscore"])
    before = contents(place)
    export_store(third, folder)
    assert contents(open_database(folder, create=False)) == before
    with pytest.raises(StoreError, match="is an export, which is only read"):
        derive_numbers(open_database(folder, create=False), ["isoscore"])


@pytest.mark.parametrize(
    ("sql", "fault", "n"),
    [
        (
            "UPDATE measurement SET value = value * 1.0001 WHERE metric = 'stable_rank' "
            "AND layer = 1",
            "a derived number that its spectrum does not give",
            SCOPES,
        ),
        (
            "UPDATE spectrum SET eigenvalues = list_reverse(eigenvalues) WHERE layer = 1 "
            "AND scope = 'all'",
            "a derived number that its spectrum does not give",
            1,
        ),
        (
            "DELETE FROM measurement WHERE metric = 'stable_rank' AND layer = 1",
            "missing numbers",
            SCOPES,
        ),
        (
            "DELETE FROM derivation",
            "numbers that the run was not to measure",
            SCOPES * STATES,
        ),
        (
            "INSERT INTO derivation SELECT * REPLACE ('twonn' AS metric) FROM derivation",
            "numbers both measured and derived",
            1,
        ),
        (
            "INSERT INTO derivation FROM derivation",
            "rows twice",
            1,
        ),
        (
            "INSERT INTO derivation SELECT * REPLACE ('gone' AS run_id) FROM derivation",
            "rows of no run",
            1,
        ),
    ],
)
def test_verifying_compares_them_with_their_spectra(
    database: Database, run: str, sql: str, fault: str, n: int
) -> None:
    derive_numbers(database, ["stable_rank"])
    assert find_faults(database) == []
    with duckdb.connect(str(database.path)) as connection:
        connection.execute(sql)
    found = {one.fault: one.rows for one in find_faults(database)}
    assert found[fault] == n


def test_questions_and_comparisons_know_them(database: Database, run: str) -> None:
    write_run(database, make_run(name="lab/other", values=lambda *_: 0.5))
    derive_numbers(database, ["stable_rank"])
    store = open_store(database.path)
    (first, _) = store.query("runs").table.select(["metrics", "derived"]).to_pylist()
    assert first == {"metrics": 4, "derived": 1}
    asked = store.query("provenance", metric="stable_rank").table.to_pylist()
    assert len(asked) == 2 * STATES
    assert {row["metric_title"] for row in asked} == {"Stable rank"}
    assert None not in {row["derived_at"] for row in asked}
    measured = store.query("provenance", metric="twonn").table.to_pylist()
    assert {row["derived_at"] for row in measured} == {None}
    compared = store.compare("example/decoder-small", "lab/other", metric="stable_rank")
    assert compared.table.num_rows > 0
    profile = store.query("layer_profile", metric="stable_rank").table
    assert profile.num_rows > 0


@pytest.mark.parametrize("schema", [schema for schema in SCHEMAS if schema < migration.HEAD])
def test_an_older_store_is_migrated_where_there_is_something_to_derive(
    schema: str, path: Path
) -> None:
    before = unpack(schema, path).read_bytes()
    database = open_database(path, create=False)
    # It measured anisotropy, in all its runs.
    assert derive_numbers(database, ["anisotropy"]).runs == 0
    with pytest.raises(UsageError):
        derive_numbers(database, ["twonn"])
    assert path.read_bytes() == before
    done = derive_numbers(database, ["stable_rank"])
    # Of a store of schema 0011 some have it already.
    assert done.runs + done.known == counts(database)["run"]
    assert database.schema() == migration.HEAD


def test_a_later_run_without_spectra_hides_them_and_answers_say_so(
    database: Database, run: str
) -> None:
    derive_numbers(database, ["stable_rank"])
    later = without_spectra(make_run(seed=2, created_at=START + timedelta(days=1)))
    newest = write_run(database, later)
    answer = open_store(database.path).query("layer_profile", metric="stable_rank")
    assert answer.table.num_rows == 0
    assert f"stable_rank is not in the newest run of {later.model.name}" in answer.why_empty
    assert newest[:8] in answer.why_empty
    assert f"-p runs={run[:8]}" in answer.why_empty
