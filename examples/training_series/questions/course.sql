-- title: The blocks' mean and peak during training
-- doc: One row per model, scope, step and metric: the mean over the blocks, and the highest of
--   them with its layer. Layers share their tokens, so the standard error of a mean is the mean
--   of theirs, which is cautious. The embedding and the state after the final norm are left out.
-- param metrics VARCHAR[] = ['anisotropy', 'twonn'] in metric.name: which metrics
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
SELECT
    model, step, scope, metric,
    avg(value ORDER BY layer) AS mean,
    -- avg ignores NULL, but a mean has no error where one of its layers has none.
    CASE WHEN count(std_error) = count(*) THEN avg(std_error ORDER BY layer) END AS mean_error,
    max(value) AS peak,
    first(std_error ORDER BY value DESC, layer) AS peak_error,
    first(layer ORDER BY value DESC, layer) AS peak_layer
FROM profile_latest
WHERE list_contains($metrics::VARCHAR[], metric) AND site = 'block'
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
GROUP BY ALL
ORDER BY model, metric, scope, step
