-- title: How similar each layer is to the next
-- doc: Linear CKA, the share of common nearest neighbours and the mean cosine between a layer
--   and the next, one panel each. The last layer has none. The latest run of each checkpoint
--   and text, measured with pairs; the state after the final norm is left out.
-- param metrics VARCHAR[] = ['adjacent_cosine', 'cka_next', 'neighbor_overlap_next'] in ('adjacent_cosine', 'cka_next', 'neighbor_overlap_next'): which
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks'): which tokens count
-- param by VARCHAR = 'depth' in ('depth', 'layer'): the chart's horizontal axis
-- chart: mark=line x=$by:Q y=similarity:Q color=series:N dash=scope:N facet=measure:N
WITH titles AS (
    SELECT name, first(title ORDER BY version DESC) AS title FROM metric GROUP BY name
)
SELECT
    model
    || CASE WHEN min(revision) OVER of_model < max(revision) OVER of_model
        THEN '@' || revision ELSE '' END
    || CASE WHEN min(corpus) OVER of_model < max(corpus) OVER of_model
        THEN ' · ' || corpus ELSE '' END
    || CASE WHEN min(run_id) OVER of_corpus < max(run_id) OVER of_corpus
        THEN ' · run ' || left(run_id, 8) ELSE '' END
    || CASE WHEN kind = 'encoder-decoder' THEN ' · ' || stack ELSE '' END AS series,
    titles.title AS measure,
    scope,
    layer,
    depth,
    site,
    metric,
    value AS similarity,
    std_error,
    ci_low,
    ci_high,
    n,
    reason,
    model,
    kind,
    revision,
    step,
    corpus,
    stack,
    run_id
FROM profile_latest
JOIN titles ON titles.name = metric
WHERE list_contains($metrics::VARCHAR[], metric)
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
    AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], revision))
    AND list_contains($scopes::VARCHAR[], scope)
    AND site <> 'final_norm'
    -- Decides the chart's axis only.
    AND $by::VARCHAR IN ('depth', 'layer')
WINDOW
    of_model AS (PARTITION BY model),
    of_corpus AS (PARTITION BY model, revision, corpus)
ORDER BY model, corpus, step NULLS LAST, revision, run_id, stack, metric, scope, layer
