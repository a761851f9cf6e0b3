-- title: Intrinsic dimension by scale
-- doc: A few layers, or those asked for, one line each: the dimension from the ratio of each token's distances to its
--   rank-th and (2·rank)-th neighbour (Gride), against the mean of the two distances, one panel
--   per model. Without layers, five blocks are shown: from the first to the last, evenly spaced. Rely on a dimension where its line is flat over a range of distances. Noise
--   raises it at the smallest distances, and estimates above about 20 are too low. The latest
--   run of each checkpoint and text.
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param layers INTEGER[] = NULL in 0..: only these layers; NULL means five blocks
-- param all_layers BOOLEAN = false: every layer, instead of five blocks
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param by VARCHAR = 'mean_distance' in ('mean_distance', 'rank'): the chart's horizontal axis
-- param final_norm BOOLEAN = false: also the state after the final norm
-- chart: mark=line x=$by:Q y=dimension:Q color=depth:Q dash=scope:N facet=series:N detail=state:N
WITH few AS (
    SELECT
        run_id, stack,
        list_transform(
            range(5), lambda part: 1 + round(part * (n_layers - 1) / 4)::INTEGER
        ) AS blocks
    FROM n_stack_layers
)
SELECT
    series(model, revision, corpus, run_id, kind, stack) AS series,
    'layer ' || layer
    || CASE WHEN site = 'final_norm' THEN ' after final norm' ELSE '' END AS state,
    scope, layer, depth, site, rank, mean_distance, dimension, std_error, ci_low, ci_high, n,
    model, kind, revision, step, corpus, stack, run_id
FROM curve_profile
JOIN few USING (run_id, stack)
WHERE run_id IN (SELECT latest_run.run_id FROM latest_run)
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
    AND CASE
        WHEN $layers::INTEGER[] IS NOT NULL THEN list_contains($layers::INTEGER[], layer)
        ELSE $all_layers::BOOLEAN OR list_contains(blocks, layer) END
    AND list_contains($scopes::VARCHAR[], scope)
    AND (site <> 'final_norm' OR $final_norm::BOOLEAN)
ORDER BY
    model, corpus, step NULLS LAST, revision, run_id, stack, scope, layer, site, rank
