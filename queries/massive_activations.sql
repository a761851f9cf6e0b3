-- title: Massive activations, by token and coordinate
-- doc: The largest single coordinates of every layer, over all tokens, with the token they
--   belong to; ratio compares each with the layer's median absolute coordinate. Massive
--   activations are found at the same few coordinates and tokens in layer after layer, with
--   ratios in the thousands. The latest run of each checkpoint and text; the state after the
--   final norm is left out unless asked for.
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param least_ratio DOUBLE = 100 in 0..: only coordinates this many times the median
-- param ranks INTEGER = 3 in 1..: how many of each layer, the largest first; 16 are stored
-- param final_norm BOOLEAN = false: also the state after the final norm
-- chart: mark=point x=layer:Q y=ratio:Q color=place:N facet=series:N
-- table: series place layer ratio token value
-- needs: coordinates so many times the median of their layer
WITH largest AS (
    SELECT run_id, stack, layer, site, max(abs(value)) AS value
    FROM massive_activation
    GROUP BY ALL
),
largest_ratio AS (
    SELECT run_id, stack, layer, site, value
    FROM measurement
    WHERE metric = 'massive_ratio' AND scope = 'all'
)
SELECT
    series(r.model, r.revision, r.corpus, run_id)
    || CASE WHEN min(stack) OVER (PARTITION BY r.model) < max(stack) OVER (PARTITION BY r.model)
        THEN ' · ' || stack ELSE '' END AS series,
    'coordinate ' || massive.coordinate AS place,
    r.model, r.revision, r.step, r.corpus, stack, layer, site, massive.rank, massive.coordinate,
    massive.value,
    abs(massive.value) * largest_ratio.value / largest.value AS ratio,
    massive.token, massive.token_id, massive.window_index, massive.position, run_id
FROM massive_activation AS massive
JOIN latest_run AS r USING (run_id)
JOIN largest USING (run_id, stack, layer, site)
LEFT JOIN largest_ratio USING (run_id, stack, layer, site)
WHERE ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], r.model))
    AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], r.revision))
    AND massive.rank <= $ranks
    AND (site <> 'final_norm' OR $final_norm::BOOLEAN)
    AND coalesce(abs(massive.value) * largest_ratio.value / largest.value >= $least_ratio, true)
ORDER BY
    r.model, r.corpus, r.step NULLS LAST, r.revision, run_id, stack, layer, site, massive.rank
