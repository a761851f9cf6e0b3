-- title: Correlation with a score, by depth
-- doc: How far a metric and a score from elsewhere rank models, or the steps of a training, alike:
--   Spearman's correlation, layer by layer, with its interval of 95 % (Fisher's z with the error of
--   Bonett and Wright 2000). Over models each gives its last scored checkpoint, and profiles are
--   read off at the same relative depths, on straight lines between layers; encoders and decoders
--   stand apart. Over steps each training has a line, layer by layer. partial holds fixed what both
--   may only follow: over models the number of layers (or parameters), over steps the step. Steps
--   of one training, sizes of one family and seeds of one group are not independent: intervals over
--   them are too narrow. Among many layers and scores some correlate by chance. Fewer than 4 models
--   or steps, or equal values, give NULL with the reason, and no line in the chart.
-- param metric VARCHAR = 'twonn' in metric.name: which metric
-- param score VARCHAR = NULL in score.name: which score; NULL means the one of most checkpoints
-- param over VARCHAR = 'models' in ('models', 'steps'): over what they are correlated
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param statistics VARCHAR[] = ['Spearman', 'partial'] in ('Spearman', 'partial'): which correlations
-- param control VARCHAR = 'layers' in ('layers', 'parameters'): of a model, what partial holds fixed
-- param bins INTEGER = 20 in 1..1000: over models, into how many parts the depth is divided
-- chart: mark=line x=depth:Q y=correlation:Q color=series:N dash=statistic:N facet=score:N
-- table: series statistic layer depth correlation ci_low ci_high n reason
-- needs: scores of checkpoints that have this metric
WITH scored AS (
    SELECT s.checkpoint_id, s.name AS score, s.value
    FROM checkpoint_score AS s
    WHERE s.name = coalesce($score::VARCHAR, (
        SELECT name FROM checkpoint_score GROUP BY name ORDER BY count(*) DESC, name LIMIT 1))
),
scored_run AS (
    SELECT
        r.run_id, n.stack, n.n_layers, scored.score, scored.value AS scored_value,
        CASE WHEN $over = 'steps' THEN r.step
            WHEN $control = 'layers' THEN n.n_layers ELSE model.n_parameters END AS control
    FROM named_run AS r
    JOIN scored ON scored.checkpoint_id = r.checkpoint_id
    JOIN n_stack_layers AS n ON n.run_id = r.run_id
    JOIN model ON model.model_id = r.model_id
    WHERE NOT r.untrained AND ($over = 'models' OR r.step IS NOT NULL)
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], r.model))
        AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], r.revision))
    QUALIFY row_number() OVER (
        PARTITION BY
            r.model_id, r.corpus_id, n.stack,
            CASE WHEN $over = 'steps' THEN r.course END, CASE WHEN $over = 'steps' THEN r.step END
        ORDER BY training_order(r.revision, r.step) DESC, r.created_at DESC, r.run_id DESC
    ) = 1
),
states AS (
    SELECT p.*, s.n_layers, s.score, s.scored_value, s.control
    FROM named_profile AS p
    JOIN scored_run AS s ON s.run_id = p.run_id AND s.stack = p.stack
    WHERE p.metric = $metric AND p.scope = $scope AND p.site <> 'final_norm'
),
points AS (
    SELECT
        training_series(display_name, course, corpus, corpus_id, kind, stack) AS series,
        layer, depth, value, scored_value, control, score, metric, scope, run_id
    FROM states
    WHERE $over = 'steps'
    UNION ALL BY NAME
    SELECT
        b.stack || 's' || CASE WHEN (SELECT count(DISTINCT states.corpus_id) FROM states) > 1
            THEN ' · ' || b.corpus || ' ' || left(b.corpus_id, 8) ELSE '' END AS series,
        grid.depth, b.value + grid.part * (a.value - b.value) AS value, b.scored_value, b.control,
        b.score, b.metric, b.scope, b.run_id
    FROM (SELECT *, unnest(depth_grid($bins, n_layers), recursive := true) FROM scored_run) AS grid
    JOIN states AS b
        ON b.run_id = grid.run_id AND b.stack = grid.stack AND b.layer = grid.layer_below
    JOIN states AS a
        ON a.run_id = grid.run_id AND a.stack = grid.stack AND a.layer = grid.layer_above
    WHERE $over = 'models'
),
ranked AS (
    -- Equal values share the mean of their ranks.
    SELECT
        * EXCLUDE (value, scored_value, control),
        rank() OVER (cell ORDER BY value) + count(*) OVER (cell_value) / 2 AS x,
        rank() OVER (cell ORDER BY scored_value) + count(*) OVER (cell_score) / 2 AS y,
        rank() OVER (cell ORDER BY control) + count(*) OVER (cell_control) / 2 AS z
    FROM points
    WHERE value IS NOT NULL
    WINDOW
        cell AS (PARTITION BY series, layer, depth),
        cell_value AS (PARTITION BY series, layer, depth, value),
        cell_score AS (PARTITION BY series, layer, depth, scored_value),
        cell_control AS (PARTITION BY series, layer, depth, control)
),
found AS (
    SELECT
        series, layer, depth, score, metric, scope, unnest($statistics::VARCHAR[]) AS statistic,
        count(*) AS n, count(DISTINCT x) > 1 AS x_varies, count(DISTINCT y) > 1 AS y_varies,
        CASE WHEN x_varies AND y_varies AND n > 3 THEN round(corr(x, y), 12) END AS xy,
        CASE WHEN count(DISTINCT z) > 1 AND xy IS NOT NULL AND n > 4
            THEN round(partial_correlation(xy, corr(x, z), corr(y, z)), 12) END AS xy_z,
        CASE WHEN $over = 'models' THEN 'number of ' || $control ELSE 'step' END AS control,
        count(DISTINCT z) > 1 AS z_varies, list(run_id ORDER BY run_id) AS run_ids
    FROM ranked
    GROUP BY ALL
)
SELECT
    series, statistic, layer, depth, metric, score, scope,
    CASE statistic WHEN 'partial' THEN xy_z ELSE xy END AS correlation,
    rank_correlation_bound(
        correlation, n - (statistic = 'partial')::INTEGER, -1.959963984540054) AS ci_low,
    rank_correlation_bound(
        correlation, n - (statistic = 'partial')::INTEGER, 1.959963984540054) AS ci_high,
    n,
    CASE WHEN statistic = 'partial' THEN control END AS control,
    CASE
        WHEN n < 4 OR (n < 5 AND statistic = 'partial')
            THEN 'fewer than ' || (5 - (statistic <> 'partial')::INTEGER) || ' ' || $over
        WHEN NOT x_varies THEN 'the metric is the same in all'
        WHEN NOT y_varies THEN 'the score is the same in all'
        WHEN statistic = 'partial' AND NOT z_varies THEN 'the ' || control || ' is the same in all'
        WHEN correlation IS NULL THEN 'metric or score has the order of the ' || control
        WHEN ci_low IS NULL THEN 'all ranks agree or are opposite, which has no interval'
    END AS reason,
    run_ids
FROM found
ORDER BY series, statistic, layer, depth
