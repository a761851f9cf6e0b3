-- title: Massive activations, by token and coordinate
-- doc: The largest single coordinates of every layer, over all tokens, with the token
--   they belong to; ratio compares each with the layer's median absolute coordinate.
--   Massive activations stand in the same few coordinates and tokens layer after layer,
--   with ratios in the thousands. The latest run of each checkpoint and text; the state after
--   the final norm is left out unless asked for.
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param least_ratio DOUBLE = 100 in 0..: only coordinates this many times the median
-- param ranks INTEGER = 3 in 1..: how many of each layer, the largest first; 16 are stored
-- param final_norm BOOLEAN = false: also the state after the final norm
-- chart: mark=point x=layer:Q y=ratio:Q color=place:N facet=series:N
SELECT
    latest_run.model
    || CASE WHEN min(latest_run.revision) OVER of_model < max(latest_run.revision) OVER of_model
        THEN '@' || latest_run.revision ELSE '' END
    || CASE WHEN min(latest_run.corpus) OVER of_model < max(latest_run.corpus) OVER of_model
        THEN ' · ' || latest_run.corpus ELSE '' END
    || CASE WHEN min(massive.run_id) OVER of_corpus < max(massive.run_id) OVER of_corpus
        THEN ' · run ' || left(massive.run_id, 8) ELSE '' END
    || CASE WHEN min(massive.stack) OVER of_model < max(massive.stack) OVER of_model
        THEN ' · ' || massive.stack ELSE '' END AS series,
    'coordinate ' || massive.coordinate AS place,
    latest_run.model,
    latest_run.revision,
    latest_run.step,
    latest_run.corpus,
    massive.stack,
    massive.layer,
    massive.site,
    massive.rank,
    massive.coordinate,
    massive.value,
    abs(massive.value) * ratio.value / largest.value AS ratio,
    massive.token,
    massive.token_id,
    massive.window_index,
    massive.position,
    massive.run_id
FROM massive_activation AS massive
JOIN latest_run USING (run_id)
LEFT JOIN measurement AS ratio
    ON ratio.run_id = massive.run_id AND ratio.stack = massive.stack
    AND ratio.layer = massive.layer AND ratio.site = massive.site
    AND ratio.metric = 'massive_ratio' AND ratio.scope = 'all'
JOIN (
    SELECT run_id, stack, layer, site, max(abs(value)) AS value
    FROM massive_activation
    GROUP BY run_id, stack, layer, site
) AS largest
    ON largest.run_id = massive.run_id AND largest.stack = massive.stack
    AND largest.layer = massive.layer AND largest.site = massive.site
WHERE ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], latest_run.model))
    AND ($revisions::VARCHAR[] IS NULL
        OR list_contains($revisions::VARCHAR[], latest_run.revision))
    AND massive.rank <= $ranks
    AND (massive.site <> 'final_norm' OR $final_norm::BOOLEAN)
    AND coalesce(abs(massive.value) * ratio.value / largest.value >= $least_ratio, true)
WINDOW
    of_model AS (PARTITION BY latest_run.model),
    of_corpus AS (PARTITION BY latest_run.model, latest_run.revision, latest_run.corpus)
ORDER BY
    latest_run.model, latest_run.corpus, latest_run.step NULLS LAST, latest_run.revision,
    massive.run_id, massive.stack, massive.layer, massive.site, massive.rank
