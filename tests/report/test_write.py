from datetime import UTC, datetime
from pathlib import Path

import pytest

from embstore.errors import QueryError, StoreError
from embstore.report.write import Report, ReportOptions, build_report
from embstore.store.database import Database
from embstore.store.writing import write_failure
from embstore.types import Failure
from tests.processes import imported
from tests.report import bulk
from tests.stores import new_store
from tests.synthetic import make_run

NOW = datetime(2026, 11, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A tenth of what a page must stand: 5 models, 150 checkpoints."""
    return bulk.fill(
        tmp_path_factory.mktemp("large") / "large.duckdb",
        models=5,
        checkpoints=150,
        n_layers=12,
        metrics=("anisotropy", "twonn", "mean_cosine", "mle", "cka_next"),
    )


@pytest.fixture(scope="module")
def whole(large: Database) -> Report:
    return build_report(large, now=NOW)


@pytest.mark.slow
def test_the_page_is_the_same_every_time(large: Database) -> None:
    options = ReportOptions(models=["lab/model-01"])
    first = build_report(large, options, now=NOW).html
    assert build_report(large, options, now=NOW).html == first


@pytest.mark.slow
def test_a_page_carries_few_bytes_a_number(large: Database, whole: Report) -> None:
    n = large.select("SELECT count(*) AS n FROM measurement")["n"][0].as_py()
    assert whole.runs == 750
    assert whole.shortened == ()
    assert {finding.topic for finding in whole.findings} >= {
        "Peak anisotropy of decoders",
        "Peak anisotropy of encoders",
        "Anisotropy in training",
        "Dimension in training",
        "Gaps",
    }
    # A value, both ends of its interval and its error: eight bytes, or eleven in base64, before
    # they are packed, besides script and runs.
    assert n > 150_000
    assert len(whole.html) < 11 * n


@pytest.mark.slow
def test_a_budget_keeps_the_last_checkpoints_of_every_metric(
    large: Database, whole: Report
) -> None:
    small = build_report(large, ReportOptions(budget=75_000), now=NOW)
    assert small.shortened == ("mean_cosine", "mle", "cka_next")
    assert len(small.html) < len(whole.html) / 2
    chosen = build_report(large, ReportOptions(budget=75_000, metrics=["mle"]), now=NOW)
    assert chosen.shortened == ()


@pytest.mark.slow
def test_a_store_with_faults_is_refused_where_no_page_can_be_made(tmp_path: Path) -> None:
    database = new_store(tmp_path / "s.duckdb", [make_run()])
    with database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM layer WHERE layer = 2")
    with pytest.raises(StoreError, match=r"has faults, .*: `embstore verify` lists them"):
        build_report(database, now=NOW)


@pytest.mark.slow
def test_what_is_asked_for_must_be_there(hostile_store: Database) -> None:
    with pytest.raises(
        QueryError, match=r"no metric 'twon' in this store \(did you mean twonn\?\); it has"
    ):
        build_report(hostile_store, ReportOptions(metrics=["twon"]))
    with pytest.raises(QueryError, match="no model 'lab/model' in this store"):
        build_report(hostile_store, ReportOptions(models=["lab/model"]))


def test_an_empty_store_has_a_page(tmp_path: Path) -> None:
    report = build_report(new_store(tmp_path / "empty.duckdb"))
    assert (report.runs, report.findings) == (0, ())
    assert "Nothing has been measured yet" in report.html


def test_failures_alone_are_told(tmp_path: Path) -> None:
    database = new_store(tmp_path / "failed.duckdb")
    write_failure(database, Failure("a", "main", "load", "no memory", "t", NOW, "0.1.0"))
    (finding,) = build_report(database).findings
    assert finding.topic == "Not measured"


@pytest.mark.slow
def test_titles_are_the_readers_or_the_stores(tmp_path: Path) -> None:
    database = new_store(tmp_path / "mine.duckdb", [make_run()])
    assert "<title>Geometry of hidden states: mine</title>" in build_report(database).html
    named = build_report(database, ReportOptions(title="<Two> & more")).html
    assert "<h1>&lt;Two&gt; &amp; more</h1>" in named
    assert "Written 2026-11-03 00:00 UTC" in build_report(database, now=NOW).html


def test_writing_never_imports_torch() -> None:
    found = imported("import embstore.report.write, embstore.cli.report")
    assert not {"torch", "transformers", "altair"} & found
