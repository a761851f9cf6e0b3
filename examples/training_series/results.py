"""The small files of numbers that docs/training-series.md is held to."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import embstore
from embstore.choices import TOKEN_SCOPES
from examples.training_series.agreement import Agreement
from examples.training_series.one_each import OneEach
from examples.training_series.pictures import QUESTIONS
from examples.training_series.training import Trained

# Where the page's own are kept.
RESULTS = Path(__file__).parent / "results"

# What the seed study followed, a second estimate of the dimension, and two that tell what an
# anisotropy is made of: a common direction, and how many directions share the variance.
METRICS = ("anisotropy", "twonn", "mle", "mean_cosine", "participation_ratio")
_PHASES = (
    *("model", "scope", "metric", "verdict", "reason", "first_value", "peak_step", "peak_value"),
    *("last_step", "last_value", "rise", "rise_error", "fall", "fall_error", "least_errors"),
)
_SHAPES = ("model", "scope", "step", "shape", "contrast", "std_error", "peak_layer")
_RUNS = """
SELECT
    model, step, linear, wall_seconds, forward_seconds, geometry_seconds,
    (SELECT max(n_sinks) FROM layer WHERE layer.run_id = run.run_id) AS n_sinks
FROM run JOIN latest_run USING (run_id) ORDER BY model, step
"""

Row = Mapping[str, object]


@dataclass(frozen=True)
class Found:
    """What was found out besides what the store has.

    Attributes:
        trained: the trainings.
        one_each: the control of the first of them, by step.
        frequency: the held-out loss of knowing how often each token is.
        agreement: of the series measured live and that of the saved folders.
        seconds: by what they were spent on.
    """

    trained: Sequence[Trained]
    one_each: Mapping[int, OneEach]
    frequency: float
    agreement: Sequence[Agreement]
    seconds: Mapping[str, float]


def write_results(live: Path, saved: Path, found: Found, folder: Path) -> list[Path]:
    """Write all files into a folder that is there.

    Args:
        live: the store that was written to while the models trained.
        saved: that of the saved folders, which the numbers are taken from.
        found: what the stores do not have.
        folder: where the files go.
    """
    tables: dict[str, Sequence[Row]] = {
        "course": _course(saved),
        "phases": _phases(saved),
        "shapes": _shapes(saved),
        "runs": [*_runs(live, "live"), *_runs(saved, "saved")],
        "losses": _losses(found),
        "one_each": _one_each(found.one_each),
        "agreement": [asdict(metric) for metric in found.agreement],
        "costs": [
            {"part": part, "seconds": round(spent, 1)} for part, spent in found.seconds.items()
        ],
    }
    return [_write(folder / f"{name}.csv", rows) for name, rows in tables.items()]


def _course(store: Path) -> list[Row]:
    """Return mean and peak over the blocks at every checkpoint."""
    opened = embstore.open(store, queries=[QUESTIONS])
    return list(opened.query("course", metrics=list(METRICS)).to_pylist())


def _shapes(store: Path) -> list[Row]:
    """Return whether the profile of anisotropy over the layers is a bell at some checkpoint."""
    rows = embstore.open(store).query("bell_shape", scopes=list(TOKEN_SCOPES)).to_pylist()
    rows.sort(key=lambda row: (row["model"], row["scope"], row["step"]))
    return [{name: row[name] for name in _SHAPES} for row in rows]


def _runs(store: Path, series: str) -> list[Row]:
    """Return how each checkpoint was measured, how long that took, and how many sinks it has."""
    rows = embstore.open(store).sql(_RUNS).to_pylist()
    return [{"series": series} | row for row in rows]


def _phases(store: Path) -> list[Row]:
    """Return what the question ``phases`` says of the blocks' mean and of their highest."""
    opened = embstore.open(store)
    return [
        {"by": by} | {name: row[name] for name in _PHASES}
        for metric in METRICS
        for by in ("mean", "highest")
        for row in opened.query(
            "phases", metric=metric, by=by, scopes=list(TOKEN_SCOPES)
        ).to_pylist()
    ]


def _losses(found: Found) -> list[Row]:
    """Return the losses of every checkpoint, in nats per token, and what to hold them to."""
    alone = {"model": "token frequencies alone", "step": None, "held_out": found.frequency}
    return [
        alone | {"training": None},
        *(
            {
                "model": one.folder.name,
                "step": step,
                "held_out": loss,
                "training": one.training_losses.get(step),
            }
            for one in found.trained
            for step, loss in sorted(one.losses.items())
        ),
    ]


def _one_each(found: Mapping[int, OneEach]) -> list[Row]:
    """Return the control, a row for each block."""
    return [
        {
            "step": step,
            "layer": layer,
            "tokens": one.tokens,
            "twonn": value,
            "std_error": error,
            "same_token_nearest": one.same_token_nearest,
        }
        for step, one in found.items()
        for layer, (value, error) in enumerate(zip(one.twonn, one.errors, strict=True), 1)
    ]


def _write(path: Path, rows: Sequence[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _shown(value) for name, value in row.items()})
    return path


def _shown(value: object) -> object:
    """Shorten a number to six digits: more than the page shows."""
    return f"{value:.6g}" if isinstance(value, float) else value
