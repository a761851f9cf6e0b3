"""Aggregates the store's measurements, in SQL, to what the findings are drawn from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embstore.asking.hidden_runs import hidden_runs
from embstore.report.contents import Contents, Row, untrained
from embstore.report.findings.massive import Massive, read_massive
from embstore.report.read.series import Trajectory, read_trajectories, text_names
from embstore.report.read.store import readable

if TYPE_CHECKING:
    from embstore.store.connection import Database

# The seed study saw no mean dimension above it.
CEILING = 60
# Which estimate of dimension the findings speak of, the first that was measured.
_DIMENSIONS = ("twonn", "mle", "twonn_ml", "lid_p50")

# The parts of the profile and their errors as the question about bells takes them.
_PEAKS = """
SELECT
    m.run_id,
    m.stack,
    m.scope,
    first(m.layer ORDER BY m.value DESC, m.layer) AS layer,
    first(l.depth ORDER BY m.value DESC, m.layer) AS depth,
    max(m.value) AS value,
    avg(m.value) FILTER (WHERE l.depth <= 0.1) AS start_mean,
    avg(m.value) FILTER (WHERE l.depth BETWEEN 1 / 3 AND 2 / 3) AS middle_mean,
    avg(m.value) FILTER (WHERE l.depth >= 1 - 0.1) AS end_mean,
    -- avg leaves NULL out: one value without an error leaves the mean without one.
    CASE WHEN bool_and(m.std_error IS NOT NULL) FILTER (WHERE l.depth <= 0.1)
        THEN avg(m.std_error) FILTER (WHERE l.depth <= 0.1) END AS start_error,
    CASE WHEN bool_and(m.std_error IS NOT NULL) FILTER (WHERE l.depth BETWEEN 1 / 3 AND 2 / 3)
        THEN avg(m.std_error) FILTER (WHERE l.depth BETWEEN 1 / 3 AND 2 / 3) END AS middle_error,
    CASE WHEN bool_and(m.std_error IS NOT NULL) FILTER (WHERE l.depth >= 1 - 0.1)
        THEN avg(m.std_error) FILTER (WHERE l.depth >= 1 - 0.1) END AS end_error
FROM measurement AS m
JOIN (SELECT unnest($runs::VARCHAR[]) AS run_id) AS chosen USING (run_id)
JOIN layer AS l
    ON l.run_id = m.run_id AND l.stack = m.stack AND l.layer = m.layer AND l.site = m.site
WHERE m.metric = 'anisotropy' AND m.site <> 'final_norm' AND m.value IS NOT NULL
GROUP BY m.run_id, m.stack, m.scope
ORDER BY m.run_id, m.stack, m.scope
"""

# Aggregates beside the rows, not windows over them: those took 20 s on ten million numbers.
_HIGHEST = """
WITH found AS (
    SELECT m.run_id, m.stack, m.layer, m.scope, m.metric, m.value, m.ci_low, m.ci_high
    FROM measurement AS m
    JOIN (SELECT unnest($runs::VARCHAR[]) AS run_id) AS chosen USING (run_id)
    WHERE m.metric = $metric AND m.value IS NOT NULL AND m.site <> 'final_norm'
),
whole AS (
    SELECT
        max(value) AS highest,
        max(coalesce(ci_high, value)) AS possible,
        count(*) FILTER (WHERE ci_low > $ceiling) AS surely
    FROM found
)
SELECT found.*, whole.possible, whole.surely
FROM found
JOIN whole ON whole.highest = found.value
JOIN run ON run.run_id = found.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
ORDER BY
    checkpoint.step NULLS LAST, checkpoint.revision, found.layer, found.scope, found.run_id,
    found.stack
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
    """Where the anisotropy of a model's last checkpoint is highest, over one stack and text.

    The means are over the first tenth of the depth, the middle third and the last tenth;
    each has an error where all its layers have one.
    """

    run: int
    model: str
    kind: str
    text: str
    stack: str
    scope: str
    layer: int
    depth: float
    value: float
    start_mean: float | None
    middle_mean: float | None
    end_mean: float | None
    start_error: float | None
    middle_error: float | None
    end_error: float | None


@dataclass(frozen=True)
class Highest:
    """The highest dimension of any layer, run and scope.

    ``possible`` is the highest that any interval reaches; ``surely`` counts the intervals
    that lie above the ceiling as a whole.
    """

    run: int
    model: str
    stack: str
    layer: int
    scope: str
    metric: str
    value: float
    ci_low: float | None
    ci_high: float | None
    possible: float
    surely: int


@dataclass(frozen=True)
class Evidence:
    """What the findings are drawn from.

    Attributes:
        peaks: of anisotropy, for the last checkpoints.
        anisotropy: its way through training.
        dimension: the way of the estimate of intrinsic dimension.
        estimate: which estimate that is; None if none was measured.
        highest: its highest value.
        stored: numbers stored per run, by place; among them undefined ones.
        undefined: per model, metric, scope and reason: how many and where.
        massive: coordinates that are massive in the last checkpoints.
        larger: tokens of an earlier run that read more than the latest one, by the place
            of that latest one.
    """

    peaks: tuple[Peak, ...]
    anisotropy: tuple[Trajectory, ...]
    dimension: tuple[Trajectory, ...]
    estimate: str | None
    highest: Highest | None
    stored: dict[int, tuple[int, int]]
    undefined: tuple[Row, ...]
    massive: tuple[Massive, ...]
    larger: dict[int, int]


def read_evidence(database: "Database", contents: Contents) -> Evidence:
    """Ask the store for what the findings need: small tables, whatever its size."""
    ids = contents.run_ids
    place_of = {run_id: place for place, run_id in enumerate(ids)}
    trained = [ids[place] for place, run in enumerate(contents.runs) if not untrained(run)]
    measured = {metric["name"] for metric in contents.metrics}
    estimate = next((name for name in _DIMENSIONS if name in measured), None)
    newest = [ids[place] for place in contents.newest if not untrained(contents.runs[place])]
    peaks = database.select(_PEAKS, {"runs": newest}).to_pylist()
    asked = {"runs": trained, "metric": estimate, "ceiling": CEILING}
    highest = database.select(_HIGHEST, asked).to_pylist() if estimate else []
    stored = database.select(_STORED, {"runs": ids}).to_pylist()
    named = _named(contents)
    return Evidence(
        peaks=tuple(_peak(row, named, place_of) for row in peaks),
        anisotropy=read_trajectories(database, contents, "anisotropy"),
        dimension=read_trajectories(database, contents, estimate) if estimate else (),
        estimate=estimate,
        highest=_highest(highest[0], named, place_of) if highest else None,
        stored={place_of[row["run_id"]]: (row["stored"], row["undefined"]) for row in stored},
        undefined=tuple(readable(database.select(_UNDEFINED, {"runs": ids}).to_pylist())),
        massive=read_massive(database, contents),
        larger={
            place_of[run.run_id]: run.hidden_tokens
            for run in hidden_runs(database)
            if run.run_id in place_of
        },
    )


def _peak(row: Row, named: list[dict[str, str]], place_of: dict[str, int]) -> Peak:
    values: dict[str, Any] = dict(row)
    place = place_of[values.pop("run_id")]
    return Peak(run=place, **(named[place] | values))


def _highest(row: Row, named: list[dict[str, str]], place_of: dict[str, int]) -> Highest:
    values: dict[str, Any] = dict(row)
    place = place_of[values.pop("run_id")]
    return Highest(run=place, model=named[place]["model"], **values)


def _named(contents: Contents) -> list[dict[str, str]]:
    """Return label, kind and text of every run, by place."""
    names: list[dict[str, str]] = [{"text": text} for text in text_names(contents)]
    for model in contents.models:
        for place in model.runs:
            names[place] |= {"model": model.label, "kind": str(model.facts["kind"])}
    return names
