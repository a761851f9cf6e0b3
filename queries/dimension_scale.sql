-- title: Intrinsic dimension by scale
-- doc: One line per layer: the dimension from the ratio of each token's distances to its
--   rank-th and (2·rank)-th neighbour (Gride), against the mean of the two distances, one panel
--   per model. Rely on a dimension where its line is flat over a range of distances. Noise
--   raises it at the smallest distances, and estimates above about 20 are too low. The latest
--   run of each checkpoint and text.
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param layers INTEGER[] = NULL in 0..: only these layers; NULL means all
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks'): which tokens count
-- param by VARCHAR = 'mean_distance' in ('mean_distance', 'rank'): the chart's horizontal axis
-- param final_norm BOOLEAN = false: also the state after the final norm
-- chart: mark=line x=$by:Q y=dimension:Q color=depth:Q dash=scope:N facet=series:N detail=state:N
SELECT
    series(model, revision, corpus, run_id, kind, stack) AS series,
    'layer ' || layer
    || CASE WHEN site = 'final_norm' THEN ' after final norm' ELSE '' END AS state,
    scope, layer, depth, site, rank, mean_distance, dimension, std_error, ci_low, ci_high, n,
    model, kind, revision, step, corpus, stack, run_id
FROM curve_profile
WHERE run_id IN (SELECT latest_run.run_id FROM latest_run)
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
    AND ($layers::INTEGER[] IS NULL OR list_contains($layers::INTEGER[], layer))
    AND list_contains($scopes::VARCHAR[], scope)
    AND (site <> 'final_norm' OR $final_norm::BOOLEAN)
ORDER BY
    model, corpus, step NULLS LAST, revision, run_id, stack, scope, layer, site, rank
