-- title: What changed between two checkpoints
-- doc: One row per metric and layer: its value at both checkpoints of a model, the change, and the
--   change in standard errors of the difference. Only checkpoints that were measured alike are
--   compared: over one text, with equal tokens, window_size, sample_size, seed and dtype. Where
--   both read the same tokens the error is paired: that of the differences window by window, to be
--   judged by Student's t with one degree of freedom less than there are windows. Else the two
--   errors are taken as independent, which makes changes look less certain than they are. Column
--   errors says which. Without before and after, the first and the last step of each model are
--   compared, untrained controls left out. The latest run of each; the state after the final norm
--   is left out.
-- param metric VARCHAR = NULL in metric.name: only this metric; NULL means all
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param before VARCHAR = NULL in checkpoint.revision: the earlier revision
-- param after VARCHAR = NULL in checkpoint.revision: the later revision
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- chart: mark=rect x=layer:O y=metric:N color=change_in_errors:Q facet=series:N
-- table: model corpus stack before after metric layer before_value after_value change
-- needs: two training steps of one model that were measured alike
WITH candidates AS (
    SELECT *, step IS NOT NULL AND NOT untrained AS trained
    FROM named_run
    WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model)
),
earlier AS (
    SELECT *, CASE WHEN $before::VARCHAR IS NULL THEN course END AS of_course
    FROM candidates
    WHERE CASE WHEN $before::VARCHAR IS NULL THEN trained ELSE revision = $before END
    QUALIFY row_number() OVER (
        PARTITION BY model_id, corpus_id, settings, of_course
        ORDER BY step, created_at DESC, run_id
    ) = 1
),
later AS (
    SELECT *, CASE WHEN $after::VARCHAR IS NULL THEN course END AS of_course
    FROM candidates
    WHERE CASE WHEN $after::VARCHAR IS NULL THEN trained ELSE revision = $after END
    QUALIFY row_number() OVER (
        PARTITION BY model_id, corpus_id, settings, of_course
        ORDER BY step DESC, created_at DESC, run_id
    ) = 1
)
SELECT
    series(
        earlier.display_name || ' · ' || earlier.revision || ' to ' || later.revision,
        corpus := earlier.corpus, run_id := earlier.run_id, kind := earlier.kind, stack := one.stack
    ) AS series,
    one.metric, one.scope, one.layer, layer.depth,
    one.value AS before_value,
    other.value AS after_value,
    other.value - one.value AS change,
    CASE
        WHEN earlier.token_ids_sha256 = later.token_ids_sha256
            AND paired_error(one.window_effects, other.window_effects) IS NOT NULL THEN 'paired'
        WHEN one.std_error + other.std_error IS NOT NULL THEN 'independent' END AS errors,
    CASE errors
        WHEN 'paired' THEN paired_error(one.window_effects, other.window_effects)
        ELSE sqrt(one.std_error * one.std_error + other.std_error * other.std_error)
    END AS change_error,
    change / nullif(change_error, 0) AS change_in_errors,
    change / nullif(abs(one.value), 0) AS relative_change,
    earlier.model, earlier.kind,
    earlier.revision AS before,
    later.revision AS after,
    earlier.step AS before_step,
    later.step AS after_step,
    earlier.corpus, one.stack, earlier.model_id,
    earlier.run_id AS before_run_id,
    later.run_id AS after_run_id
FROM earlier
JOIN later
    ON later.model_id = earlier.model_id AND later.corpus_id = earlier.corpus_id
    AND later.settings = earlier.settings AND later.run_id <> earlier.run_id
    -- Across courses only where one of the two was asked for by name.
    AND coalesce(later.of_course = earlier.of_course, true)
JOIN measurement AS one ON one.run_id = earlier.run_id
JOIN layer
    ON layer.run_id = one.run_id AND layer.stack = one.stack AND layer.layer = one.layer
    AND layer.site = one.site
JOIN measurement AS other
    ON other.run_id = later.run_id AND other.stack = one.stack
    AND other.layer = one.layer AND other.site = one.site AND other.scope = one.scope
    AND other.metric = one.metric
WHERE ($metric::VARCHAR IS NULL OR one.metric = $metric)
    AND one.scope = $scope
    AND one.site <> 'final_norm'
ORDER BY series, one.metric, one.stack, one.layer, before_run_id, after_run_id
