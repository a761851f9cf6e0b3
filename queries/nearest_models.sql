-- title: Which models have the most similar profile
-- doc: One row per pair: the root mean square of the difference between two profiles, read
--   off at the same depths by straight lines between layers, over the depths where both have
--   a value. distance is in the metric's own unit; correlation compares shapes whatever their
--   height. Profiles measured over the same text, from the latest run of each; by default the
--   last checkpoint of each model. The state after the final norm does not count.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param model VARCHAR = NULL in model.name: only the neighbours of this model
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks'): which tokens count
-- param checkpoints VARCHAR = 'last' in ('last', 'all'): the last of each model, or all
-- param nearest INTEGER = 10: how many neighbours of each
-- param intervals INTEGER = 20: into how many parts the grid divides the depth
-- chart: mark=rect x=neighbor:N y=series:N color=distance:Q
WITH chosen AS (
    SELECT run_id
    FROM latest_run
    WHERE NOT starts_with(revision, 'random-init-') OR $checkpoints = 'all'
    -- A revision without a step is the final one.
    QUALIFY $checkpoints = 'all' OR row_number() OVER (
        PARTITION BY model, corpus_id ORDER BY step DESC NULLS FIRST, created_at DESC, run_id
    ) = 1
),
states AS (
    SELECT *
    FROM profile_latest
    WHERE metric = $metric
        AND run_id IN (SELECT run_id FROM chosen)
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
        model
        || CASE WHEN min(revision) OVER of_model < max(revision) OVER of_model
            THEN '@' || revision ELSE '' END
        || CASE WHEN min(corpus) OVER of_model < max(corpus) OVER of_model
            THEN ' · ' || corpus ELSE '' END
        || CASE WHEN min(run_id) OVER of_corpus < max(run_id) OVER of_corpus
            THEN ' · run ' || left(run_id, 8) ELSE '' END
        || CASE WHEN kind = 'encoder-decoder' THEN ' · ' || stack ELSE '' END AS series,
        *
    FROM gridded
    WINDOW
        of_model AS (PARTITION BY model),
        of_corpus AS (PARTITION BY model, revision, corpus)
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
        one.run_id,
        other.run_id AS neighbor_run_id,
        one.stack,
        other.stack AS neighbor_stack
    FROM named AS one
    JOIN run AS one_run ON one_run.run_id = one.run_id
    JOIN named AS other
        ON other.depth = one.depth AND (other.run_id, other.stack) <> (one.run_id, one.stack)
    JOIN run AS other_run
        ON other_run.run_id = other.run_id AND other_run.corpus_id = one_run.corpus_id
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
    run_id,
    neighbor_run_id
FROM pairs
WINDOW nearest_first AS (
    PARTITION BY run_id, stack ORDER BY distance, neighbor, neighbor_run_id, neighbor_stack
)
QUALIFY rank <= $nearest
ORDER BY series, run_id, stack, rank
