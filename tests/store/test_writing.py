import dataclasses
import json
import math
import re
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from embstore import ids
from embstore.errors import StoreError
from embstore.resources import resource_folder
from embstore.store import schema
from embstore.store.connection import Database, open_database
from embstore.store.writing import repeats, same_weights, write_failure, write_run
from embstore.types import Failure, Measurement, Run, Spectrum, StudyMark
from tests.store.processes import finish, start
from tests.synthetic import METRICS, make_run

Row = dict[str, object]


def rows(database: Database, sql: str, **params: object) -> list[Row]:
    found: list[Row] = database.select(sql, params).to_pylist()
    return found


def counts(database: Database) -> dict[str, int]:
    return {
        name: int(database.select(f"SELECT count(*) AS n FROM {name}")["n"][0].as_py())
        for name in schema.metadata.tables
    }


def configuration_id(run: Run) -> str:
    return ids.configuration_id(
        ids.checkpoint_id(run.model.name, run.checkpoint),
        ids.corpus_id(run.corpus),
        run.configuration,
        {metric.name: metric.version for metric in run.metrics},
    )


def test_every_fact_comes_back(database: Database) -> None:
    run = make_run(step=1000, tokens_seen=2_097_152_000, tags={"b": "2", "a": "é"})
    run_id = write_run(database, run)
    assert run_id == ids.run_id(configuration_id(run), 0)
    (stored,) = rows(database, "SELECT * FROM run")
    expected = {
        "run_id": run_id,
        "configuration_id": configuration_id(run),
        "repeat": 0,
        "checkpoint_id": ids.checkpoint_id(run.model.name, run.checkpoint),
        "corpus_id": ids.corpus_id(run.corpus),
        **dataclasses.asdict(run.configuration),
        **dataclasses.asdict(run.provenance),
        "metric_versions": '{"anisotropy":1,"mean_cosine":1,"twonn":1}',
        "study": None,
        "study_sha256": None,
        "tags": '{"a":"\\u00e9","b":"2"}',
    }
    assert stored == expected
    for table, record in (
        ("model", run.model),
        ("checkpoint", run.checkpoint),
        ("corpus", run.corpus),
    ):
        (stored,) = rows(database, f"SELECT * FROM {table}")
        assert stored.items() >= dataclasses.asdict(record).items()
    assert rows(database, "SELECT * FROM metric ORDER BY name") == sorted(
        (dataclasses.asdict(metric) for metric in METRICS), key=lambda row: str(row["name"])
    )
    assert counts(database) == {
        "model": 1,
        "checkpoint": 1,
        "corpus": 1,
        "run": 1,
        "metric": 3,
        "layer": 6,
        "measurement": 54,
        "spectrum": 18,
        "massive_activation": 12,
        "dimension_curve": 36,
        "failure": 0,
    }


def test_every_number_comes_back_exactly(database: Database) -> None:
    run = make_run()
    write_run(database, run)
    stored = rows(database, "SELECT * EXCLUDE (run_id) FROM measurement")
    expected = []
    for measurement in run.measured.measurements:
        row = dataclasses.asdict(measurement)
        expected.append({**row.pop("key"), **row})
    assert stored == expected
    (spectrum, *_) = run.measured.spectra
    (first, *_) = rows(database, "SELECT * FROM spectrum")
    assert first["eigenvalues"] == spectrum.eigenvalues.tolist()
    assert first["trace"] == pytest.approx(10, rel=1e-15)  # one rounding per addend


def test_every_layer_and_curve_comes_back_exactly(database: Database) -> None:
    run = make_run()
    approximate = dataclasses.replace(
        run.measured.layers[0], neighbor_method="pynndescent", neighbor_recall=0.998
    )
    without_a_search = dataclasses.replace(run.measured.layers[1], neighbor_recall=None)
    layers = (approximate, without_a_search, *run.measured.layers[2:])
    measured = dataclasses.replace(run.measured, layers=layers)
    write_run(database, dataclasses.replace(run, measured=measured))
    for table, records in (("layer", layers), ("dimension_curve", measured.curves)):
        expected = []
        for record in records:
            row = dataclasses.asdict(record)
            expected.append({**row.pop("key"), **row})
        assert rows(database, f"SELECT * EXCLUDE (run_id) FROM {table}") == expected


def test_an_undefined_point_of_a_curve_is_null(database: Database) -> None:
    run = make_run()
    odd = dataclasses.replace(
        run.measured.curves[0],
        dimension=math.nan,
        std_error=math.inf,
        ci_low=-math.inf,
        ci_high=None,
        mean_distance=math.nan,
    )
    write_run(
        database,
        dataclasses.replace(run, measured=dataclasses.replace(run.measured, curves=(odd,))),
    )
    columns = "rank, n, dimension, std_error, ci_low, ci_high, mean_distance"
    undefined = dict.fromkeys(("dimension", "std_error", "ci_low", "ci_high", "mean_distance"))
    assert rows(database, f"SELECT {columns} FROM dimension_curve") == [
        {"rank": 1, "n": 253, **undefined}
    ]


def test_a_run_without_neighbors_has_no_curves(database: Database) -> None:
    run = make_run()
    write_run(
        database, dataclasses.replace(run, measured=dataclasses.replace(run.measured, curves=()))
    )
    assert counts(database)["dimension_curve"] == 0
    assert counts(database)["measurement"] == 54


def test_writing_again_changes_nothing(database: Database) -> None:
    first = write_run(database, make_run())
    before = counts(database)
    other_time = make_run(created_at=datetime(2027, 1, 1, tzinfo=UTC))
    assert write_run(database, other_time) == first
    assert counts(database) == before
    assert rows(database, "SELECT created_at FROM run") == [
        {"created_at": make_run().provenance.created_at}
    ]


def test_repeats_are_runs_of_their_own(database: Database) -> None:
    work = configuration_id(make_run())
    assert repeats(database, work) == 0
    written = [write_run(database, make_run(repeat=repeat)) for repeat in range(3)]
    assert len(set(written)) == 3
    assert repeats(database, work) == 3
    assert counts(database)["model"] == 1


def test_shared_rows_are_stored_once(database: Database) -> None:
    write_run(database, make_run(revision="step1", step=1))
    write_run(database, make_run(revision="step2", step=2))
    write_run(database, make_run(revision="step2", step=2, corpus="other-text"))
    raised = dataclasses.replace(METRICS[0], version=2)
    write_run(database, dataclasses.replace(make_run(), metrics=(raised, *METRICS[1:])))
    found = counts(database)
    assert {name: found[name] for name in ("model", "checkpoint", "corpus", "run", "metric")} == {
        "model": 1,
        "checkpoint": 3,
        "corpus": 2,
        "run": 4,
        "metric": 4,
    }


@pytest.mark.parametrize(
    ("value", "reason", "stored"),
    [
        (math.nan, None, "the result was nan"),
        (math.inf, None, "the result was inf"),
        (-math.inf, "all points coincide", "all points coincide"),
        (None, "fewer than 3 points", "fewer than 3 points"),
        (None, None, "undefined"),
    ],
)
def test_undefined_numbers_are_null_with_a_reason(
    database: Database, value: float | None, reason: str | None, stored: str
) -> None:
    run = make_run()
    key = run.measured.layers[0].key
    odd = Measurement(
        key, "all", "twonn", value, n=2, reason=reason, std_error=math.nan, ci_high=math.inf
    )
    broken = Spectrum(key, "all", np.array([1.0, math.nan]), n=2)
    measured = dataclasses.replace(
        run.measured, measurements=(odd,), spectra=(broken, run.measured.spectra[1])
    )
    write_run(database, dataclasses.replace(run, measured=measured))
    columns = "value, std_error, ci_low, ci_high, reason"
    assert rows(database, f"SELECT {columns} FROM measurement") == [
        {"value": None, "std_error": None, "ci_low": None, "ci_high": None, "reason": stored}
    ]
    assert rows(database, "SELECT scope FROM spectrum") == [{"scope": "no_first"}]


def test_a_defined_number_has_no_reason(database: Database) -> None:
    write_run(database, make_run())
    assert rows(database, "SELECT DISTINCT reason FROM profile") == [{"reason": None}]


def test_names_in_any_script_and_with_quotes(database: Database) -> None:
    name = "组织/模型-ß 'x' \"y\"; DROP TABLE run; --\u202e🦆"
    write_run(database, make_run(name=name, corpus="текст", revision="v1.0-β"))
    found = rows(
        database,
        "SELECT DISTINCT model, corpus, revision FROM profile WHERE model = $name",
        name=name,
    )
    assert found == [{"model": name, "corpus": "текст", "revision": "v1.0-β"}]


def test_times_are_stored_as_moments(database: Database) -> None:
    east = timezone(timedelta(hours=9))
    write_run(database, make_run(created_at=datetime(2026, 11, 2, 9, 30, tzinfo=east)))
    (row,) = rows(database, "SELECT created_at, created_at::VARCHAR AS text FROM run")
    assert row["created_at"] == datetime(2026, 11, 2, 0, 30, tzinfo=UTC)
    assert row["text"] == "2026-11-02 00:30:00+00"


def test_a_run_that_breaks_the_schema_is_not_stored_in_part(database: Database) -> None:
    run = make_run()
    provenance = dataclasses.replace(run.provenance, device=None)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match=r"NOT NULL.*nothing was stored"):
        write_run(database, dataclasses.replace(run, provenance=provenance))
    assert set(counts(database).values()) == {0}


FULL = """
import resource, sys
from embstore.errors import StoreError
from embstore.store.connection import open_database
from embstore.store.writing import write_run
from tests.synthetic import make_run

database = open_database(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    write_run(database, make_run(name="large", n_layers=100, hidden_size=256))
except StoreError as error:
    print(error)
print(database.select("SELECT count(*) AS n FROM run")["n"][0])
"""


def test_a_full_disk_stores_nothing_and_spoils_nothing(path: Path, database: Database) -> None:
    write_run(database, make_run())
    before = counts(database)
    message, still_there = finish(start(FULL, path)).splitlines()
    assert re.match(
        rf"{path} could not be written \(.*File too large\), and nothing was stored: check", message
    )
    assert still_there == "1"
    assert counts(open_database(path)) == before
    write_run(database, make_run(name="large", n_layers=100, hidden_size=256))
    assert counts(database)["run"] == 2


KILLED = """
import os, signal, sys
from embstore.store import writing
from embstore.store.connection import open_database
from tests.synthetic import make_run

calls, insert = [], writing.insert_from_arrow
def counted(*arguments):
    calls.append(insert(*arguments))
    if len(calls) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
writing.insert_from_arrow = counted
writing.write_run(open_database(sys.argv[1]), make_run(name="second"))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("insert", "stored"), [(1, 1), (3, 1), (8, 1), (9, 2)])
def test_a_killed_writer_leaves_whole_runs(
    path: Path, database: Database, insert: int, stored: int
) -> None:
    # Model and checkpoint are new, then come run, layer, measurement, spectrum, massive
    # activations and dimension curves; 9 is after the commit.
    write_run(database, make_run())
    process = start(KILLED, path, str(insert))
    process.communicate(timeout=60)
    assert process.returncode == -9
    again = open_database(path)
    found = counts(again)
    assert (found["run"], found["model"]) == (stored, stored)
    assert (found["layer"], found["measurement"]) == (6 * stored, 54 * stored)
    assert found["dimension_curve"] == 36 * stored
    write_run(again, make_run(name="second"))
    assert counts(again)["measurement"] == 108


LOOP = """
import sys
from embstore.store.connection import open_database
from embstore.store.writing import write_run
from tests.synthetic import make_run

for seed in range(1000):
    print(write_run(open_database(sys.argv[1]), make_run(seed=seed)), flush=True)
"""


@pytest.mark.parametrize("seconds", [0.0, 0.11, 0.23, 0.37])
def test_killed_at_any_moment_no_acknowledged_run_is_lost(path: Path, seconds: float) -> None:
    process = start(LOOP, path)
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    rest, _ = process.communicate(timeout=60)
    # The last line may be cut off by the kill.
    acknowledged = re.findall(r"[0-9a-f]{32}\n", first + rest)
    database = open_database(path)
    numbers = {
        row["run_id"]: row["n"]
        for row in rows(database, "SELECT run_id, count(*) AS n FROM profile GROUP BY run_id")
    }
    assert {line.strip() for line in acknowledged} <= numbers.keys()
    assert set(numbers.values()) == {54}
    assert counts(database)["run"] == len(numbers)


def test_metric_versions_are_canonical_json(database: Database) -> None:
    backwards = dataclasses.replace(make_run(), metrics=METRICS[::-1])
    assert write_run(database, backwards) == write_run(database, make_run())
    (row,) = rows(database, "SELECT metric_versions FROM run")
    assert json.loads(str(row["metric_versions"])) == {m.name: 1 for m in METRICS}


def with_weights(run: Run, sha256: str) -> Run:
    return dataclasses.replace(
        run, checkpoint=dataclasses.replace(run.checkpoint, weights_sha256=sha256)
    )


def test_a_copy_is_marked_with_the_checkpoint_that_was_stored_first(database: Database) -> None:
    first, copy, third = (
        with_weights(make_run(revision=revision, created_at=created_at), "same")
        for revision, created_at in (
            ("step2", datetime(2026, 1, 1, tzinfo=UTC)),
            ("step1", datetime(2026, 1, 2, tzinfo=UTC)),
            ("main", datetime(2026, 1, 3, tzinfo=UTC)),
        )
    )
    assert same_weights(database, first.model.name, first.checkpoint) is None
    for run in (first, copy, third, with_weights(make_run(name="other"), "same")):
        write_run(database, run)
    marked = rows(
        database, "SELECT revision, duplicate_of FROM checkpoint ORDER BY ALL NULLS FIRST"
    )
    first_id = ids.checkpoint_id(first.model.name, first.checkpoint)
    assert marked == [
        {"revision": "main", "duplicate_of": None},  # of the other model
        {"revision": "main", "duplicate_of": first_id},
        {"revision": "step1", "duplicate_of": first_id},
        {"revision": "step2", "duplicate_of": None},
    ]
    assert same_weights(database, first.model.name, copy.checkpoint) == "step2"
    # The first does not become a copy of its copies.
    assert same_weights(database, first.model.name, first.checkpoint) is None
    listed = rows(
        database,
        resource_folder("queries").joinpath("duplicate_checkpoints.sql").read_text(),
        models=None,
    )
    assert [(row["revision"], row["duplicate_of"], row["copies"]) for row in listed] == [
        ("main", "step2", 3),
        ("step1", "step2", 3),
        ("step2", None, 3),
    ]


def test_a_failure_is_resolved_by_a_later_run(database: Database) -> None:
    failure = Failure(
        model="example/decoder-small",
        revision="step7",
        stage="load",
        reason="damaged weights",
        corpus="example-text",
        failed_at=datetime(2026, 11, 2, tzinfo=UTC),
        embstore_version="0.1.0",
        study="tiny",
    )
    write_failure(database, failure)
    assert rows(database, "SELECT * FROM failure") == [dataclasses.asdict(failure)]
    question = resource_folder("queries").joinpath("failures.sql").read_text()

    def resolved() -> list[object]:
        return [row["resolved"] for row in rows(database, question, models=None)]

    assert resolved() == [False]
    write_run(database, make_run(revision="step7", created_at=datetime(2026, 11, 1, tzinfo=UTC)))
    assert resolved() == [False]
    write_run(
        database,
        make_run(revision="step7", seed=1, created_at=datetime(2026, 11, 3, tzinfo=UTC)),
    )
    assert resolved() == [True]
    # One of another model that has no runs at all stays.
    write_failure(database, dataclasses.replace(failure, model="nobody"))
    assert resolved() == [True, False]


def test_a_run_names_its_study(database: Database) -> None:
    write_run(database, dataclasses.replace(make_run(), study=StudyMark("tiny", "0123")))
    assert rows(database, "SELECT study, study_sha256 FROM run") == [
        {"study": "tiny", "study_sha256": "0123"}
    ]
