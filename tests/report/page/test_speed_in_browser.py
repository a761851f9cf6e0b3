"""A reader's change is drawn before it is felt as waiting: on a page of 150 checkpoints."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from embstore.report.write import build_report
from tests.report import bulk
from tests.report.conftest import Open
from tests.report.visiting import ready

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Of the time that the same browser takes to draw as many lines as a chart of the page may have:
# milliseconds would say how fast the machine is, and how busy.
MOST_DRAWINGS = 16

_DRAWN = """
() => {
  const before = performance.now();
  const chart = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (let i = 0; i < 2000; i++) {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    const points = Array.from({ length: 24 }, (_, x) => `L${x},${i}`);
    line.setAttribute("d", `M0,${i} ${points.join("")}`);
    chart.append(line);
  }
  document.body.append(chart);
  chart.getBoundingClientRect();
  chart.remove();
  return performance.now() - before;
}
"""

# From the change to the page laid out anew.
_TIMED = """
(field, to) => {
  const before = performance.now();
  if (field.type === "range") field.value = to;
  else field.selectedIndex = to;
  field.dispatchEvent(new Event(field.type === "range" ? "input" : "change", { bubbles: true }));
  document.body.getBoundingClientRect();
  return performance.now() - before;
}
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one chart of the page of 50 models shows of one model, or of some."""
    folder = tmp_path_factory.mktemp("many")
    database = bulk.fill(
        folder / "many.duckdb",
        models=8,
        checkpoints=150,
        n_layers=24,
        metrics=("anisotropy", "twonn"),
    )
    path = folder / "many.html"
    path.write_text(build_report(database).html, encoding="utf-8")
    return path


def fastest(page: "Page", section: str, label: str) -> float:
    """Change a choice back and forth, and return the least time it took.

    Of a machine that others use only the least time says how fast the page is.
    """
    field = page.locator(f"#{section}").get_by_label(label, exact=True)
    return min(float(field.evaluate(_TIMED, to)) for to in (1, 0, 1, 0, 1))


@pytest.mark.slow
def test_every_change_is_drawn_at_once(many: Path, visit: Open) -> None:
    page = ready(visit(many))
    choices = [
        *(("profiles", "Metric"), ("profiles", "Checkpoint"), ("checkpoints", "Checkpoint")),
        *(("checkpoints", "Metric"), ("training", "Metric"), ("training", "Model")),
        *(("compare", "Metric"), ("compare", "A: model"), ("spectra", "From layer")),
        *(("scales", "Model"), ("massive", "Model")),
    ]
    took = {choice: fastest(page, *choice) for choice in choices}
    drawing = min(float(page.evaluate(_DRAWN)) for _ in range(9))
    slow = {choice: ms / drawing for choice, ms in took.items() if ms > MOST_DRAWINGS * drawing}
    assert slow == {}
