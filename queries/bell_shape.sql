-- title: How much the middle stands out
-- doc: One row per model and scope: how far the mean over the middle third of the depth lies
--   above the mean over both ends, and the depth of the peak. shape is a bell where the middle
--   exceeds each end by more than z standard errors, a valley where it falls short of both,
--   rising or falling where it lies between them, flat where neither differs, and open
--   otherwise or without standard errors. The error of a mean over layers is the mean of
--   theirs, for layers share their tokens. The embedding counts as layer 0, the state after
--   the final norm does not count. The latest run of each checkpoint and text.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param scopes VARCHAR[] = ['all', 'no_sinks'] in ('all', 'no_first', 'no_sinks'): which tokens count
-- param ends DOUBLE = 0.1: the share of the depth that counts as an end, at each side
-- param z DOUBLE = 3: how many standard errors make a difference
-- param show VARCHAR = 'contrast' in ('contrast', 'peak_depth'): the chart's horizontal axis
-- chart: mark=point x=$show:Q y=series:N color=scope:N
WITH parts AS (
    SELECT
        run_id,
        model,
        kind,
        revision,
        step,
        corpus,
        stack,
        scope,
        metric,
        first(layer ORDER BY value DESC, layer) FILTER (WHERE value IS NOT NULL) AS peak_layer,
        first(depth ORDER BY value DESC, layer) FILTER (WHERE value IS NOT NULL) AS peak_depth,
        max(value) AS peak_value,
        avg(value) FILTER (WHERE depth <= $ends) AS start_mean,
        avg(value) FILTER (WHERE depth BETWEEN 1 / 3 AND 2 / 3) AS middle_mean,
        avg(value) FILTER (WHERE depth >= 1 - $ends) AS end_mean,
        avg(std_error) FILTER (WHERE depth <= $ends) AS start_error,
        avg(std_error) FILTER (WHERE depth BETWEEN 1 / 3 AND 2 / 3) AS middle_error,
        avg(std_error) FILTER (WHERE depth >= 1 - $ends) AS end_error,
        count(*) FILTER (WHERE value IS NULL) AS n_missing
    FROM profile_latest
    WHERE metric = $metric
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
        AND list_contains($scopes::VARCHAR[], scope)
        AND site <> 'final_norm'
    GROUP BY ALL
),
compared AS (
    SELECT
        *,
        (middle_mean - start_mean)
        / nullif(sqrt(middle_error * middle_error + start_error * start_error), 0) AS over_start,
        (middle_mean - end_mean)
        / nullif(sqrt(middle_error * middle_error + end_error * end_error), 0) AS over_end
    FROM parts
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
    scope,
    CASE
        WHEN over_start > $z AND over_end > $z THEN 'bell'
        WHEN over_start < -$z AND over_end < -$z THEN 'valley'
        WHEN over_start > $z AND over_end < -$z THEN 'rising'
        WHEN over_start < -$z AND over_end > $z THEN 'falling'
        WHEN abs(over_start) <= $z AND abs(over_end) <= $z THEN 'flat'
        ELSE 'open' END AS shape,
    middle_mean - (start_mean + end_mean) / 2 AS contrast,
    sqrt(middle_error * middle_error + (start_error + end_error) * (start_error + end_error) / 4)
        AS std_error,
    contrast - 1.96 * std_error AS ci_low,
    contrast + 1.96 * std_error AS ci_high,
    start_mean,
    middle_mean,
    end_mean,
    peak_layer,
    peak_depth,
    peak_value,
    metric,
    n_missing,
    model,
    kind,
    revision,
    step,
    corpus,
    stack,
    run_id
FROM compared
-- Decides the chart's axis only.
WHERE $show::VARCHAR IN ('contrast', 'peak_depth')
WINDOW
    of_model AS (PARTITION BY model),
    of_corpus AS (PARTITION BY model, revision, corpus)
ORDER BY series, run_id, stack, scope
