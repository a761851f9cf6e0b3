-- title: What changed between two checkpoints
-- doc: One row per metric and layer: its value at both checkpoints of a model, the change, and
--   the change in standard errors of the difference. Only checkpoints measured alike are compared:
--   over one text, with equal tokens, window_size, sample_size, seed and dtype; so errors taken
--   as independent, as here, are cautious. Without before and after, the first and the last
--   step of each model measured so, untrained controls left out. The latest run of each; the
--   state after the final norm is left out.
-- param metric VARCHAR = NULL in metric.name: only this metric; NULL means all
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param before VARCHAR = NULL in checkpoint.revision: the earlier revision
-- param after VARCHAR = NULL in checkpoint.revision: the later revision
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks'): which tokens count
-- chart: mark=rect x=layer:O y=metric:N color=change_in_errors:Q facet=series:N
WITH called AS (
    -- Two models may have one name: the ids tell them apart.
    SELECT
        model_id,
        name || CASE WHEN count(*) OVER (PARTITION BY name) > 1
            THEN ' ' || left(model_id, 8) ELSE '' END AS called
    FROM model
),
candidates AS (
    SELECT
        latest_run.run_id,
        latest_run.model,
        called.called,
        called.model_id,
        latest_run.corpus,
        latest_run.corpus_id,
        latest_run.revision,
        latest_run.step,
        latest_run.created_at,
        (run.tokens, run.window_size, run.sample_size, run.seed, run.dtype) AS setup,
        CASE WHEN starts_with(latest_run.revision, 'random-init-') THEN latest_run.revision
            ELSE rtrim(regexp_extract(
                lower(latest_run.revision), '^(.*?)(?:global_?)?(?:step|checkpoint|ckpt|iter)', 1
            ), '-_/. ') END AS course,
        latest_run.step IS NOT NULL AND NOT starts_with(latest_run.revision, 'random-init-')
            AS trained
    FROM latest_run
    JOIN run ON run.run_id = latest_run.run_id
    JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
    JOIN called ON called.model_id = checkpoint.model_id
    WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], latest_run.model)
),
earlier AS (
    SELECT *
    FROM candidates
    WHERE CASE WHEN $before::VARCHAR IS NULL THEN trained ELSE revision = $before END
    QUALIFY row_number() OVER (
        PARTITION BY model_id, corpus_id, setup, CASE WHEN $before::VARCHAR IS NULL THEN course END
        ORDER BY step, created_at DESC, run_id
    ) = 1
),
later AS (
    SELECT *
    FROM candidates
    WHERE CASE WHEN $after::VARCHAR IS NULL THEN trained ELSE revision = $after END
    QUALIFY row_number() OVER (
        PARTITION BY model_id, corpus_id, setup, CASE WHEN $after::VARCHAR IS NULL THEN course END
        ORDER BY step DESC, created_at DESC, run_id
    ) = 1
),
compared AS (
    SELECT
        earlier.model,
        earlier.called,
        earlier.model_id,
        earlier.corpus,
        earlier.revision AS before,
        later.revision AS after,
        earlier.run_id AS before_run_id,
        later.run_id AS after_run_id
    FROM earlier
    JOIN later
        ON later.model_id = earlier.model_id AND later.corpus_id = earlier.corpus_id
        AND later.setup = earlier.setup AND later.run_id <> earlier.run_id
        AND ($before::VARCHAR IS NOT NULL OR $after::VARCHAR IS NOT NULL
            OR later.course = earlier.course)
)
SELECT
    compared.called || ' · ' || compared.before || ' to ' || compared.after
    || CASE WHEN min(compared.corpus) OVER of_pair < max(compared.corpus) OVER of_pair
        THEN ' · ' || compared.corpus ELSE '' END
    || CASE WHEN one.kind = 'encoder-decoder' THEN ' · ' || one.stack ELSE '' END AS series,
    one.metric,
    one.scope,
    one.layer,
    one.depth,
    one.value AS before_value,
    other.value AS after_value,
    other.value - one.value AS change,
    sqrt(one.std_error * one.std_error + other.std_error * other.std_error) AS change_error,
    change / nullif(change_error, 0) AS change_in_errors,
    change / nullif(abs(one.value), 0) AS relative_change,
    compared.model,
    one.kind,
    compared.before,
    compared.after,
    one.step AS before_step,
    other.step AS after_step,
    compared.corpus,
    one.stack,
    compared.model_id,
    compared.before_run_id,
    compared.after_run_id
FROM compared
JOIN profile AS one ON one.run_id = compared.before_run_id
JOIN profile AS other
    ON other.run_id = compared.after_run_id AND other.stack = one.stack
    AND other.layer = one.layer AND other.site = one.site AND other.scope = one.scope
    AND other.metric = one.metric
WHERE ($metric::VARCHAR IS NULL OR one.metric = $metric)
    AND one.scope = $scope
    AND one.site <> 'final_norm'
WINDOW of_pair AS (PARTITION BY compared.model_id, compared.before, compared.after)
ORDER BY series, one.metric, one.stack, one.layer, before_run_id, after_run_id
