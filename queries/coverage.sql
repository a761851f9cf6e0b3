-- title: What is measured and what is missing
-- doc: One row per model, checkpoint, text and layer: whether the metric is measured there,
--   undefined (reason says why), not measured, or failed. Every checkpoint in the store, and
--   every one that failed, is expected at every layer of its model over every text that the
--   model was measured on. Of a model that never was measured the layers are not known: one
--   row, without a layer. The latest run of each checkpoint and text.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL: only these models; NULL means all
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks'): which tokens count
-- param only_missing BOOLEAN = false: leave out what is measured
-- param final_norm BOOLEAN = false: also the state after the final norm
-- chart: mark=rect x=layer:O y=checkpoint:O color=status:N shape=status:N facet=series:N
WITH checkpoints AS (
    SELECT model.name AS model, checkpoint.revision, max(checkpoint.step) AS step
    FROM checkpoint
    JOIN model ON model.model_id = checkpoint.model_id
    GROUP BY ALL
    UNION
    SELECT failure.model, failure.revision, NULL
    FROM failure
    WHERE (failure.model, failure.revision) NOT IN (
        SELECT (model.name, checkpoint.revision)
        FROM checkpoint
        JOIN model ON model.model_id = checkpoint.model_id
    )
),
texts AS (SELECT DISTINCT model, corpus FROM latest_run),
states AS (
    SELECT
        model.name AS model, layer.stack, layer.layer, layer.site, min(layer.depth) AS depth
    FROM layer
    JOIN run ON run.run_id = layer.run_id
    JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
    JOIN model ON model.model_id = checkpoint.model_id
    WHERE layer.site <> 'final_norm' OR $final_norm::BOOLEAN
    GROUP BY ALL
),
found AS (
    SELECT
        model,
        revision,
        corpus,
        stack,
        layer,
        site,
        count(value) > 0 AS measured,
        first(reason ORDER BY created_at DESC, run_id) AS reason,
        count(*) AS runs
    FROM profile_latest
    WHERE metric = $metric AND scope = $scope
    GROUP BY ALL
),
failures AS (
    SELECT model, revision, first(reason ORDER BY failed_at DESC, reason) AS reason
    FROM failure
    GROUP BY model, revision
),
expected AS (
    SELECT
        checkpoints.model
        || CASE WHEN min(texts.corpus) OVER of_model < max(texts.corpus) OVER of_model
            THEN ' · ' || texts.corpus ELSE '' END
        || CASE WHEN min(states.stack) OVER of_model < max(states.stack) OVER of_model
            THEN ' · ' || states.stack ELSE '' END AS series,
        checkpoints.revision AS checkpoint,
        texts.corpus,
        states.stack,
        states.layer,
        states.site,
        states.depth,
        CASE
            WHEN found.measured THEN 'measured'
            WHEN found.runs > 0 THEN 'undefined'
            WHEN failures.model IS NOT NULL THEN 'failed'
            ELSE 'not measured' END AS status,
        CASE WHEN found.measured THEN NULL ELSE coalesce(found.reason, failures.reason) END
            AS reason,
        $metric AS metric,
        checkpoints.model,
        checkpoints.step
    FROM checkpoints
    LEFT JOIN texts ON texts.model = checkpoints.model
    LEFT JOIN states ON states.model = checkpoints.model
    LEFT JOIN found
        ON found.model = checkpoints.model AND found.revision = checkpoints.revision
        AND found.corpus = texts.corpus AND found.stack = states.stack
        AND found.layer = states.layer AND found.site = states.site
    LEFT JOIN failures
        ON failures.model = checkpoints.model AND failures.revision = checkpoints.revision
    WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], checkpoints.model)
    WINDOW of_model AS (PARTITION BY checkpoints.model)
)
SELECT *
FROM expected
WHERE status <> 'measured' OR NOT $only_missing::BOOLEAN
ORDER BY series, step NULLS LAST, checkpoint, stack, layer, site
