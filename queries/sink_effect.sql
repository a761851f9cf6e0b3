-- title: What sinks do to the peak
-- doc: Where each model's metric peaks over all tokens, and what remains there without the
--   first token of each window and without sinks: tokens whose norm, at some block, is many
--   times the median of their window. effect is what sinks add at the peak. One row per model
--   and stack; the latest run of each checkpoint and text. The state after the final norm is
--   left out, and so is the embedding for estimates of dimension from neighbours.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- chart: mark=dumbbell x=at_peak:Q x2=at_peak_no_sinks:Q y=series:N color=series:N label=peak_layer:Q
-- table: series at_peak at_peak_no_sinks effect peak_layer
SELECT
    series(p.model, p.revision, p.corpus, run_id, p.kind, stack) AS series,
    p.model, p.kind, p.revision, p.step, p.corpus, stack, metric,
    max(p.value) FILTER (p.scope = 'all') AS at_peak,
    -- Of several layers with the same value the lowest.
    first(sinkless.value ORDER BY p.value DESC, layer)
        FILTER (p.scope = 'all' AND p.value IS NOT NULL) AS at_peak_no_sinks,
    at_peak - at_peak_no_sinks AS effect,
    first(layer ORDER BY p.value DESC, layer)
        FILTER (p.scope = 'all' AND p.value IS NOT NULL) AS peak_layer,
    -- Counted over all metrics: a metric of two layers has no value at the last.
    any_value(n_stack_layers.n_layers) AS n_layers,
    max(p.value) FILTER (p.scope = 'no_sinks') AS peak_no_sinks,
    first(p.std_error ORDER BY p.value DESC, layer)
        FILTER (p.scope = 'all' AND p.value IS NOT NULL) AS at_peak_error,
    first(sinkless.std_error ORDER BY p.value DESC, layer)
        FILTER (p.scope = 'all' AND p.value IS NOT NULL) AS at_peak_no_sinks_error,
    max(l.n_tokens) AS n_tokens,
    max(l.n_first) AS n_first,
    max(l.n_sinks) AS n_sinks,
    run_id
FROM profile_latest AS p
JOIN layer AS l USING (run_id, stack, layer, site)
JOIN measurement AS sinkless USING (run_id, stack, layer, site, metric)
JOIN n_stack_layers USING (run_id, stack)
WHERE metric = $metric
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], p.model))
    AND site <> 'final_norm'
    -- What the embedding's vectors span is the vocabulary that was read, which no layer made.
    AND (site <> 'embedding' OR $metric NOT IN (
        'corrint', 'ess', 'lid_p05', 'lid_p25', 'lid_p50', 'lid_p75', 'lid_p95',
        'local_pca', 'mada', 'mle', 'mom', 'ph_dim', 'tle', 'twonn', 'twonn_low20', 'twonn_ml'))
    AND sinkless.scope = 'no_sinks'
GROUP BY p.model, p.kind, p.revision, p.step, p.corpus, stack, metric, run_id
ORDER BY p.model, p.corpus, p.step NULLS LAST, p.revision, run_id, stack
