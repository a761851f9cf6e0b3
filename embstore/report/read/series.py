"""Puts the checkpoints of each training in order, and reads what its blocks reach at each step."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embstore.report.contents import Contents, Row, untrained

if TYPE_CHECKING:
    from embstore.store.connection import Database

# What a revision's name says before its step tells two trainings of one name apart.
_BEFORE_STEP = re.compile(r"^(.*?)(?:global_?)?(?:step|checkpoint|ckpt|iter)")
# Steps that differ in one of these differ in their numbers by that alone.
_SETTINGS = ("tokens", "window_size", "sample_size", "seed", "dtype")

# Over the blocks with a value at every step, as the question about phases takes them.
_STEPS = """
WITH chosen AS (
    SELECT unnest($runs::VARCHAR[]) AS run_id, unnest($series::BIGINT[]) AS series
),
measured AS (
    SELECT
        chosen.series, checkpoint.step, m.run_id, m.stack, m.layer, m.value, m.std_error
    FROM measurement AS m
    JOIN chosen USING (run_id)
    JOIN run USING (run_id)
    JOIN checkpoint USING (checkpoint_id)
    WHERE m.metric = $metric AND m.scope = 'all' AND m.site = 'block'
    -- Of two checkpoints at one step, the one measured last.
    QUALIFY row_number() OVER (
        PARTITION BY chosen.series, m.stack, m.layer, checkpoint.step
        ORDER BY run.created_at DESC, m.run_id DESC
    ) = 1
),
known AS (
    SELECT * FROM measured
    QUALIFY count(value) OVER (PARTITION BY series, stack, step) > 0
),
whole AS (
    SELECT * FROM known
    QUALIFY count(value) OVER (PARTITION BY series, stack, layer)
        = count(DISTINCT step) OVER (PARTITION BY series, stack)
)
SELECT
    series,
    stack,
    step,
    max(run_id) AS run_id,
    avg(value) AS mean,
    -- The layers read the same tokens, so that their errors do not average out.
    CASE WHEN count(std_error) = count(*) THEN avg(std_error) END AS mean_error,
    max(value) AS peak,
    first(std_error ORDER BY value DESC, layer) AS peak_error
FROM whole
GROUP BY series, stack, step
ORDER BY series, stack, step
"""

# Two steps of one training cannot have the same weights: which of them is wrong is unknown.
_COPIED = """
SELECT run_id
FROM run
JOIN (SELECT unnest($runs::VARCHAR[]) AS run_id) AS chosen USING (run_id)
JOIN checkpoint USING (checkpoint_id)
JOIN (
    SELECT model_id, weights_sha256
    FROM checkpoint
    GROUP BY model_id, weights_sha256
    HAVING count(DISTINCT step) > 1
) AS copied USING (model_id, weights_sha256)
"""


@dataclass(frozen=True)
class Point:
    """One checkpoint on a model's way: the mean over its blocks, and the highest of them."""

    run: int
    step: int
    mean: float
    mean_error: float | None
    peak: float
    peak_error: float | None


@dataclass(frozen=True)
class Trajectory:
    """The checkpoints of one training with known steps, over one text, in order.

    Attributes:
        name: the model; its training, text and stack where there are several.
        points: one per step.
        copies: how many steps are left out, for another step has their weights too.
        unequal: settings in which the steps differ.
    """

    name: str
    points: tuple[Point, ...]
    copies: int = 0
    unequal: tuple[str, ...] = ()


def read_trajectories(
    database: "Database", contents: Contents, metric: str
) -> tuple[Trajectory, ...]:
    """Read the ways of a metric through training, without untrained controls."""
    places = [
        place
        for place, run in enumerate(contents.runs)
        if run["step"] is not None and not untrained(run)
    ]
    ids = contents.run_ids
    copied = database.select(_COPIED, {"runs": [ids[place] for place in places]})
    wrong = set(copied["run_id"].to_pylist())
    names = _names(contents, places)
    members: dict[tuple[str, str], list[int]] = {}
    for place in places:
        members.setdefault(names[place], []).append(place)
    keys = sorted(members)
    right = {key: [place for place in members[key] if ids[place] not in wrong] for key in keys}
    rows = database.select(
        _STEPS,
        {
            "metric": metric,
            "runs": [ids[place] for key in keys for place in right[key]],
            "series": [number for number, key in enumerate(keys) for _ in right[key]],
        },
    ).to_pylist()
    place_of = {run_id: place for place, run_id in enumerate(ids)}
    found: dict[tuple[int, str], list[Point]] = {}
    for row in rows:
        point = Point(
            place_of[row["run_id"]],
            row["step"],
            row["mean"],
            row["mean_error"],
            row["peak"],
            row["peak_error"],
        )
        found.setdefault((row["series"], row["stack"]), []).append(point)
    stacks: dict[int, int] = {}
    for series, _ in found:
        stacks[series] = stacks.get(series, 0) + 1
    trajectories = []
    for (series, stack), points in found.items():
        key = keys[series]
        kept = {contents.runs[place]["step"] for place in right[key]}
        steps = {contents.runs[place]["step"] for place in members[key]}
        trajectories.append(
            Trajectory(
                name=key[0] + (f" · {stack}" if stacks[series] > 1 else ""),
                points=tuple(points),
                copies=len(steps - kept),
                unequal=_unequal([contents.runs[place] for place in right[key]]),
            )
        )
    return tuple(trajectories)


def training_course(revision: str) -> str:
    """Name the training a revision belongs to: what stands before its step.

    >>> training_course("seed2-step100"), training_course("step100")
    ('seed2', '')
    """
    match = _BEFORE_STEP.match(revision.lower())
    return match[1].rstrip("-_/. ") if match else ""


def text_names(contents: Contents) -> list[str]:
    """Name the text of every run, by place; apart from others of the same name."""
    known: list[object] = [row["name"] for row in contents.corpora]
    return [
        f"{run['corpus']} ({str(run['corpus_id'])[:8]})"
        if known.count(run["corpus"]) > 1
        else str(run["corpus"])
        for run in contents.runs
    ]


def _names(contents: Contents, places: list[int]) -> dict[int, tuple[str, str]]:
    """Name each run's training over a text, and tell it apart by an id no two have."""
    texts = text_names(contents)
    wanted = set(places)
    names = {}
    for model in contents.models:
        mine = [place for place in model.runs if place in wanted]
        courses = {place: training_course(str(contents.runs[place]["revision"])) for place in mine}
        several = len(set(courses.values())) > 1
        over = len({contents.runs[place]["corpus_id"] for place in mine}) > 1
        for place in mine:
            name = model.label
            if several and courses[place]:
                name += f" · {courses[place]}"
            if over:
                name += f" · {texts[place]}"
            run = contents.runs[place]
            names[place] = (name, f"{run['model_id']} {run['corpus_id']} {courses[place]}")
    return names


def _unequal(runs: list[Row]) -> tuple[str, ...]:
    return tuple(name for name in _SETTINGS if len({run[name] for run in runs}) > 1)
