-- title: Encoders against decoders
-- doc: The same profile in one panel per kind of model, with and without attention sinks: it
--   shows what is left of a decoder's bell once a few tokens with huge norms do not count. The
--   latest run of each checkpoint and text; depth makes models with different numbers of layers
--   comparable. The state after the final norm is left out.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param scopes VARCHAR[] = ['all', 'no_sinks'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- chart: mark=line x=depth:Q y=value:Q color=series:N dash=scope:N facet=kind:N
SELECT
    kind,
    series(model, revision, corpus, run_id, kind, stack) AS series,
    scope, layer, depth, metric, value, std_error, ci_low, ci_high, n, reason, model, revision,
    step, corpus, stack, run_id
FROM profile_latest
WHERE metric = $metric
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
    AND list_contains($scopes::VARCHAR[], scope)
    AND site <> 'final_norm'
ORDER BY kind, model, corpus, step NULLS LAST, revision, run_id, stack, scope, layer
