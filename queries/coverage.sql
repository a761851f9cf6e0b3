-- title: What is measured and what is missing
-- doc: One row per model, checkpoint, text and layer: whether the metric is measured there,
--   undefined (reason says why), not measured, or failed. Every checkpoint in the store, and
--   every one that failed, is expected at every layer of its model over every text that the
--   model was measured on; a metric of a layer and the next not at the last. A checkpoint has
--   failed over the text of a failure that no later run resolved. Of a model that never was
--   measured the layers are not known: one row, without a layer. The latest run of each
--   checkpoint and text.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name, failure.model: only these models; NULL means all
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks'): which tokens count
-- param only_missing BOOLEAN = false: leave out what is measured
-- param final_norm BOOLEAN = false: also the state after the final norm
-- chart: mark=rect x=layer:O y=checkpoint:O color=status:N shape=status:N facet=series:N
WITH called AS (
    -- Two models may have one name: the ids tell them apart.
    SELECT
        model_id,
        name || CASE WHEN count(*) OVER (PARTITION BY name) > 1
            THEN ' ' || left(model_id, 8) ELSE '' END AS called
    FROM model
),
names AS (SELECT name, min(model_id) AS model_id FROM model GROUP BY name HAVING count(*) = 1),
stored AS (
    SELECT
        checkpoint.model_id,
        model.name AS model,
        checkpoint.revision,
        max(checkpoint.step) AS step
    FROM checkpoint
    JOIN model ON model.model_id = checkpoint.model_id
    GROUP BY ALL
),
-- As in failures: a checkpoint measured since, over any text, has failed no more.
failures AS (
    SELECT
        failure.model,
        failure.revision,
        failure.corpus,
        first(failure.reason ORDER BY failure.failed_at DESC, failure.reason) AS reason
    FROM failure
    WHERE NOT EXISTS (
        SELECT 1
        FROM run
        JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
        JOIN model ON model.model_id = checkpoint.model_id
        WHERE model.name = failure.model
            AND checkpoint.revision = failure.revision
            AND run.created_at > failure.failed_at
    )
    GROUP BY failure.model, failure.revision, failure.corpus
),
checkpoints AS (
    SELECT * FROM stored
    UNION
    -- Of several models with one name it is not known which failed.
    SELECT names.model_id, failures.model, failures.revision, NULL
    FROM failures
    LEFT JOIN names ON names.name = failures.model
    WHERE (failures.model, failures.revision) NOT IN (
        SELECT (stored.model, stored.revision) FROM stored
    )
),
measured AS (
    SELECT checkpoint.model_id, latest_run.*
    FROM latest_run
    JOIN run ON run.run_id = latest_run.run_id
    JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
),
texts AS (
    SELECT checkpoints.model_id, checkpoints.model, checkpoints.revision, of_model.corpus
    FROM checkpoints
    JOIN (SELECT DISTINCT measured.model_id, measured.corpus FROM measured) AS of_model
        ON of_model.model_id = checkpoints.model_id
    UNION
    SELECT checkpoints.model_id, checkpoints.model, checkpoints.revision, failures.corpus
    FROM checkpoints
    JOIN failures
        ON failures.model = checkpoints.model AND failures.revision = checkpoints.revision
),
states AS (
    SELECT
        checkpoint.model_id, layer.stack, layer.layer, layer.site, min(layer.depth) AS depth
    FROM layer
    JOIN run ON run.run_id = layer.run_id
    JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
    WHERE layer.site <> 'final_norm' OR $final_norm::BOOLEAN
    GROUP BY checkpoint.model_id, layer.stack, layer.layer, layer.site
    -- A metric of a layer and the next has none at the last of a stack.
    QUALIFY layer.layer < max(layer.layer) OVER (PARTITION BY checkpoint.model_id, layer.stack)
        OR NOT (
            ends_with($metric, '_next') OR $metric IN ('update_ratio', 'adjacent_cosine')
        )
),
found AS (
    SELECT
        measured.model_id,
        p.revision,
        p.corpus,
        p.stack,
        p.layer,
        p.site,
        count(p.value) > 0 AS measured,
        first(p.reason ORDER BY p.created_at DESC, p.run_id) AS reason,
        count(*) AS runs
    FROM profile AS p
    JOIN measured ON measured.run_id = p.run_id
    WHERE p.metric = $metric AND p.scope = $scope
    GROUP BY ALL
),
expected AS (
    SELECT
        coalesce(called.called, checkpoints.model)
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
        checkpoints.step,
        checkpoints.model_id
    FROM checkpoints
    LEFT JOIN called ON called.model_id = checkpoints.model_id
    LEFT JOIN texts
        ON texts.model_id IS NOT DISTINCT FROM checkpoints.model_id
        AND texts.model = checkpoints.model AND texts.revision = checkpoints.revision
    LEFT JOIN states ON states.model_id = checkpoints.model_id
    LEFT JOIN found
        ON found.model_id = checkpoints.model_id AND found.revision = checkpoints.revision
        AND found.corpus = texts.corpus AND found.stack = states.stack
        AND found.layer = states.layer AND found.site = states.site
    LEFT JOIN failures
        ON failures.model = checkpoints.model AND failures.revision = checkpoints.revision
        AND (failures.corpus = texts.corpus OR failures.corpus IS NULL)
    WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], checkpoints.model)
    WINDOW of_model AS (PARTITION BY checkpoints.model_id, checkpoints.model)
)
SELECT *
FROM expected
WHERE status <> 'measured' OR NOT $only_missing::BOOLEAN
ORDER BY series, step NULLS LAST, checkpoint, stack, layer, site
