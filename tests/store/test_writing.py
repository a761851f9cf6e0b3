"""Every fact and number of a run comes back as it was."""

import dataclasses
import math
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from embstore.store import ids, schema
from embstore.store.database import Database
from embstore.store.writing import write_run, write_runs
from embstore.types import Measurement, Spectrum, StudyMark
from tests.store.contents import counts, rows
from tests.stores import new_store
from tests.synthetic import METRICS, make_run


def test_every_fact_comes_back(database: Database) -> None:
    run = make_run(step=1000, tokens_seen=2_097_152_000, tags={"b": "2", "a": "é"})
    run_id = write_run(database, run)
    assert run_id == ids.run_id(ids.configuration_id_of(run), 0)
    (stored,) = rows(database, "SELECT * FROM run")
    expected = {
        "run_id": run_id,
        "configuration_id": ids.configuration_id_of(run),
        "repeat": 0,
        "checkpoint_id": ids.checkpoint_id(run.model.name, run.checkpoint),
        "corpus_id": ids.corpus_id(run.corpus),
        **dataclasses.asdict(run.configuration),
        **dataclasses.asdict(run.provenance),
        "metric_versions": '{"anisotropy":1,"mean_cosine":1,"twonn":1}',
        "study": None,
        "study_sha256": None,
        "model_config": None,
        "tags": '{"a":"\\u00e9","b":"2"}',
    }
    assert stored == expected
    for table, record in (
        ("model", run.model),
        ("checkpoint", run.checkpoint),
        ("corpus", run.corpus),
    ):
        (stored,) = rows(database, f"SELECT * FROM {table}")
        facts = dataclasses.asdict(record)
        # It is in the id, and nowhere else.
        facts.pop("files_sha256", None)
        assert stored.items() >= facts.items()
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
        "angular_distance": 30,
        "failure": 0,
        "tag_change": 0,
        "derivation": 0,
        "score": 0,
    }


def test_every_number_comes_back_exactly(database: Database) -> None:
    run = make_run()
    write_run(database, run)
    stored = rows(database, "SELECT * EXCLUDE (run_id) FROM measurement")
    expected = []
    # A metric's numbers stand together, whatever the order in which they were measured.
    for measurement in sorted(run.measured.measurements, key=lambda m: (m.metric, m.scope)):
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


def test_a_run_names_its_study(database: Database) -> None:
    write_run(database, dataclasses.replace(make_run(), study=StudyMark("tiny", "0123")))
    assert rows(database, "SELECT study, study_sha256 FROM run") == [
        {"study": "tiny", "study_sha256": "0123"}
    ]


@pytest.mark.slow
def test_runs_written_together_are_stored_as_one_after_the_other(
    tmp_path: Path,
) -> None:
    """A copy, a run given twice and one that is stored already among them."""
    first = make_run(name="lab/steps", revision="step1", step=1)
    checkpoint = dataclasses.replace(first.checkpoint, revision="step2", step=2)
    copy = dataclasses.replace(first, checkpoint=checkpoint)
    runs = [make_run(), first, copy, first, make_run(kind="encoder", name="lab/encoder")]
    together, singly = (new_store(tmp_path / name, runs[:1]) for name in ("a", "b"))
    found = write_runs(together, runs)
    assert found == [write_run(singly, run) for run in runs]
    assert found[1] == found[3]
    assert write_runs(together, []) == []
    for table in schema.metadata.tables:
        contents = [
            sorted(map(repr, rows(database, f"SELECT * FROM {table}")))
            for database in (together, singly)
        ]
        assert contents[0] == contents[1]
        assert contents[0] or table in {"failure", "tag_change", "derivation", "score"}
