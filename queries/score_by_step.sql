-- title: Over the steps of training, beside a score
-- doc: Above the metric, over the layers of each training, below a score from elsewhere, both over
--   the steps. The metric is its mean over the blocks that have a value at every step, or the
--   highest or lowest of them; a band around the score is 1.96 of its standard errors to either
--   side, where these are known. Embedding and the state after the final norm do not count. The
--   latest run of each checkpoint and text; checkpoints without a step are left out, and scores of
--   those that are not measured. How far both go together tells the question score_correlation,
--   with over=steps.
-- param metric VARCHAR = 'twonn' in metric.name: which metric
-- param score VARCHAR = NULL in score.name: which score; NULL means the one of most checkpoints
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param layers INTEGER[] = NULL in 1..: only these layers; NULL means all
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param of VARCHAR = 'mean' in ('mean', 'max', 'min'): what of the layers
-- param by VARCHAR = 'step' in ('step', 'tokens_seen'): the chart's horizontal axis
-- param scale VARCHAR = 'symlog' in ('symlog', 'linear'): of that axis; symlog is logarithmic and holds 0
-- chart: mark=line x=$by:Q:$scale y=value:Q color=series:N apart=quantity:N
-- needs: scores of checkpoints with a training step that have this metric
WITH scored AS (
    SELECT model_id, revision, name, value, std_error
    FROM checkpoint_score
    WHERE step IS NOT NULL AND NOT untrained
        AND name = coalesce($score::VARCHAR, (
            SELECT name FROM checkpoint_score WHERE step IS NOT NULL
            GROUP BY name ORDER BY count(*) DESC, name LIMIT 1))
),
states AS (
    SELECT *
    FROM training_profile
    WHERE metric = $metric AND scope = $scope AND site = 'block' AND NOT untrained
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
        AND ($layers::INTEGER[] IS NULL OR list_contains($layers::INTEGER[], layer))
        AND model_id IN (SELECT scored.model_id FROM scored)
),
steps_known AS (
    SELECT model_id, course, corpus_id, stack, count(DISTINCT step) AS n_known
    FROM states
    WHERE value IS NOT NULL
    GROUP BY ALL
),
-- A layer that comes and goes would move the mean by that alone.
complete AS (
    SELECT model_id, course, corpus_id, stack, layer, true AS is_complete
    FROM states
    JOIN steps_known USING (model_id, course, corpus_id, stack)
    GROUP BY ALL
    HAVING count(value) = max(n_known)
),
measured AS (
    SELECT
        display_name, model, model_id, kind, revision, step, tokens_seen, course, corpus, corpus_id,
        stack, scope, metric, run_id,
        CASE $of
            WHEN 'mean' THEN avg(value ORDER BY layer) FILTER (is_complete)
            WHEN 'max' THEN max(value) FILTER (is_complete)
            ELSE min(value) FILTER (is_complete) END AS value
    FROM states
    LEFT JOIN complete USING (model_id, course, corpus_id, stack, layer)
    GROUP BY ALL
),
named AS (
    SELECT training_series(display_name, course, corpus, corpus_id, kind, stack) AS series, *
    FROM measured
)
SELECT
    series, $of || ' over layers' AS quantity, step, tokens_seen, value,
    NULL::DOUBLE AS ci_low, NULL::DOUBLE AS ci_high, scope, metric, NULL::VARCHAR AS score,
    model, kind, revision, corpus, stack, model_id, run_id
FROM named
UNION ALL
SELECT
    series, scored.name, step, tokens_seen, scored.value,
    scored.value - 1.959963984540054 * scored.std_error,
    scored.value + 1.959963984540054 * scored.std_error,
    NULL, NULL, scored.name, model, kind, revision, corpus, stack, model_id, run_id
FROM named JOIN scored USING (model_id, revision)
ORDER BY score NULLS FIRST, series, step, run_id
