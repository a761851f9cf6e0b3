-- title: Which models have the most similar profile
-- doc: One row per pair: the root mean square of the difference between two profiles, read
--   off at the same depths by straight lines between layers, over the depths where both have
--   a value. distance is in the metric's own unit; correlation compares shapes whatever their
--   height. Only profiles measured alike are compared: over one text, with equal tokens,
--   window_size, sample_size, seed and dtype. The latest run of each checkpoint; by default
--   the last checkpoint of each model. The state after the final norm does not count.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param model VARCHAR = NULL in model.name: only the neighbours of this model
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks'): which tokens count
-- param checkpoints VARCHAR = 'last' in ('last', 'all'): the last of each model, or all
-- param nearest INTEGER = 10 in 1..: how many neighbours of each
-- param intervals INTEGER = 20 in 1..1000: into how many parts the grid divides the depth
-- chart: mark=rect x=neighbor:N y=series:N color=distance:Q
WITH called AS (
    -- Two models may have one name: the ids tell them apart.
    SELECT
        model_id,
        name || CASE WHEN count(*) OVER (PARTITION BY name) > 1
            THEN ' ' || left(model_id, 8) ELSE '' END AS called
    FROM model
),
chosen AS (
    SELECT
        latest_run.run_id,
        called.called,
        called.model_id,
        latest_run.corpus_id,
        (run.tokens, run.window_size, run.sample_size, run.seed, run.dtype) AS setup
    FROM latest_run
    JOIN run ON run.run_id = latest_run.run_id
    JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
    JOIN called ON called.model_id = checkpoint.model_id
    WHERE NOT starts_with(latest_run.revision, 'random-init-') OR $checkpoints = 'all'
    -- A revision without a step is the final one.
    QUALIFY $checkpoints = 'all' OR row_number() OVER (
        PARTITION BY called.model_id, latest_run.corpus_id
        ORDER BY latest_run.step DESC NULLS FIRST, latest_run.created_at DESC, latest_run.run_id
    ) = 1
),
states AS (
    SELECT *
    FROM profile_latest
    WHERE metric = $metric
        AND run_id IN (SELECT chosen.run_id FROM chosen)
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
        AND scope = $scope
        AND site <> 'final_norm'
),
grid AS (SELECT unnest(range($intervals::BIGINT + 1)) AS mark),
lengths AS (SELECT run_id, stack, max(layer) AS n_layers FROM layer GROUP BY run_id, stack),
gridded AS (
    SELECT
        lower.run_id,
        lower.stack,
        lower.scope,
        lower.metric,
        lower.model,
        lower.kind,
        lower.revision,
        lower.step,
        lower.corpus,
        grid.mark / $intervals AS depth,
        lower.layer AS layer_below,
        upper.layer AS layer_above,
        -- Of whole numbers, so that a layer that lies on the grid keeps its own value.
        (grid.mark * lengths.n_layers % $intervals) / $intervals AS part,
        lower.value + part * (upper.value - lower.value) AS value,
        lower.ci_low + part * (upper.ci_low - lower.ci_low) AS ci_low,
        lower.ci_high + part * (upper.ci_high - lower.ci_high) AS ci_high
    FROM grid
    CROSS JOIN lengths
    JOIN states AS lower
        ON lower.run_id = lengths.run_id AND lower.stack = lengths.stack
        AND lower.layer = grid.mark * lengths.n_layers // $intervals
    JOIN states AS upper
        ON upper.run_id = lower.run_id AND upper.stack = lower.stack
        AND upper.scope = lower.scope
        AND upper.layer
        = (grid.mark * lengths.n_layers + $intervals - 1) // $intervals
),
named AS (
    SELECT
        chosen.called
        || CASE WHEN min(revision) OVER of_model < max(revision) OVER of_model
            THEN '@' || revision ELSE '' END
        || CASE WHEN min(corpus) OVER of_model < max(corpus) OVER of_model
            THEN ' · ' || corpus ELSE '' END
        || CASE WHEN min(gridded.run_id) OVER of_corpus < max(gridded.run_id) OVER of_corpus
            THEN ' · run ' || left(gridded.run_id, 8) ELSE '' END
        || CASE WHEN kind = 'encoder-decoder' THEN ' · ' || stack ELSE '' END AS series,
        gridded.*,
        chosen.model_id,
        chosen.corpus_id,
        chosen.setup
    FROM gridded
    JOIN chosen ON chosen.run_id = gridded.run_id
    WINDOW
        of_model AS (PARTITION BY chosen.model_id),
        of_corpus AS (PARTITION BY chosen.model_id, revision, corpus)
),
pairs AS (
    SELECT
        one.series,
        other.series AS neighbor,
        one.scope,
        one.metric,
        sqrt(avg(pow(one.value - other.value, 2))) AS distance,
        max(abs(one.value - other.value)) AS largest_difference,
        first(one.depth ORDER BY abs(one.value - other.value) DESC, one.depth)
            AS largest_difference_depth,
        -- A profile without variation correlates with nothing.
        CASE WHEN var_samp(one.value) > 0 AND var_samp(other.value) > 0
            THEN corr(one.value, other.value) END AS correlation,
        count(*) AS n_depths,
        one.model,
        one.kind,
        other.model AS neighbor_model,
        other.kind AS neighbor_kind,
        one.corpus,
        one.revision,
        one.step,
        one.model_id,
        other.model_id AS neighbor_model_id,
        one.run_id,
        other.run_id AS neighbor_run_id,
        one.stack,
        other.stack AS neighbor_stack
    FROM named AS one
    JOIN named AS other
        ON other.depth = one.depth AND (other.run_id, other.stack) <> (one.run_id, one.stack)
        AND other.corpus_id = one.corpus_id AND other.setup = one.setup
    WHERE one.value IS NOT NULL AND other.value IS NOT NULL
        AND ($model::VARCHAR IS NULL OR one.model = $model)
    GROUP BY ALL
)
SELECT
    series,
    neighbor,
    row_number() OVER nearest_first AS rank,
    distance,
    largest_difference,
    largest_difference_depth,
    correlation,
    n_depths,
    metric,
    scope,
    model,
    kind,
    neighbor_model,
    neighbor_kind,
    corpus,
    revision,
    step,
    model_id,
    neighbor_model_id,
    run_id,
    neighbor_run_id
FROM pairs
WINDOW nearest_first AS (
    PARTITION BY run_id, stack ORDER BY distance, neighbor, neighbor_run_id, neighbor_stack
)
QUALIFY rank <= $nearest
ORDER BY model, corpus, step NULLS LAST, revision, series, run_id, stack, rank
