"""Aggregates the store's measurements, in SQL, to what the findings are drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embstore.report.contents import Contents, Row
from embstore.report.reading import readable

if TYPE_CHECKING:
    from embstore.store.connection import Database

# Which estimate of dimension the findings speak of, the first that was measured.
_DIMENSIONS = ("twonn", "mle", "twonn_ml", "lid_p50")

_PEAKS = """
SELECT
    m.run_id,
    m.stack,
    m.scope,
    first(m.layer ORDER BY m.value DESC, m.layer) AS layer,
    first(l.depth ORDER BY m.value DESC, m.layer) AS depth,
    max(m.value) AS value,
    avg(m.value) FILTER (WHERE l.depth BETWEEN 1 / 3 AND 2 / 3) AS middle,
    avg(m.value) FILTER (WHERE l.depth NOT BETWEEN 1 / 3 AND 2 / 3) AS rest
FROM measurement AS m
JOIN (SELECT unnest($runs::VARCHAR[]) AS run_id) AS chosen USING (run_id)
JOIN layer AS l
    ON l.run_id = m.run_id AND l.stack = m.stack AND l.layer = m.layer AND l.site = m.site
WHERE m.metric = 'anisotropy' AND m.site <> 'final_norm' AND m.value IS NOT NULL
GROUP BY m.run_id, m.stack, m.scope
ORDER BY m.run_id, m.stack, m.scope
"""

# Over the blocks of a stack: what they reach, what they have on average, and how sure it is.
_STEPS = """
SELECT
    run_id,
    stack,
    max(value) AS peak,
    avg(value) AS mean,
    -- The layers read the same tokens, so that their errors do not average out.
    avg(std_error) AS error
FROM measurement
JOIN (SELECT unnest($runs::VARCHAR[]) AS run_id) AS chosen USING (run_id)
WHERE metric = $metric AND scope = 'all' AND site = 'block' AND value IS NOT NULL
GROUP BY run_id, stack
ORDER BY run_id, stack
"""

_HIGHEST = """
SELECT run_id, stack, layer, scope, metric, value
FROM measurement
JOIN (SELECT unnest($runs::VARCHAR[]) AS run_id) AS chosen USING (run_id)
WHERE metric = $metric AND value IS NOT NULL AND site <> 'final_norm'
ORDER BY value DESC, run_id, stack, layer, scope
LIMIT 1
"""

_STORED = """
SELECT run_id, count(*) AS stored, count(*) - count(value) AS undefined
FROM measurement
JOIN (SELECT unnest($runs::VARCHAR[]) AS run_id) AS chosen USING (run_id)
GROUP BY run_id
ORDER BY run_id
"""

_UNDEFINED = """
SELECT
    model.name AS model,
    metric,
    measurement.scope,
    measurement.reason,
    count(*) AS numbers,
    count(DISTINCT run_id) AS runs,
    min(measurement.layer) AS first_layer,
    max(measurement.layer) AS last_layer
FROM measurement
JOIN (SELECT unnest($runs::VARCHAR[]) AS run_id) AS chosen USING (run_id)
JOIN run USING (run_id)
JOIN checkpoint USING (checkpoint_id)
JOIN model USING (model_id)
WHERE measurement.value IS NULL
GROUP BY ALL
ORDER BY numbers DESC, model.name, metric, measurement.scope, measurement.reason
LIMIT 500
"""


@dataclass(frozen=True)
class Peak:
    """Where the anisotropy of a model's last checkpoint is highest, over its stack.

    ``middle`` and ``rest`` are the means over the middle third of the depth and outside it.
    """

    run: int
    model: str
    kind: str
    stack: str
    scope: str
    layer: int
    depth: float
    value: float
    middle: float | None
    rest: float | None


@dataclass(frozen=True)
class Point:
    """One checkpoint on a model's way: the mean over its blocks, and the highest of them."""

    run: int
    step: int
    mean: float
    peak: float
    error: float


@dataclass(frozen=True)
class Trajectory:
    """A model's checkpoints with known steps over one text, in order."""

    model: str
    kind: str
    stack: str
    corpus: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Evidence:
    """What the findings are drawn from.

    Attributes:
        peaks: of anisotropy, for the last checkpoints.
        anisotropy: its way through training.
        dimension: the way of the estimate of intrinsic dimension.
        estimate: which estimate that is; None if none was measured.
        highest: the row of its highest value in any layer, run and scope.
        stored: numbers stored per run, by place; among them undefined ones.
        undefined: per model, metric, scope and reason: how many and where.
    """

    peaks: tuple[Peak, ...]
    anisotropy: tuple[Trajectory, ...]
    dimension: tuple[Trajectory, ...]
    estimate: str | None
    highest: Row | None
    stored: dict[int, tuple[int, int]]
    undefined: tuple[Row, ...]


def read_evidence(database: "Database", contents: Contents) -> Evidence:
    """Ask the store for what the findings need: small tables, whatever its size."""
    ids = contents.run_ids
    place_of = {run_id: place for place, run_id in enumerate(ids)}
    measured = {metric["name"] for metric in contents.metrics}
    estimate = next((name for name in _DIMENSIONS if name in measured), None)
    newest = [ids[place] for place in contents.newest]
    peaks = database.select(_PEAKS, {"runs": newest}).to_pylist()
    highest = (
        database.select(_HIGHEST, {"runs": ids, "metric": estimate}).to_pylist() if estimate else []
    )
    stored = database.select(_STORED, {"runs": ids}).to_pylist()
    named = _names(contents)
    return Evidence(
        peaks=tuple(_peak(row, named, place_of) for row in peaks),
        anisotropy=_trajectories(database, contents, "anisotropy", place_of),
        dimension=_trajectories(database, contents, estimate, place_of) if estimate else (),
        estimate=estimate,
        highest={**highest[0], "run": place_of[highest[0]["run_id"]]} if highest else None,
        stored={place_of[row["run_id"]]: (row["stored"], row["undefined"]) for row in stored},
        undefined=tuple(readable(database.select(_UNDEFINED, {"runs": ids}).to_pylist())),
    )


def _peak(row: Row, named: list[dict[str, str]], place_of: dict[str, int]) -> Peak:
    values: dict[str, Any] = dict(row)
    place = place_of[values.pop("run_id")]
    return Peak(run=place, **(named[place] | values))


def _names(contents: Contents) -> list[dict[str, str]]:
    """Return label and kind of every run's model, by place."""
    names: list[dict[str, str]] = [{} for _ in contents.runs]
    for model in contents.models:
        for place in model.runs:
            names[place] = {"model": model.label, "kind": str(model.facts["kind"])}
    return names


def _trajectories(
    database: "Database", contents: Contents, metric: str, place_of: dict[str, int]
) -> tuple[Trajectory, ...]:
    stepped = [str(run["run_id"]) for run in contents.runs if run["step"] is not None]
    rows = database.select(_STEPS, {"runs": stepped, "metric": metric}).to_pylist()
    named = _names(contents)
    found: dict[tuple[str, str, str, str], list[Point]] = {}
    for row in rows:
        place = place_of[row["run_id"]]
        run = contents.runs[place]
        step = run["step"]
        key = (named[place]["model"], named[place]["kind"], row["stack"], _text(run, contents))
        points = found.setdefault(key, [])
        if isinstance(step, int):
            points.append(Point(place, step, row["mean"], row["peak"], row["error"] or 0.0))
    return tuple(
        Trajectory(*key, points=tuple(_one_per_step(points)))
        for key, points in sorted(found.items())
    )


def _text(run: Row, contents: Contents) -> str:
    """Name the text a run read; apart from others of the same name."""
    names: Sequence[object] = [row["name"] for row in contents.corpora]
    if names.count(run["corpus"]) > 1:
        return f"{run['corpus']} ({str(run['corpus_sha256'])[:8]})"
    return str(run["corpus"])


def _one_per_step(points: list[Point]) -> list[Point]:
    """Keep one of several revisions with one step."""
    return [by_step for _, by_step in sorted({point.step: point for point in points}.items())]
