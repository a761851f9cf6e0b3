"""Measuring a series of checkpoints from its folders, and telling the store their losses."""

from collections.abc import Mapping
from pathlib import Path

import embstore
from embstore.choices import SCOPES
from examples.training_series.plan import Plan


def measure_saved(plan: Plan, folder: Path, corpus: Path, store: Path) -> None:
    """Measure the checkpoints in a folder, as ``embstore ingest`` would.

    Raises:
        EmbstoreError: as ``embstore.ingest``.
    """
    embstore.ingest(
        folder,
        corpus=corpus,
        store=store,
        tokens=plan.tokens,
        window=plan.window,
        sample=plan.sample,
        scopes=SCOPES,
        metrics=plan.metrics,
    )


def tag_losses(store: Path, model: str, losses: Mapping[int, float]) -> None:
    """Give each run of a model its loss as the tag ``loss``, for the question loss_by_step."""
    opened = embstore.open(store)
    runs = opened.sql("SELECT run_id, step FROM latest_run WHERE model = $model", model=model)
    for run in runs.to_pylist():
        opened.tag(run["run_id"], {"loss": f"{losses[run['step']]:.6f}"})
