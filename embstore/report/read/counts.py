"""Counts what is stored: numbers per run and per metric, and which are undefined and why."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from embstore.report.read.readable import readable
from embstore.report.records import Contents, Row

if TYPE_CHECKING:
    from embstore.store.database import Database

# Both counts in one scan of the largest table. The question ``coverage`` counts too, layer by
# layer and for one metric.
_COUNTS = """
SELECT
    run_id,
    metric,
    count(*) AS stored,
    count(*) - count(value) AS undefined,
    count(ci_low) > 0 AS bounded
FROM measurement
JOIN (SELECT unnest($runs::VARCHAR[]) AS run_id) AS chosen USING (run_id)
GROUP BY GROUPING SETS ((run_id), (metric))
ORDER BY run_id, metric
"""

_UNDEFINED = """
WITH kinds AS MATERIALIZED (
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
)
SELECT *, (SELECT count(*) FROM kinds) AS kinds
FROM kinds
ORDER BY numbers DESC, model, metric, scope, reason
LIMIT 500
"""

# Over all models, metrics and scopes: the largest of the groups above may be of a rarer reason.
_COMMONEST = """
SELECT reason
FROM measurement
JOIN (SELECT unnest($runs::VARCHAR[]) AS run_id) AS chosen USING (run_id)
WHERE value IS NULL
GROUP BY reason
ORDER BY count(*) DESC, reason
LIMIT 1
"""


@dataclass(frozen=True)
class MetricCount:
    """How much of a metric is stored.

    Attributes:
        metric: its name.
        stored: numbers over all runs of the report.
        undefined: how many of them are undefined.
        bounded: some of them have an interval.
    """

    metric: str
    stored: int
    undefined: int
    bounded: bool


@dataclass(frozen=True)
class Counts:
    """What is stored of the runs of a report.

    Attributes:
        of_run: numbers per run, by place; and how many of them are undefined.
        of_metric: numbers per metric, by name.
        undefined: per model, metric, scope and reason: how many and where, most first; the
            first 500 of these groups.
        undefined_kinds: how many groups there are.
        commonest_reason: why most numbers are undefined; empty if none is.
    """

    of_run: dict[int, tuple[int, int]]
    of_metric: tuple[MetricCount, ...]
    undefined: tuple[Row, ...]
    undefined_kinds: int
    commonest_reason: str


def read_counts(database: "Database", contents: Contents) -> Counts:
    """Count what is stored of the runs of a report."""
    runs = {"runs": contents.run_ids}
    rows = database.select(_COUNTS, runs).to_pylist()
    undefined = readable(database.select(_UNDEFINED, runs).to_pylist())
    commonest = readable(database.select(_COMMONEST, runs).to_pylist()) if undefined else []
    return Counts(
        of_run={
            contents.place_of[row["run_id"]]: (row["stored"], row["undefined"])
            for row in rows
            if row["run_id"] is not None
        },
        of_metric=tuple(
            MetricCount(row["metric"], row["stored"], row["undefined"], row["bounded"])
            for row in rows
            if row["metric"] is not None
        ),
        undefined=tuple(
            {key: value for key, value in row.items() if key != "kinds"} for row in undefined
        ),
        undefined_kinds=undefined[0]["kinds"] if undefined else 0,
        commonest_reason=str(commonest[0]["reason"]) if commonest else "",
    )
