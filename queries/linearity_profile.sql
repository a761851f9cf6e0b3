-- title: How linear each layer's step to the next is
-- doc: Two shares for each layer: how much of the next layer the best linear map of this one
--   explains, and how much of what the next layer adds. The first is near 1 in any residual
--   stream; the second is not. The last layer has none. The latest run of each checkpoint and
--   text, measured with pairs; the state after the final norm is left out.
-- param metrics VARCHAR[] = ['linearity_next', 'linearity_residual_next'] in ('linearity_next', 'linearity_residual_next'): which
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param by VARCHAR = 'depth' in ('depth', 'layer'): the chart's horizontal axis
-- chart: mark=line x=$by:Q y=linearity:Q color=series:N dash=scope:N facet=measure:N
SELECT
    series(model, revision, corpus, run_id, kind, stack) AS series,
    latest_metric.title AS measure,
    scope, layer, depth, site, metric,
    value AS linearity,
    std_error, ci_low, ci_high, n, reason, model, kind, revision, step, corpus, stack, run_id
FROM profile_latest
JOIN latest_metric ON latest_metric.name = metric
WHERE list_contains($metrics::VARCHAR[], metric)
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
    AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], revision))
    AND list_contains($scopes::VARCHAR[], scope)
    AND site <> 'final_norm'
ORDER BY model, corpus, step NULLS LAST, revision, run_id, stack, metric, scope, layer
