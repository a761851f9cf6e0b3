-- title: Where the profile peaks
-- doc: One row per model and scope: the layer where the metric is highest, its value there and
--   at both ends, and middle_minus_rest, the mean over the middle third of the depth minus the
--   mean over the rest. The latest run of each checkpoint and text; the embedding counts as
--   layer 0, but not for estimates of dimension from neighbours, and the state after the final
--   norm does not count. n_missing counts the layers without a value, which are left out.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param scopes VARCHAR[] = ['all', 'no_sinks'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- chart: mark=point x=peak_layer:Q y=series:N color=series:N fill=scope:N span=n_layers:Q label=peak_value:Q
-- table: series scope peak_layer peak_value
WITH peaks AS (
    SELECT
        run_id, model, kind, revision, step, corpus, stack, scope, metric,
        -- The stack's own blocks: an encoder-decoder's two stacks count apart, and a metric
        -- of two layers has no value at the last.
        any_value(n_stack_layers.n_layers) AS n_layers,
        -- Of several layers with the same value the lowest.
        first(layer ORDER BY value DESC, layer) FILTER (WHERE value IS NOT NULL) AS peak_layer,
        first(depth ORDER BY value DESC, layer) FILTER (WHERE value IS NOT NULL) AS peak_depth,
        max(value) AS peak_value,
        first(value ORDER BY layer) AS first_value,
        first(value ORDER BY layer DESC) AS last_value,
        avg(value) FILTER (WHERE depth BETWEEN 1 / 3 AND 2 / 3) AS middle_mean,
        avg(value) FILTER (WHERE depth NOT BETWEEN 1 / 3 AND 2 / 3) AS rest_mean,
        count(*) FILTER (WHERE value IS NULL) AS n_missing
    FROM profile_latest
    JOIN n_stack_layers USING (run_id, stack)
    WHERE metric = $metric
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
        AND list_contains($scopes::VARCHAR[], scope)
        AND site <> 'final_norm'
        -- What the embedding's vectors span is the vocabulary that was read, which no layer made.
        AND (site <> 'embedding' OR $metric NOT IN (
            'corrint', 'ess', 'lid_p05', 'lid_p25', 'lid_p50', 'lid_p75', 'lid_p95',
            'local_pca', 'mada', 'mle', 'mom', 'ph_dim', 'tle', 'twonn', 'twonn_low20', 'twonn_ml'))
    GROUP BY ALL
)
SELECT
    series(model, revision, corpus, run_id, kind, stack) AS series,
    scope, peak_layer, peak_depth, peak_value, first_value, last_value, middle_mean, rest_mean,
    middle_mean - rest_mean AS middle_minus_rest,
    metric, n_layers, n_missing, model, kind, revision, step, corpus, stack, run_id
FROM peaks
ORDER BY model, corpus, step NULLS LAST, revision, run_id, stack, scope
