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
-- Of each profile one list of its values, and one of the depths where it has them.
profiles AS (
    SELECT
        row_number() OVER (ORDER BY series, run_id, stack) AS place,
        run_id,
        stack,
        model,
        corpus_id,
        setup,
        list(value ORDER BY depth) AS numbers,
        list(depth ORDER BY depth) AS depths
    FROM named
    WHERE value IS NOT NULL
    GROUP BY series, run_id, stack, model, corpus_id, setup
),
-- Most profiles have values at the same depths: of these sets there are few.
known AS (SELECT DISTINCT corpus_id, setup, depths FROM profiles),
shared AS (
    SELECT
        one.corpus_id,
        one.setup,
        one.depths,
        other.depths AS other_depths,
        list_transform(one.depths, lambda depth: list_contains(other.depths, depth)) AS are_shared
    FROM known AS one
    JOIN known AS other ON other.corpus_id = one.corpus_id AND other.setup = one.setup
),
-- Of each profile, the values where the profiles of another set have one too: the lists of a
-- pair are then of equal length, without NULL.
cut AS (
    SELECT profiles.*, shared.other_depths, list_where(numbers, are_shared) AS both_have
    FROM profiles
    JOIN shared
        ON shared.corpus_id = profiles.corpus_id AND shared.setup = profiles.setup
        AND shared.depths = profiles.depths
),
-- Of each only the nearest, which takes a tenth of the time and memory of sorting all pairs.
nearest AS (
    SELECT
        one.place,
        min(
            {
                'distance': list_distance(one.both_have, other.both_have)
                / sqrt(len(one.both_have)),
                'place': other.place
            },
            least($nearest, 999999)
        ) AS neighbors
    FROM cut AS one
    JOIN cut AS other
        ON other.corpus_id = one.corpus_id AND other.setup = one.setup
        AND other.depths = one.other_depths AND other.other_depths = one.depths
        AND other.place <> one.place
    WHERE len(one.both_have) > 0 AND ($model::VARCHAR IS NULL OR one.model = $model)
    GROUP BY one.place
),
chosen_pairs AS (
    SELECT
        place,
        unnest(neighbors).place AS neighbor_place,
        generate_subscripts(neighbors, 1) AS rank
    FROM nearest
),
pairs AS (
    SELECT
        one.series,
        other.series AS neighbor,
        chosen_pairs.rank,
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
    FROM chosen_pairs
    JOIN profiles AS here ON here.place = chosen_pairs.place
    JOIN profiles AS there ON there.place = chosen_pairs.neighbor_place
    JOIN named AS one ON one.run_id = here.run_id AND one.stack = here.stack
    JOIN named AS other
        ON other.run_id = there.run_id AND other.stack = there.stack
        AND other.depth = one.depth
    WHERE one.value IS NOT NULL AND other.value IS NOT NULL
    GROUP BY ALL
)
SELECT
    series,
    neighbor,
    rank,
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
ORDER BY model, corpus, step NULLS LAST, revision, series, run_id, stack, rank
