-- title: Value against the tokens read
-- doc: One line per layer: a metric against the tokens that runs of one checkpoint read of one
--   text, one panel per checkpoint and settings. Measure again with other --tokens for more
--   points. A line that still rises or falls at its end is that of a number biased by too few
--   tokens. The latest run of each size; the state after the final norm is left out, and so are
--   runs of shuffled text.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param layers INTEGER[] = NULL in 0..: only these layers; NULL means all
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- chart: mark=line x=tokens:Q y=value:Q color=depth:Q facet=series:N detail=state:N
WITH of_each_size AS (
    SELECT
        *,
        concat_ws(
            ', ', CASE windows WHEN 'documents' THEN windows ELSE 'window ' || window_size END,
            'seed ' || seed, dtype
        ) AS settings
    FROM profile
    WHERE metric = $metric
        AND scope = $scope
        AND site <> 'final_norm'
        AND shuffle = 'none'
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
        AND ($layers::INTEGER[] IS NULL OR list_contains($layers::INTEGER[], layer))
    QUALIFY row_number() OVER (
        PARTITION BY model, revision, corpus, settings, tokens, stack, layer, site
        ORDER BY created_at DESC, repeat DESC, run_id
    ) = 1
)
SELECT
    series(model, revision, corpus, kind := kind, stack := stack)
    || CASE WHEN min(settings) OVER of_model <> max(settings) OVER of_model
        THEN ' · ' || settings ELSE '' END AS series,
    'layer ' || layer AS state,
    scope, layer, depth, tokens, metric, value, ci_low, ci_high, n, reason, model, kind, revision,
    step, corpus, stack, window_size, seed, dtype, run_id, std_error
FROM of_each_size
WINDOW of_model AS (PARTITION BY model, revision, corpus)
ORDER BY model, corpus, step NULLS LAST, revision, settings, stack, layer, tokens, run_id
