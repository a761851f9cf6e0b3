-- title: Main metrics, layer by layer
-- doc: One row per model and layer with the metrics side by side; the latest run of each
--   checkpoint and text. Anisotropy has two columns: over all tokens, and without the few sink
--   tokens, whose norms alone can make it large. Everything else is of the scope asked for.
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- table: series layer site anisotropy anisotropy_no_sinks twonn mle
SELECT
    series(model, revision, corpus, run_id, kind, stack) AS series,
    layer, site,
    max(value) FILTER (metric = 'anisotropy' AND scope = 'all') AS anisotropy,
    max(value) FILTER (metric = 'anisotropy' AND scope = 'no_sinks') AS anisotropy_no_sinks,
    max(value) FILTER (metric = 'twonn' AND scope = $scope) AS twonn,
    max(value) FILTER (metric = 'mle' AND scope = $scope) AS mle,
    max(value) FILTER (metric = 'mean_cosine' AND scope = $scope) AS mean_cosine,
    max(value) FILTER (metric = 'participation_ratio' AND scope = $scope) AS participation_ratio,
    max(value) FILTER (metric = 'effective_rank' AND scope = $scope) AS effective_rank,
    max(value) FILTER (metric = 'norm_p50' AND scope = $scope) AS norm_p50,
    max(value) FILTER (metric = 'massive_ratio' AND scope = $scope) AS massive_ratio,
    model, revision, step, corpus, stack, run_id
FROM profile_latest
WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model)
GROUP BY model, kind, revision, step, corpus, run_id, stack, layer, site
ORDER BY model, corpus, step NULLS LAST, revision, run_id, stack, layer, site
