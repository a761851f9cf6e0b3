"""Numbers that cannot be: beyond bounds, of more tokens than there are, in halves.

Each statement gives the rows of one fault, with how many they stand for as ``n``.
"""

from embstore.store.verification.gaps import METRICS_OF_RUNS

# A metric's bounds as they are stored, for n vectors of d dimensions.
BOUNDS = {
    "-inf": "-'inf'::DOUBLE",
    "-8": "-8.0",
    "-1/(n - 1)": "-1.0 / greatest(n - 1, 1)",
    "-1": "-1.0",
    "0": "0.0",
    "1/d": "1.0 / d",
    "1": "1.0",
    "log(min(n, d))": "ln(greatest(least(n, d), 1))",
    "min(n, d)": "least(n, d)",
    "d - 1": "d - 1",
    "d": "d",
    "180": "180.0",
    "inf": "'inf'::DOUBLE",
}
# Of rounding, in a number and in its bound.
_SLACK = 1e-6


def _bound(column: str) -> str:
    cases = " ".join(f"WHEN '{text}' THEN {sql}" for text, sql in BOUNDS.items())
    # What a later embstore may write is no fault.
    return f"CASE {column} {cases} END"


UNEXPLAINED = """
SELECT run_id, stack, layer, scope, metric, 1 AS n
FROM measurement SEMI JOIN run USING (run_id)
WHERE (value IS NULL AND reason IS NULL) OR (value IS NOT NULL AND NOT isfinite(value))
"""
_NO_INTERVAL = """
FROM {table} SEMI JOIN run USING (run_id)
WHERE std_error < 0 OR ci_low > {value} + {slack} * abs({value})
    OR ci_high < {value} - {slack} * abs({value})
"""
NO_INTERVAL = "SELECT run_id, stack, layer, scope, metric, 1 AS n " + _NO_INTERVAL.format(
    table="measurement", value="value", slack=_SLACK
)
NO_DISTANCE_INTERVAL = (
    "SELECT run_id, stack, layer, scope, other_layer, 1 AS n "
    + _NO_INTERVAL.format(table="angular_distance", value="distance", slack=_SLACK)
)
NO_CURVE_INTERVAL = "SELECT run_id, stack, layer, scope, rank, 1 AS n " + _NO_INTERVAL.format(
    table="dimension_curve", value="dimension", slack=_SLACK
)
_NUMBERS = f"""
WITH known AS (
    SELECT asked.run_id, asked.metric, metric.lower, metric.upper, metric.unit
    FROM ({METRICS_OF_RUNS}) AS asked
    JOIN metric ON metric.name = asked.metric AND metric.version = asked.version
),
numbers AS (
    SELECT
        measurement.* EXCLUDE (window_effects), known.lower, known.upper, known.unit,
        layer.hidden_size AS d
    FROM measurement
    JOIN known USING (run_id, metric)
    JOIN layer USING (run_id, stack, layer, site)
    -- Impossible counts are told by themselves, and have no bounds.
    WHERE value IS NOT NULL AND measurement.n > 0 AND layer.hidden_size > 0
)
"""  # noqa: S608 - names of our own
OUT_OF_BOUNDS = f"""
{_NUMBERS},
limits AS (
    SELECT *, {_bound("lower")} AS least, {_bound("upper")} AS most FROM numbers
)
SELECT run_id, stack, layer, scope, metric, value, 1 AS n
FROM limits
WHERE least(value, coalesce(ci_low, value)) < least - {_SLACK} * greatest(1, abs(least))
    OR greatest(value, coalesce(ci_high, value)) > most + {_SLACK} * greatest(1, abs(most))
"""  # noqa: S608 - names of our own
NO_INDEX = f"""
{_NUMBERS}
SELECT run_id, stack, layer, scope, metric, value, 1 AS n
FROM numbers WHERE unit = 'index' AND value <> round(value)
"""  # noqa: S608 - names of our own
IMPOSSIBLE_RUN = """
SELECT run_id, 1 AS n
FROM run
WHERE least(tokens, window_size, n_windows, sample_size) < 1 OR repeat < 0
"""
IMPOSSIBLE_LAYER = """
SELECT run_id, stack, layer, site, 1 AS n
FROM layer SEMI JOIN run USING (run_id)
WHERE least(layer, n_tokens, n_first, n_sinks, n_sample, n_duplicates, n_zero) < 0
    OR hidden_size < 1 OR n_first + n_sinks > n_tokens
    OR greatest(n_sample, n_zero) > n_tokens OR n_duplicates > n_sample
    OR NOT depth BETWEEN 0 AND 1 OR NOT neighbor_recall BETWEEN 0 AND 1
"""
IMPOSSIBLE_SPECTRUM = f"""
SELECT run_id, stack, layer, site, scope, 1 AS n
FROM spectrum JOIN layer USING (run_id, stack, layer, site) SEMI JOIN run USING (run_id)
WHERE len(eigenvalues) <> hidden_size OR list_count(eigenvalues) < len(eigenvalues)
    OR NOT isfinite(trace) OR list_min(eigenvalues) < -{_SLACK} * abs(trace)
    OR abs(list_sum(eigenvalues) - trace) > {_SLACK} * abs(trace)
"""  # noqa: S608 - a number
IMPOSSIBLE_CURVE = """
SELECT run_id, stack, layer, site, scope, rank, 1 AS n
FROM dimension_curve SEMI JOIN run USING (run_id)
WHERE rank < 1 OR dimension < 0 OR mean_distance < 0
    OR NOT isfinite(dimension) OR NOT isfinite(mean_distance)
"""
IMPOSSIBLE_DISTANCE = f"""
SELECT run_id, stack, layer, site, other_layer, scope, 1 AS n
FROM angular_distance SEMI JOIN run USING (run_id)
WHERE other_layer <= layer OR NOT distance BETWEEN -{_SLACK} AND 1 + {_SLACK}
"""  # noqa: S608 - a number
IMPOSSIBLE_ACTIVATION = """
SELECT run_id, stack, layer, site, rank, 1 AS n
FROM massive_activation JOIN layer USING (run_id, stack, layer, site) JOIN run USING (run_id)
WHERE rank < 1 OR NOT isfinite(value) OR coordinate NOT BETWEEN 0 AND layer.hidden_size - 1
    OR window_index NOT BETWEEN 0 AND run.n_windows - 1
    OR position NOT BETWEEN 0 AND run.window_size - 1
"""
IMPOSSIBLE_SCORE = """
SELECT model, revision, step, name, value, 1 AS n
FROM score
WHERE NOT isfinite(value) OR std_error < 0 OR NOT isfinite(std_error) OR step < 0
"""


def impossible_count(table: str) -> str:
    """Return what finds numbers of fewer vectors than none, or more than the layer has tokens."""
    return f"""
        SELECT run_id, stack, layer, scope, {table}.n AS vectors, 1 AS n
        FROM {table} JOIN layer USING (run_id, stack, layer, site) SEMI JOIN run USING (run_id)
        WHERE {table}.n < 0 OR {table}.n > layer.n_tokens
    """  # noqa: S608 - names of our own
