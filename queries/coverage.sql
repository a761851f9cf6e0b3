-- title: What is measured and what is missing
-- doc: One row per model, checkpoint, text and layer: whether the metric is measured there,
--   undefined (reason says why), not measured, or failed. Expected is every checkpoint, stored
--   or failed, at every layer of its model, over every text that the model was measured on. A
--   metric of a layer and the next is not expected at the last layer. A checkpoint has failed
--   over a text if it failed there and was not measured later. A model that was never measured
--   has one row without a layer, because its layers are not known. The latest run of each
--   checkpoint and text.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name, failure.model: only these models; NULL means all
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param only_missing BOOLEAN = false: leave out what is measured
-- param final_norm BOOLEAN = false: also the state after the final norm
-- chart: mark=rect x=layer:O y=checkpoint:O color=status:N shape=status:N facet=series:N
-- table: series checkpoint layer status
WITH failures AS (
    SELECT
        model, revision, corpus, first(failure.reason ORDER BY failed_at DESC, failure.reason) AS reason
    FROM failure_status AS failure
    WHERE NOT resolved
    GROUP BY ALL
),
stored AS (
    SELECT checkpoint_id, model_id, model, revision, step FROM named_checkpoint
),
checkpoints AS (
    SELECT * FROM stored
    UNION
    -- Where several models share a name, it is not known which of them failed.
    SELECT NULL, namesake.model_id, failures.model, failures.revision, NULL
    FROM failures
    LEFT JOIN display_name AS namesake ON namesake.display_name = failures.model
    ANTI JOIN stored
        ON stored.model = failures.model AND stored.revision = failures.revision
),
of_model AS (SELECT DISTINCT model_id, corpus_id, corpus FROM named_run),
texts AS (
    SELECT c.checkpoint_id, c.model_id, c.model, c.revision, of_model.corpus_id, of_model.corpus
    FROM checkpoints AS c
    JOIN of_model USING (model_id)
    UNION ALL
    -- Of its text a failure knows the name alone.
    SELECT c.checkpoint_id, c.model_id, model, revision, NULL, failures.corpus
    FROM checkpoints AS c
    JOIN failures USING (model, revision)
    ANTI JOIN of_model
        ON of_model.model_id = c.model_id AND of_model.corpus = failures.corpus
),
states AS (
    SELECT checkpoint.model_id, layer.stack, layer.layer, layer.site, min(layer.depth) AS depth
    FROM layer
    JOIN run USING (run_id)
    JOIN checkpoint USING (checkpoint_id)
    WHERE layer.site <> 'final_norm' OR $final_norm::BOOLEAN
    GROUP BY checkpoint.model_id, layer.stack, layer.layer, layer.site
    -- A metric of a layer and the next has none at the last of a stack.
    QUALIFY layer.layer < max(layer.layer) OVER (PARTITION BY checkpoint.model_id, layer.stack)
        OR NOT (ends_with($metric, '_next') OR $metric IN ('update_ratio', 'adjacent_cosine'))
),
found AS (
    SELECT
        run.checkpoint_id, run.corpus_id, m.stack, m.layer, m.site,
        m.value IS NOT NULL AS measured, m.reason
    FROM measurement AS m
    JOIN run ON run.run_id = m.run_id
    WHERE m.metric = $metric AND m.scope = $scope
        AND m.run_id IN (SELECT latest_run.run_id FROM latest_run)
),
expected AS (
    SELECT
        coalesce(display_name.display_name, c.model)
        || CASE WHEN min(texts.corpus) OVER of_model < max(texts.corpus) OVER of_model
            THEN ' · ' || texts.corpus ELSE '' END
        || CASE WHEN min(texts.corpus_id) OVER of_text < max(texts.corpus_id) OVER of_text
            THEN ' · text ' || left(texts.corpus_id, 8) ELSE '' END
        || CASE WHEN min(states.stack) OVER of_model < max(states.stack) OVER of_model
            THEN ' · ' || states.stack ELSE '' END AS series,
        c.revision
        || CASE WHEN min(c.checkpoint_id) OVER of_revision < max(c.checkpoint_id) OVER of_revision
            THEN ' ' || left(c.checkpoint_id, 8) ELSE '' END AS checkpoint,
        texts.corpus, states.stack, states.layer, states.site, states.depth,
        CASE
            WHEN found.measured THEN 'measured'
            WHEN NOT found.measured THEN 'undefined'
            WHEN failures.model IS NOT NULL THEN 'failed'
            ELSE 'not measured' END AS status,
        CASE WHEN status <> 'measured' THEN coalesce(found.reason, failures.reason) END AS reason,
        $metric AS metric,
        c.model, c.step, c.model_id
    FROM checkpoints AS c
    LEFT JOIN display_name ON display_name.model_id = c.model_id
    LEFT JOIN texts
        ON texts.checkpoint_id IS NOT DISTINCT FROM c.checkpoint_id
        AND texts.model_id IS NOT DISTINCT FROM c.model_id
        AND texts.model = c.model AND texts.revision = c.revision
    LEFT JOIN states ON states.model_id = c.model_id
    LEFT JOIN found
        ON found.checkpoint_id = c.checkpoint_id AND found.corpus_id = texts.corpus_id
        AND found.stack = states.stack
        AND found.layer = states.layer AND found.site = states.site
    LEFT JOIN failures
        ON failures.model = c.model AND failures.revision = c.revision
        AND failures.corpus = texts.corpus
    WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], c.model)
    WINDOW
        of_model AS (PARTITION BY c.model_id, c.model),
        of_text AS (PARTITION BY c.model_id, c.model, texts.corpus),
        of_revision AS (PARTITION BY c.model_id, c.model, c.revision)
)
SELECT *
FROM expected
WHERE status <> 'measured' OR NOT $only_missing::BOOLEAN
ORDER BY series, step NULLS LAST, checkpoint, stack, layer, site
