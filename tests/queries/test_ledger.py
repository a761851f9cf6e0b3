"""Questions about the store itself: cost, coverage, copies, provenance."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest

from embstore.asking.ask import find_question, run_question
from embstore.store.database import Database
from embstore.store.writing import write_failure, write_run, write_runs
from embstore.types import Failure
from tests.queries.asking import ask, by_layer, column
from tests.stores import new_store
from tests.synthetic import METRICS, make_run


def test_the_profile_of_a_model_is_that_of_its_training(tmp_path: Path) -> None:
    """The latest run of trained weights goes before a later one of random weights."""
    days = {"step1": 1, "step2": 3, "step9": 2, "random-init-0": 4}
    runs = [
        make_run(
            revision=revision,
            step=1,
            n_layers=1,
            values=by_layer(day / 10, day / 10),
            created_at=datetime(2026, 11, day, tzinfo=UTC),
        )
        for revision, day in days.items()
    ]
    (row,) = ask(new_store(tmp_path / "s.duckdb", runs), "models")
    assert row["anisotropy"] == [0.3, 0.3]
    (row,) = ask(new_store(tmp_path / "control.duckdb", runs[-1:]), "models")
    assert row["anisotropy"] == [0.4, 0.4]


def test_runs_tells_cost(small: Database) -> None:
    row = run_question(small, find_question("runs"), {"models": "lab/decoder"}).to_pylist()[0]
    # 256 tokens, 2.5 s forward, 0.5 s geometry.
    assert row["tokens_per_second"] == pytest.approx(256 / 3.0)
    assert row["geometry_over_forward"] == pytest.approx(0.2)
    assert row["latest"] is True


def test_runs_tells_how_neighbors_were_found(tmp_path: Path) -> None:
    database = new_store(tmp_path / "recall.duckdb")
    run = make_run()
    first, second, *rest = run.measured.layers
    layers = (
        dataclasses.replace(first, neighbor_recall=0.999),
        dataclasses.replace(second, neighbor_recall=0.98),
        *rest,
    )
    measured = dataclasses.replace(run.measured, layers=layers)
    write_runs(
        database,
        [
            dataclasses.replace(run, measured=measured),
            make_run(seed=1),
        ],
    )
    rows = run_question(database, find_question("runs")).to_pylist()
    assert {row["seed"]: row["neighbor_recall"] for row in rows} == {0: 0.98, 1: 1.0}
    assert {(row["linear"], row["scopes"]) for row in rows} == {("torch", "all,no_first,no_sinks")}


def test_runs_tells_how_much_each_has(tmp_path: Path) -> None:
    scan = make_run(seed=1, metrics=METRICS[:1])
    scan = dataclasses.replace(
        scan, configuration=dataclasses.replace(scan.configuration, intervals=False)
    )
    database = new_store(tmp_path / "parts.duckdb", [make_run(), scan])
    found = {row["seed"]: row for row in ask(database, "runs")}
    assert {seed: (row["metrics"], row["intervals"]) for seed, row in found.items()} == {
        0: (len(METRICS), True),
        1: (1, False),
    }


def test_checkpoints_come_in_the_order_of_training_with_their_copies(small: Database) -> None:
    rows = ask(small, "checkpoints", models=["lab/steps"])
    assert [(row["revision"], row["step"], row["duplicate_of"]) for row in rows] == [
        ("step1", 1, None),
        ("step2", 2, None),
        ("step3", 3, "step2"),
    ]
    assert {row["runs"] for row in rows} == {1}
    # Two texts, one checkpoint.
    (row,) = ask(small, "checkpoints", models=["lab/texts"])
    assert row["runs"] == 2


class TestCost:
    def test_parts_sum_to_the_whole(self, small: Database) -> None:
        rows = ask(small, "cost", models=["lab/decoder"])
        assert {row["part"]: row["seconds"] for row in rows} == {
            "forward pass": 2.5,
            "geometry": 0.5,
            "loading and the rest": 0.5,
        }
        # 3.5 s over 256 tokens.
        per_thousand = [float(str(row["seconds_per_1000_tokens"])) for row in rows]
        assert sum(per_thousand) == pytest.approx(3.5 / 0.256)
        assert {row["geometry_over_forward"] for row in rows} == {0.2}

    def test_the_rest_is_never_negative(self, tmp_path: Path) -> None:
        database = new_store(tmp_path / "beside.duckdb")
        run = make_run()
        beside = dataclasses.replace(run.provenance, wall_seconds=2.6)
        write_run(database, dataclasses.replace(run, provenance=beside))
        assert min(float(str(row["seconds"])) for row in ask(database, "cost")) == 0.0


class TestCoverage:
    def test_every_checkpoint_is_expected_at_every_layer(self, small: Database) -> None:
        rows = ask(small, "coverage", models=["lab/steps"])
        found = {(row["checkpoint"], row["layer"]): row["status"] for row in rows}
        assert len(found) == len(rows) == 4 * 5
        assert {found[revision, 1] for revision in ("step1", "step2", "step3")} == {"measured"}
        assert found["step1", 2] == "undefined"
        assert {found["step4", layer] for layer in range(5)} == {"failed"}
        reasons = {row["reason"] for row in rows if row["checkpoint"] == "step4"}
        assert reasons == {"damaged"}

    def test_only_missing_leaves_out_what_is_measured(self, small: Database) -> None:
        rows = ask(small, "coverage", only_missing=True)
        assert {row["model"] for row in rows} == {"lab/steps"}
        assert "measured" not in column(rows, "status")

    def test_a_text_measured_for_one_checkpoint_is_missing_for_the_other(
        self, tmp_path: Path
    ) -> None:
        database = new_store(tmp_path / "texts.duckdb")
        for revision, corpus in (("step1", "prose"), ("step1", "verse"), ("step2", "prose")):
            step = int(revision[-1])
            write_run(database, make_run(revision=revision, step=step, corpus=corpus))
        missing = ask(database, "coverage", only_missing=True)
        assert {(r["checkpoint"], r["corpus"], r["status"]) for r in missing} == {
            ("step2", "verse", "not measured")
        }
        assert sorted(int(str(layer)) for layer in column(missing, "layer")) == [0, 1, 2, 3, 4]

    def test_checkpoints_stand_in_the_order_of_their_steps(self, tmp_path: Path) -> None:
        database = new_store(
            tmp_path / "order.duckdb",
            [make_run(revision=f"step{step}", step=step, n_layers=1) for step in (10, 9, 100)],
        )
        shown = list(dict.fromkeys(column(ask(database, "coverage"), "checkpoint")))
        assert shown == ["step9", "step10", "step100"]

    def test_a_model_that_never_was_measured_has_one_row(self, tmp_path: Path) -> None:
        database = new_store(tmp_path / "never.duckdb")
        failed_at = make_run().provenance.created_at
        write_failure(
            database, Failure("lab/never", "main", "load", "too large", "prose", failed_at, "0.1.0")
        )
        (row,) = ask(database, "coverage", models=["lab/never"])
        assert (row["status"], row["reason"], row["layer"]) == ("failed", "too large", None)

    def test_a_failure_resolved_since_counts_no_more(self, tmp_path: Path) -> None:
        database = new_store(tmp_path / "resolved.duckdb")
        failed_at = make_run().provenance.created_at
        later = failed_at.replace(year=failed_at.year + 1)
        write_runs(
            database,
            [
                make_run(revision="step1", created_at=later),
                make_run(revision="step1", corpus="verse", created_at=later),
                make_run(revision="step2", created_at=later),
            ],
        )
        for revision, corpus, at in (
            ("step2", "verse", failed_at),
            ("step3", "verse", failed_at),
        ):
            write_failure(
                database,
                Failure("example/decoder-small", revision, "load", "damaged", corpus, at, "0.1.0"),
            )
        rows = ask(database, "coverage", only_missing=True)
        found = {(r["checkpoint"], r["corpus"], r["status"], r["reason"]) for r in rows}
        # step2 was measured since, and step3 failed over one of the two texts.
        assert found == {
            ("step2", "verse", "not measured", None),
            ("step3", "verse", "failed", "damaged"),
            ("step3", "example-text", "not measured", None),
        }

    def test_a_failure_over_a_text_of_its_own_is_shown(self, tmp_path: Path) -> None:
        database = new_store(tmp_path / "own.duckdb")
        run = make_run()
        write_run(database, run)
        at = run.provenance.created_at
        write_failure(
            database,
            Failure("example/decoder-small", "step9", "load", "damaged", "verse", at, "0.1.0"),
        )
        rows = ask(database, "coverage", only_missing=True)
        assert {(r["checkpoint"], r["corpus"], r["status"]) for r in rows} == {
            ("step9", "example-text", "not measured"),
            ("step9", "verse", "failed"),
        }

    def test_a_metric_of_two_layers_is_not_expected_at_the_last(self, one: Database) -> None:
        for metric in ("cka_next", "adjacent_cosine"):
            rows = ask(one, "coverage", metric=metric, final_norm=True)
            assert column(rows, "layer") == [0, 1, 2, 3]
            assert {row["status"] for row in rows} == {"measured"}


class TestProvenance:
    def test_a_number_has_its_definition_and_its_making(self, small: Database) -> None:
        (row,) = ask(
            small, "provenance", models=["lab/decoder"], layers=[2], scopes=["all"], metric="twonn"
        )
        assert row["value"] == pytest.approx(10.02)
        assert row["formula"] == "(n - 1) / Σ log μᵢ"
        assert row["metric_version"] == 1
        assert row["weights_sha256"] == "weights of lab/decoder at main"
        assert row["corpus_sha256"] == "text of example-text"
        assert (row["torch_version"], row["seed"], row["dtype"]) == ("2.13.0", 0, "float32")
        assert row["latest"] is True

    def test_every_run_counts_and_an_id_narrows_to_one(self, tmp_path: Path) -> None:
        database = new_store(tmp_path / "two.duckdb")
        early = make_run().provenance.created_at
        old = write_run(database, make_run(seed=1, created_at=early))
        new = write_run(database, make_run(created_at=early.replace(year=2027)))
        rows = ask(database, "provenance", layers=[0])
        assert {(row["run_id"], row["latest"]) for row in rows} == {(old, False), (new, True)}
        assert {r["run_id"] for r in ask(database, "provenance", runs=[old[:10]])} == {old}


def test_duplicates_name_the_one_stored_first(small: Database) -> None:
    rows = ask(small, "duplicate_checkpoints")
    assert {(row["revision"], row["duplicate_of"]) for row in rows} == {
        ("step2", None),
        ("step3", "step2"),
    }
