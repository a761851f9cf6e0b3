-- title: What sinks do to the peak
-- doc: Where each model's metric peaks over all tokens, and what remains there without
--   the first token of each window and without sinks, tokens whose norm at some block
--   is many times that of their window's others; effect is what sinks add at the peak. One
--   row per model and stack; the latest run of each checkpoint and text. The state after the
--   final norm is left out.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- chart: mark=point x=effect:Q y=series:N color=kind:N
SELECT
    p.model
    || CASE WHEN min(p.revision) OVER of_model < max(p.revision) OVER of_model
        THEN '@' || p.revision ELSE '' END
    || CASE WHEN min(p.corpus) OVER of_model < max(p.corpus) OVER of_model
        THEN ' · ' || p.corpus ELSE '' END
    || CASE WHEN min(p.run_id) OVER of_corpus < max(p.run_id) OVER of_corpus
        THEN ' · run ' || left(p.run_id, 8) ELSE '' END
    || CASE WHEN p.kind = 'encoder-decoder' THEN ' · ' || p.stack ELSE '' END AS series,
    p.model,
    p.kind,
    p.revision,
    p.step,
    p.corpus,
    p.stack,
    p.metric,
    -- The lowest of layers that tie.
    first(p.layer ORDER BY p.value DESC, p.layer)
        FILTER (p.scope = 'all' AND p.value IS NOT NULL) AS peak_layer,
    -- Not the largest here: a metric of two layers has no value at the last.
    any_value(last.n_layers) AS n_layers,
    max(p.value) FILTER (p.scope = 'all') AS at_peak,
    first(sinkless.value ORDER BY p.value DESC, p.layer)
        FILTER (p.scope = 'all' AND p.value IS NOT NULL) AS at_peak_no_sinks,
    max(p.value) FILTER (p.scope = 'no_sinks') AS peak_no_sinks,
    at_peak - at_peak_no_sinks AS effect,
    max(l.n_tokens) AS n_tokens,
    max(l.n_first) AS n_first,
    max(l.n_sinks) AS n_sinks,
    p.run_id
FROM profile_latest AS p
JOIN layer AS l USING (run_id, stack, layer, site)
JOIN measurement AS sinkless USING (run_id, stack, layer, site, metric)
JOIN (
    SELECT run_id, stack, max(layer) AS n_layers FROM layer GROUP BY run_id, stack
) AS last ON last.run_id = p.run_id AND last.stack = p.stack
WHERE p.metric = $metric
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], p.model))
    AND p.site <> 'final_norm'
    AND sinkless.scope = 'no_sinks'
GROUP BY p.model, p.kind, p.revision, p.step, p.corpus, p.stack, p.metric, p.run_id
WINDOW
    of_model AS (PARTITION BY p.model),
    of_corpus AS (PARTITION BY p.model, p.revision, p.corpus)
ORDER BY p.model, p.corpus, p.step NULLS LAST, p.revision, p.run_id, p.stack
