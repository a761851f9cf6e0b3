"""Views of checkpoints: what was not measured, cannot be played, or is no training."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from embstore.report.write import build_report
from tests.report.conftest import Open
from tests.report.visiting import choose, ready
from tests.stores import new_store
from tests.synthetic import make_run

CONTROL = "random-init-0"


@pytest.fixture
def trained_page(tmp_path: Path) -> Path:
    """The report of a training and its untrained control, whose numbers are the highest."""
    control = make_run(
        revision=CONTROL, step=0, values=lambda metric, key, scope, depth: 0.99 + key.layer / 1000
    )
    steps = [make_run(revision=f"step{step}", step=step) for step in (200, 400, 600, 800)]
    store = new_store(tmp_path / "store.duckdb", [control, *steps, make_run(name="lab/other")])
    path = tmp_path / "report.html"
    path.write_text(build_report(store).html, encoding="utf-8")
    return path


def test_a_text_that_a_model_did_not_read_is_said_to_be_missing(
    hostile_page: Path, visit: Open
) -> None:
    page = ready(visit(hostile_page))
    checkpoints = page.locator("#checkpoints")
    texts = checkpoints.get_by_label("Text", exact=True)
    read = texts.input_value()
    other = texts.locator("option:not(:checked)").first.get_attribute("value")
    texts.select_option(other)
    nothing = checkpoints.get_by_text("Nothing was measured for this choice")
    expect(nothing).to_be_visible()
    assert checkpoints.get_by_role("button", name="Play").count() == 0
    page.wait_for_timeout(400)
    # The link that is left in the address opens a whole page.
    linked = ready(visit(hostile_page, fragment=page.url.partition("#")[2]))
    expect(linked.locator("#checkpoints").get_by_text("Nothing was measured")).to_be_visible()
    texts.select_option(read)
    expect(nothing).to_have_count(0)
    expect(checkpoints.locator("svg.plot").first).to_be_visible()
    assert checkpoints.get_by_role("button", name="Play").is_enabled()


def test_one_checkpoint_cannot_be_played(hostile_page: Path, visit: Open) -> None:
    page = ready(visit(hostile_page))
    choose(page, "checkpoints", "Model", "lab/plain")
    assert page.locator("#checkpoints").get_by_role("button", name="Play").is_disabled()


def test_a_control_is_no_step_of_the_training(trained_page: Path, visit: Open) -> None:
    page = ready(visit(trained_page))
    training = page.locator("#training-view")
    columns = training.locator("figure").first.locator("text").all_text_contents()
    assert "random…nit-0" in columns
    assert not any("step 0" in words for words in page.locator("main").all_text_contents())
    assert "at step 200 to" in training.inner_text()
    highest = next(line for line in training.inner_text().splitlines() if "is highest in" in line)
    assert CONTROL not in highest


def test_steps_between_two_round_numbers_are_labelled(trained_page: Path, visit: Open) -> None:
    page = ready(visit(trained_page))
    course = page.locator("#training-view figure").nth(1)
    labels = course.locator("text").all_text_contents()
    assert [words for words in labels if words in {"200", "400", "600", "800"}] == [
        *("200", "400", "600", "800")
    ]


def test_the_first_of_each_model_is_trained(trained_page: Path, visit: Open) -> None:
    page = ready(visit(trained_page))
    view = page.locator("#profiles-view")
    choices = view.get_by_label("Checkpoint", exact=True)
    offered = choices.locator("option").all_text_contents()
    assert "Step 0" not in offered
    assert f"Revision {CONTROL}" in offered
    choices.select_option(label="First of each model")
    labels = view.locator("path.mark").evaluate_all(
        "all => all.map(one => one.getAttribute('aria-label') ?? '')"
    )
    assert any("step 200" in label for label in labels)
    assert not any(CONTROL in label for label in labels)
