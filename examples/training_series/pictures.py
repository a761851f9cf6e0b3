"""The pictures of docs/training-series.md, each the answer to a question."""

from collections.abc import Sequence
from pathlib import Path

import embstore
from embstore.chart import save_chart

QUESTIONS = Path(__file__).parent / "questions"


def draw_pictures(store: Path, folder: Path, *, main: str) -> list[Path]:
    """Draw all pictures into a folder that is there.

    Args:
        store: with the losses of its runs as tags.
        folder: where they go.
        main: the model with many checkpoints; the others repeat some of its steps.
    """
    opened = embstore.open(store, queries=[QUESTIONS])
    one: Sequence[str] = [main]
    charts = {
        "anisotropy": opened.chart("anisotropy_by_step", models=one),
        "anisotropy-seeds": opened.chart("anisotropy_by_step", scopes=["all"]),
        "dimension": opened.chart("dimension_by_step", models=one),
        "dimension-seeds": opened.chart("phases"),
        "dimension-two-ways": opened.chart("dimension_two_ways", models=one),
        "loss": opened.chart("loss_by_step"),
    }
    files = []
    for name, chart in charts.items():
        files.append(folder / f"training-{name}.svg")
        save_chart(chart, files[-1])
    return files
