import pytest

from embstore.report.findings.sentences import Finding, Spark
from embstore.report.page.sections import Lead, lead_of, views_of
from embstore.report.read.contents import read_contents
from embstore.store.database import Database
from embstore.store.writing import write_run, write_runs
from tests.synthetic import make_run

PEAK = Finding("Peak", "It peaks.", (0,), spark=Spark("anisotropy", (0,)))
COURSE = Finding("Course", "It rises.", (0,), spark=Spark("anisotropy", (0,), over="mean by step"))
WARNING = Finding("Few", "Few tokens.", (0,), "warning")
FINDINGS = (WARNING, PEAK, COURSE)
LINES = ("spectra", "scales", "massive")


def test_one_checkpoint_has_neither_training_nor_comparison(database: Database) -> None:
    write_run(database, make_run())
    contents = read_contents(database)
    lead = lead_of(contents, FINDINGS, ["twonn", "anisotropy"])
    assert lead == Lead("profiles", "anisotropy", PEAK)
    assert views_of(contents, LINES, lead) == (*LINES, "coverage", "runs")
    assert views_of(contents, (), lead) == ("coverage", "runs")


@pytest.mark.parametrize(("n", "view"), [(2, "profiles"), (3, "checkpoints")])
def test_a_training_of_one_model_comes_first_when_it_has_a_course(
    database: Database, n: int, view: str
) -> None:
    write_runs(database, [make_run(revision=f"step{i}", step=i) for i in range(n)])
    contents = read_contents(database)
    lead = lead_of(contents, FINDINGS, ["anisotropy"])
    assert (lead.view, lead.headline) == (view, COURSE if view == "checkpoints" else PEAK)
    shown = {lead.view, *views_of(contents, (), lead)}
    assert {"checkpoints", "training", "compare"} < shown
    # Profiles of one model are its checkpoints.
    assert ("profiles" in shown) == (view == "profiles")


def test_untrained_controls_are_no_training(database: Database) -> None:
    write_runs(
        database,
        [make_run(revision=f"random-init-{i}", step=0) for i in range(3)] + [make_run()],
    )
    assert lead_of(read_contents(database), (), ["anisotropy"]).view == "profiles"


@pytest.mark.slow
def test_texts_are_no_checkpoints_and_models_come_first(database: Database) -> None:
    write_runs(database, [make_run(corpus=text) for text in ("a", "b", "c")])
    contents = read_contents(database)
    lead = lead_of(contents, (), ["anisotropy"])
    assert lead == Lead("profiles", "anisotropy", None)
    assert views_of(contents, (), lead) == ("compare", "coverage", "runs")
    write_runs(database, [make_run(name="other", revision=f"step{i}", step=i) for i in range(4)])
    contents = read_contents(database)
    lead = lead_of(contents, (), ["anisotropy"])
    assert lead.view == "profiles"
    assert views_of(contents, (), lead)[:3] == ("checkpoints", "training", "compare")


def test_a_page_without_the_metric_of_a_finding_has_no_such_title(database: Database) -> None:
    write_run(database, make_run())
    contents = read_contents(database)
    assert lead_of(contents, FINDINGS, ["twonn"]) == Lead("profiles", "twonn", None)
    assert lead_of(contents, FINDINGS, []).metric == ""
