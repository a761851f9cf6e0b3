"""Compare: the numbers, names and verdicts of the command, for two checkpoints."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from embstore.comparison.stored import compare_stored
from embstore.report.write import build_report
from embstore.store.database import Database
from embstore.types import Measurement, Run
from tests.report.conftest import Open
from tests.report.visiting import choose, downloaded, ready, unfold
from tests.stores import new_store
from tests.synthetic import Values, make_run, with_effects

if TYPE_CHECKING:
    from playwright.sync_api import Page

ERRORS = {"anisotropy": 0.02, "twonn": 0.02, "mean_cosine": 0.4}


def trained(step: int) -> Run:
    """Numbers that four windows move much and alike, but each step a little by itself."""

    def effects(_: Measurement) -> list[float]:
        shared, own = 0.2, 0.001 * (1 + step)
        return [shared + own, -shared - own, shared - own, own - shared]

    run = make_run(
        name="lab/trained",
        revision=f"step{step}",
        step=step,
        values=lambda metric, key, scope, depth: 1.0 + 0.05 * step + 0.1 * depth,
    )
    return with_effects(run, effects)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Database:
    deep = make_run(name="lab/deep", n_layers=6, errors=ERRORS, tokens=512)
    deep = replace(deep, configuration=replace(deep.configuration, token_ids_sha256="others"))
    return new_store(
        tmp_path_factory.mktemp("compared") / "store.duckdb",
        [
            *(trained(step) for step in (0, 1, 2)),
            deep,
            make_run(name="lab/shallow", n_layers=4, errors=ERRORS, kind="encoder"),
            make_run(name="lab/both", kind="encoder-decoder", errors=ERRORS),
        ],
    )


@pytest.fixture(scope="module")
def page_of_two(store: Database) -> Path:
    path = store.path.with_name("compared.html")
    path.write_text(build_report(store).html, encoding="utf-8")
    return path


def agrees(
    page: "Page", store: Database, a: str, b: str, folder: Path, *, errors: str
) -> list[dict[str, str]]:
    """Check the page's rows against those of the command, and return them."""
    rows = downloaded(page, unfold(page, "#compare details.numbers"), folder)
    metrics = ["anisotropy", "mean_cosine", "twonn"]
    table = compare_stored(store, a, b, metrics=metrics, scopes=["all"]).table.to_pylist()
    expected = {(row["metric"], row["stack"], row["part"]): row for row in table}
    assert len(rows) == len({(row["metric"], row["stack"]) for row in table})
    for row in rows:
        mean = expected[row["metric"], row["stack"], "mean"]
        peak = expected[row["metric"], row["stack"], "peak_value"]
        for found, other in (("a", "a"), ("b", "b"), ("difference", "difference")):
            assert float(row[found]) == pytest.approx(mean[other], rel=1e-3, abs=1e-6)
        assert float(row["a_peak"]) == pytest.approx(peak["a"], rel=1e-3)
        assert float(row["b_peak"]) == pytest.approx(peak["b"], rel=1e-3)
        reach = mean["ci_high"] - mean["ci_low"]
        for end in ("ci_low", "ci_high"):
            assert float(row[end]) == pytest.approx(mean[end], abs=1e-3 * reach + 2e-4)
        assert row["differs"] == ("yes" if mean["differs"] else "no")
        assert row["errors"] == mean["errors"] == errors
    return rows


@pytest.mark.parametrize(("a", "b"), [("lab/deep", "lab/shallow"), ("lab/shallow", "lab/deep")])
def test_two_models_have_the_numbers_and_verdicts_of_the_command(
    page_of_two: Path, store: Database, visit: Open, tmp_path: Path, a: str, b: str
) -> None:
    page = ready(visit(page_of_two))
    choose(page, "compare", "A: model", a)
    choose(page, "compare", "B: model", b)
    rows = agrees(page, store, a, b, tmp_path, errors="independent")
    # A verdict of either kind, so that they are told apart.
    assert {row["differs"] for row in rows} == {"yes", "no"}
    assert "did not read the same tokens" in page.locator("#compare .note").inner_text()


def test_stacks_of_one_name_are_compared(
    page_of_two: Path, store: Database, visit: Open, tmp_path: Path
) -> None:
    page = ready(visit(page_of_two))
    choose(page, "compare", "A: model", "lab/both")
    choose(page, "compare", "B: model", "lab/shallow")
    rows = agrees(page, store, "lab/both", "lab/shallow", tmp_path, errors="independent")
    assert {row["stack"] for row in rows} == {"encoder"}
    labels = page.locator("#compare .plot .label").all_text_contents()
    assert sorted(labels) == ["A: both · decoder", "A: both · encoder", "B: shallow"]


def test_the_first_against_the_last_checkpoint_is_the_default_and_paired(
    page_of_two: Path, store: Database, visit: Open, tmp_path: Path
) -> None:
    page = ready(visit(page_of_two))
    compare = page.locator("#compare")
    assert "A lab/trained @ step 0 and B lab/trained @ step 2" in (
        compare.locator("figcaption").inner_text()
    )
    title = compare.locator(".title").inner_text()
    assert title.startswith("Anisotropy: B's mean over the blocks is 0.1 higher than A's (95 %")
    assert title.endswith(": they differ.")
    # Each layer that differs has its mark, with words.
    assert compare.locator(".marked path").count() == 5
    words = compare.locator(".marked title").first.text_content()
    assert words is not None
    assert words.startswith("depth 0: B − A 0.1, 95 % interval 0.0")
    assert "errors are paired" in compare.locator(".note").inner_text()
    agrees(page, store, "lab/trained@step0", "lab/trained@step2", tmp_path, errors="paired")


def test_swapped_sides_have_the_paired_intervals_too(
    page_of_two: Path, store: Database, visit: Open, tmp_path: Path
) -> None:
    page = ready(visit(page_of_two))
    choose(page, "compare", "A: checkpoint", "step 2")
    choose(page, "compare", "B: checkpoint", "step 0")
    agrees(page, store, "lab/trained@step2", "lab/trained@step0", tmp_path, errors="paired")


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ({}, "none has errors to tell whether A and B differ"),
        ({"anisotropy": 0.001}, "1 of the 1 with errors differ; 2 have none"),
        (dict.fromkeys(("anisotropy", "twonn", "mean_cosine"), 0.001), "3 differ"),
    ],
)
def test_what_has_no_errors_is_not_told_as_no_difference(
    visit: Open, tmp_path: Path, errors: dict[str, float], words: str
) -> None:
    def high(value: float) -> Values:
        return lambda metric, key, scope, depth: value

    runs = [
        make_run(name=f"lab/{name}", errors=errors, values=high(value))
        for name, value in (("low", 0.1), ("high", 0.7))
    ]
    database = new_store(tmp_path / "two.duckdb", runs)
    path = tmp_path / "two.html"
    path.write_text(build_report(database).html, encoding="utf-8")
    compare = ready(visit(path)).locator("#compare")
    assert compare.locator("summary").last.inner_text() == (
        f"All metrics of A and B (3 rows; {words})"
    )
    known = "without errors it is not known" in compare.locator(".title").inner_text()
    assert known is not bool(errors)
    assert ("independent" in compare.locator(".note").inner_text()) is bool(errors)


def test_other_checkpoints_are_told_to_have_wider_intervals(page_of_two: Path, visit: Open) -> None:
    page = ready(visit(page_of_two))
    choose(page, "compare", "B: checkpoint", "step 1")
    compare = page.locator("#compare")
    assert "embstore compare has the paired ones" in compare.locator(".note").inner_text()
    assert "no clear difference" in compare.locator(".title").inner_text()
    assert compare.locator(".marked path").count() == 0
    assert compare.locator(".marked-entry").count() == 0
