-- title: How much the middle stands out
-- doc: One row per model and scope: how far the mean over the middle third of the depth lies
--   above the mean over both ends, and the depth of the peak. The middle differs from an end if
--   the two are apart by more than z standard errors and by more than least_contrast. shape is
--   bell if the middle is above both ends, valley if it is below both, rising or falling if it
--   is above one and below the other. shape is flat if it differs from neither, and the errors
--   are small enough to tell: z standard errors of each difference are less than a quarter of
--   the middle's mean. Otherwise it is open. Of few windows it takes more errors: as many as are
--   as rare in Student's t, of one degree of freedom less than there are windows, as z is in the
--   normal; so it is with the interval of 95 %. Layers share their tokens, so the error of a mean
--   over layers is the mean of their errors; it is missing if one of them has none. The
--   embedding counts as layer 0, but not for estimates of dimension from neighbours, where the
--   start is the first block at least; the state after the final norm does not count. The latest
--   run of each checkpoint and text.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param scopes VARCHAR[] = ['all', 'no_sinks'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param ends DOUBLE = 0.1 in 0..0.5: the share of the depth that counts as an end, at each side
-- param z DOUBLE = 3 in 0<..: how many standard errors make a difference
-- param least_contrast DOUBLE = 0.1 in 0..: the least difference that counts, in the metric's unit
-- param show VARCHAR = 'contrast' in ('contrast', 'peak_depth'): the chart's horizontal axis
-- chart: mark=point x=$show:Q y=series:N color=series:N fill=scope:N
-- table: series scope contrast shape
WITH counted AS (
    SELECT
        *,
        -- Where the embedding does not count, the first block is the start.
        depth <= greatest($ends, min(depth) OVER (PARTITION BY run_id, stack)) AS at_start
    FROM profile_latest
    JOIN (SELECT run_id, n_windows FROM run) USING (run_id)
    WHERE metric = $metric
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
        AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], revision))
        AND list_contains($scopes::VARCHAR[], scope)
        AND site <> 'final_norm'
        -- What the embedding's vectors span is the vocabulary that was read, which no layer made.
        AND (site <> 'embedding' OR $metric NOT IN (
            'corrint', 'ess', 'lid_p05', 'lid_p25', 'lid_p50', 'lid_p75', 'lid_p95',
            'local_pca', 'mada', 'mle', 'mom', 'ph_dim', 'tle', 'twonn', 'twonn_low20', 'twonn_ml'))
),
parts AS (
    SELECT
        run_id, model, kind, revision, step, corpus, stack, scope, metric,
        -- One window leaves no freedom, and gives no errors.
        nullif(n_windows - 1, 0) AS freedom,
        first(layer ORDER BY value DESC, layer) FILTER (WHERE value IS NOT NULL) AS peak_layer,
        first(depth ORDER BY value DESC, layer) FILTER (WHERE value IS NOT NULL) AS peak_depth,
        max(value) AS peak_value,
        avg(value) FILTER (WHERE at_start) AS start_mean,
        avg(value) FILTER (WHERE depth BETWEEN 1 / 3 AND 2 / 3) AS middle_mean,
        avg(value) FILTER (WHERE depth >= 1 - $ends) AS end_mean,
        -- avg ignores NULL, but a mean has no error where one of its values has none.
        CASE WHEN bool_and(std_error IS NOT NULL)
            FILTER (WHERE at_start AND value IS NOT NULL)
            THEN avg(std_error) FILTER (WHERE at_start) END AS start_error,
        CASE WHEN bool_and(std_error IS NOT NULL)
            FILTER (WHERE depth BETWEEN 1 / 3 AND 2 / 3 AND value IS NOT NULL)
            THEN avg(std_error) FILTER (WHERE depth BETWEEN 1 / 3 AND 2 / 3) END AS middle_error,
        CASE WHEN bool_and(std_error IS NOT NULL)
            FILTER (WHERE depth >= 1 - $ends AND value IS NOT NULL)
            THEN avg(std_error) FILTER (WHERE depth >= 1 - $ends) END AS end_error,
        count(*) FILTER (WHERE value IS NULL) AS n_missing
    FROM counted
    GROUP BY ALL
),
compared AS (
    SELECT
        *,
        middle_mean - start_mean AS over_start,
        middle_mean - end_mean AS over_end,
        student_errors($z, freedom) AS reach,
        reach * sqrt(middle_error * middle_error + start_error * start_error) AS start_margin,
        reach * sqrt(middle_error * middle_error + end_error * end_error) AS end_margin,
        -- 1 where the middle is higher, -1 where it is lower, 0 where they do not differ.
        CASE WHEN abs(over_start) > start_margin AND abs(over_start) > $least_contrast
            THEN sign(over_start)
            WHEN over_start IS NOT NULL AND start_margin IS NOT NULL THEN 0 END AS from_start,
        CASE WHEN abs(over_end) > end_margin AND abs(over_end) > $least_contrast
            THEN sign(over_end)
            WHEN over_end IS NOT NULL AND end_margin IS NOT NULL THEN 0 END AS from_end
    FROM parts
)
SELECT
    series(model, revision, corpus, run_id, kind, stack) AS series,
    scope,
    CASE
        WHEN from_start = 1 AND from_end = 1 THEN 'bell'
        WHEN from_start = -1 AND from_end = -1 THEN 'valley'
        WHEN from_start = 1 AND from_end = -1 THEN 'rising'
        WHEN from_start = -1 AND from_end = 1 THEN 'falling'
        WHEN from_start = 0 AND from_end = 0
            AND start_margin < abs(middle_mean) / 4 AND end_margin < abs(middle_mean) / 4
            THEN 'flat'
        ELSE 'open' END AS shape,
    middle_mean - (start_mean + end_mean) / 2 AS contrast,
    sqrt(middle_error * middle_error + (start_error + end_error) * (start_error + end_error) / 4)
        AS std_error,
    contrast - student_errors(1.959963984540054::DOUBLE, freedom) * std_error AS ci_low,
    contrast + student_errors(1.959963984540054::DOUBLE, freedom) * std_error AS ci_high,
    start_mean, middle_mean, end_mean, peak_layer, peak_depth, peak_value, metric, n_missing,
    model, kind, revision, step, corpus, stack, run_id
FROM compared
ORDER BY model, corpus, step NULLS LAST, revision, run_id, stack, scope
