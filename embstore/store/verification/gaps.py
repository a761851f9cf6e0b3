"""What a run should have and lacks, or has and should not: layers, numbers, spectra, curves.

Each statement gives the rows of one fault, with how many they stand for as ``n``. Rows of runs
that are not in ``run`` are looked for elsewhere, and left alone here.
"""

from collections.abc import Iterable

from embstore.metrics.names import (
    NEED_NEIGHBORS,
    NEED_SPECTRUM,
    OF_ONE_LAYER,
    OF_TWO_LAYERS,
)
from embstore.store.quoting import quoted


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(quoted, sorted(names)))


_STATE = "run_id, stack, layer, site"
# Which metrics runs were to measure, or have had derived, in which version.
METRICS_OF_RUNS = """
SELECT run_id, asked.key AS metric, TRY_CAST(asked.value AS INTEGER) AS version
FROM (SELECT run_id, metric_versions FROM run WHERE json_valid(metric_versions)) AS readable,
    json_each(readable.metric_versions) AS asked
UNION
SELECT run_id, metric, version FROM derivation SEMI JOIN run USING (run_id)
"""
# Of one layer there is a row, with a number or a reason, for each state of a stack; of two, for
# each state but the last and the final norm. A metric that is not known here may be either.
_ASKED = f"""
asked AS (
    SELECT
        run_id, metric,
        CASE
            WHEN metric IN ({_listed(OF_ONE_LAYER)}) THEN 1
            WHEN metric IN ({_listed(OF_TWO_LAYERS)}) THEN 2
        END AS n_layers
    FROM ({METRICS_OF_RUNS})
),
asked_scopes AS (
    SELECT run_id, unnest(string_split(scopes, ',')) AS scope FROM run WHERE scopes IS NOT NULL
    UNION ALL
    SELECT DISTINCT run_id, scope FROM measurement SEMI JOIN (
        SELECT run_id FROM run WHERE scopes IS NULL
    ) USING (run_id)
)
"""  # noqa: S608 - quoted
# States with numbers. One that broke off has reasons alone, and none of the other tables.
_MEASURED = f"""
measured AS (
    SELECT
        {_STATE}, scope, bool_or(window_effects IS NOT NULL) AS has_effects,
        bool_or(metric IN ({_listed(NEED_SPECTRUM)})) AS has_spectrum
    FROM measurement SEMI JOIN run USING (run_id)
    WHERE value IS NOT NULL GROUP BY ALL
),
searched AS (
    SELECT DISTINCT run_id FROM ({METRICS_OF_RUNS}) WHERE metric IN ({_listed(NEED_NEIGHBORS)})
),
-- Runs have curves and activations since windows have effects, or a little longer; those without
-- errors came later.
recent AS (
    SELECT DISTINCT run_id FROM measured WHERE has_effects
    UNION SELECT run_id FROM run WHERE NOT intervals
)
"""  # noqa: S608 - quoted

NO_LAYERS = """
SELECT run_id, 1 AS n FROM run WHERE run_id NOT IN (SELECT run_id FROM layer)
"""
MISSING_LAYERS = """
SELECT run_id, stack, max(layer) + 1 - count(DISTINCT layer) AS n
FROM layer SEMI JOIN run USING (run_id)
GROUP BY run_id, stack HAVING max(layer) + 1 <> count(DISTINCT layer)
"""
# A model counts the blocks of all its stacks, and all of them are measured.
OTHER_BLOCKS = """
WITH found AS (
    SELECT run_id, count(DISTINCT (stack, layer)) FILTER (site = 'block') AS blocks
    FROM layer GROUP BY run_id
)
SELECT run_id, blocks, model.n_layers AS blocks_of_model, abs(blocks - model.n_layers) AS n
FROM found JOIN run USING (run_id) JOIN checkpoint USING (checkpoint_id) JOIN model USING (model_id)
WHERE blocks <> model.n_layers
"""
MISSING_NUMBERS = f"""
WITH {_ASKED},
states AS (
    SELECT
        run_id, stack, count(*) AS n_states,
        count(*) FILTER (site <> 'final_norm') - 1 AS n_pairs
    FROM layer GROUP BY run_id, stack
),
found AS (
    SELECT run_id, stack, scope, metric, count(*) AS n_rows FROM measurement GROUP BY ALL
),
expected AS (
    SELECT
        asked.run_id, states.stack, asked_scopes.scope, asked.metric, n_states, n_pairs,
        asked.n_layers, coalesce(n_rows, 0) AS n_rows
    FROM asked JOIN states USING (run_id) JOIN asked_scopes USING (run_id)
    LEFT JOIN found USING (run_id, stack, scope, metric)
)
SELECT
    run_id, stack, scope, metric,
    CASE WHEN n_layers = 2 THEN n_pairs ELSE n_states END - n_rows AS n
FROM expected
WHERE n_rows < CASE WHEN n_layers = 2 THEN n_pairs ELSE n_states END
    AND (n_layers IS NOT NULL OR n_rows <> n_pairs)
"""  # noqa: S608 - quoted
NOT_ASKED = f"""
WITH {_ASKED},
found AS (
    SELECT run_id, scope, metric, count(*) AS n
    FROM measurement SEMI JOIN run USING (run_id) GROUP BY ALL
)
SELECT run_id, scope, metric, n FROM found
WHERE (run_id, metric) NOT IN (SELECT run_id, metric FROM asked)
    OR (run_id, scope) NOT IN (SELECT run_id, scope FROM asked_scopes)
"""  # noqa: S608 - quoted
UNDEFINED_METRIC = f"""
SELECT metric, version, min(run_id) AS run_id, count(*) AS n
FROM ({METRICS_OF_RUNS}) AS asked
ANTI JOIN metric ON metric.name = asked.metric AND metric.version = asked.version
GROUP BY ALL
"""  # noqa: S608 - names of our own
UNREADABLE = """
SELECT run_id, 1 AS n
FROM run
WHERE NOT json_valid(metric_versions) OR NOT json_valid(tags) OR NOT json_valid(model_config)
    OR json_type(metric_versions) <> 'OBJECT' OR json_type(tags) <> 'OBJECT'
    OR json_type(model_config) <> 'OBJECT'
"""
# Those of every state that has its numbers, but where they were too large for float64.
MISSING_SPECTRA = f"""
WITH {_MEASURED}
SELECT run_id, stack, layer, site, scope, 1 AS n
FROM measured ANTI JOIN spectrum USING (run_id, stack, layer, site, scope)
WHERE has_spectrum OR run_id IN (SELECT run_id FROM spectrum)
"""  # noqa: S608 - names of our own
MISSING_CURVES = f"""
WITH {_MEASURED},
curves AS (
    SELECT {_STATE}, scope, count(DISTINCT rank) AS ranks FROM dimension_curve GROUP BY ALL
),
most AS (SELECT run_id, max(ranks) AS ranks FROM curves GROUP BY run_id)
SELECT
    run_id, stack, layer, site, scope,
    coalesce(most.ranks, 1) - coalesce(curves.ranks, 0) AS n
FROM measured SEMI JOIN searched USING (run_id) LEFT JOIN most USING (run_id)
LEFT JOIN curves USING (run_id, stack, layer, site, scope)
WHERE (most.ranks IS NOT NULL OR run_id IN (SELECT run_id FROM recent))
    AND coalesce(curves.ranks, 0) < coalesce(most.ranks, 1)
"""  # noqa: S608 - names of our own
# The distance to the next layer is a metric as well: where it has a value, all others are there.
MISSING_DISTANCES = """
WITH pairs AS (
    SELECT one.run_id, one.stack, one.layer, one.site, other.layer AS other_layer, one.scope
    FROM measurement AS one
    JOIN layer AS other USING (run_id, stack)
    WHERE one.metric = 'angular_distance_next' AND one.value IS NOT NULL
        AND other.site = 'block' AND other.layer = one.layer + 1
)
SELECT run_id, stack, layer, site, scope, 1 AS n
FROM pairs ANTI JOIN angular_distance USING (run_id, stack, layer, site, other_layer, scope)
"""
MISSING_ACTIVATIONS = f"""
WITH {_MEASURED},
largest AS (SELECT {_STATE}, count(DISTINCT rank) AS ranks FROM massive_activation GROUP BY ALL),
most AS (SELECT run_id, max(ranks) AS ranks FROM largest GROUP BY run_id),
expected AS (
    SELECT
        run_id, stack, layer, site, coalesce(largest.ranks, 0) AS ranks,
        least(coalesce(most.ranks, 1), layer.n_tokens * layer.hidden_size) AS expected
    FROM layer SEMI JOIN measured USING (run_id, stack, layer, site)
    LEFT JOIN most USING (run_id)
    LEFT JOIN largest USING (run_id, stack, layer, site)
    WHERE most.ranks IS NOT NULL OR run_id IN (SELECT run_id FROM recent)
)
SELECT run_id, stack, layer, site, expected - ranks AS n FROM expected WHERE ranks < expected
"""  # noqa: S608 - names of our own


def stray(table: str) -> str:
    """Return what finds the rows of a table that are of no layer."""
    return f"""
        SELECT {_STATE}, count(*) AS n
        FROM {table} SEMI JOIN run USING (run_id) ANTI JOIN layer USING ({_STATE}) GROUP BY ALL
    """  # noqa: S608 - names of our own
