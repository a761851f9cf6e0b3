-- title: Several metrics across layers, one below the other
-- doc: One panel per metric, with the same layers below each other, so that what happens at one layer
--   is seen in all. For the figure of Queipo-de-Llano et al. 2025 ask for
--   metrics=window_matrix_entropy,sink_rate,first_token_norm, of --attention. The latest run of each checkpoint and text; the
--   state after the final norm is left out.
-- param metrics VARCHAR[] = ['anisotropy', 'twonn'] in metric.name: which metrics
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param by VARCHAR = 'depth' in ('depth', 'layer'): the chart's horizontal axis
-- chart: mark=line x=$by:Q y=value:Q color=series:N dash=scope:N apart=quantity:N
-- table: quantity series scope layer value
SELECT
    series(model, revision, corpus, run_id, kind, stack) AS series,
    latest_metric.title AS quantity,
    scope, layer, depth, site, metric, value, std_error, ci_low, ci_high, n, reason,
    model, kind, revision, step, corpus, stack, run_id
FROM profile_latest
JOIN latest_metric ON latest_metric.name = metric
WHERE list_contains($metrics::VARCHAR[], metric)
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
    AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], revision))
    AND list_contains($scopes::VARCHAR[], scope)
    AND site <> 'final_norm'
ORDER BY
    list_position($metrics::VARCHAR[], metric), model, corpus, step NULLS LAST, revision, run_id,
    stack, scope, layer
