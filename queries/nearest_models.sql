-- title: Which models have the most similar profile
-- doc: One row per pair of models: the root mean square of the difference between their
--   profiles. Both are read off at the same depths, on straight lines between layers; depths
--   where one has no value are left out. distance is in the metric's own unit; correlation
--   compares the shapes and ignores how high the profiles lie. Only profiles that were measured
--   alike are compared: over one text, with equal tokens, window_size, sample_size, seed and
--   dtype. The latest run of each checkpoint; by default the last checkpoint of each model. The
--   state after the final norm does not count. Fewer than three models are refused.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param model VARCHAR = NULL in model.name: only the neighbours of this model
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param checkpoints VARCHAR = 'last' in ('last', 'all'): the last of each model, or all
-- param nearest INTEGER = 10 in 1..: how many neighbours of each
-- param intervals INTEGER = 20 in 1..1000: into how many parts the grid divides the depth
-- chart: mark=rect x=neighbor:N y=series:N color=distance:Q
-- table: series neighbor rank distance correlation
-- needs: two models that were measured alike
WITH chosen AS (
    SELECT *
    FROM named_run
    WHERE NOT untrained OR $checkpoints = 'all'
    -- A revision without a step is the final one.
    QUALIFY $checkpoints = 'all' OR row_number() OVER (PARTITION BY model_id, corpus_id
        ORDER BY training_order(revision, step) DESC, created_at DESC, run_id
    ) = 1
),
states AS (
    SELECT run_id, stack, layer, value
    FROM profile_latest
    WHERE metric = $metric
        AND run_id IN (SELECT chosen.run_id FROM chosen)
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
        AND scope = $scope AND site <> 'final_norm'
),
grid AS (
    SELECT run_id, stack, unnest(depth_grid($intervals, n_layers), recursive := true)
    FROM n_stack_layers
),
points AS (
    SELECT run_id, stack, depth, below.value + part * (above.value - below.value) AS value
    FROM grid JOIN states AS below USING (run_id, stack) JOIN states AS above USING (run_id, stack)
    WHERE below.layer = layer_below AND above.layer = layer_above
),
-- Each profile as two lists: its values, and the depths that have one.
profiles AS (
    SELECT
        chosen.*, stack,
        list(value ORDER BY depth) FILTER (value IS NOT NULL) AS numbers,
        list(depth ORDER BY depth) FILTER (value IS NOT NULL) AS depths
    FROM points
    JOIN chosen USING (run_id)
    GROUP BY ALL
),
named AS (
    SELECT *, series(display_name, revision, corpus, run_id, kind, stack) AS series FROM profiles
),
placed AS (
    SELECT *, row_number() OVER (ORDER BY series, run_id, stack) AS place
    FROM named
    WHERE depths IS NOT NULL
),
-- Most profiles have values at the same depths, so there are few different lists of depths.
known AS (SELECT DISTINCT corpus_id, settings, depths FROM placed),
shared AS (
    SELECT corpus_id, settings, one.depths, other.depths AS other_depths,
        [list_contains(other.depths, depth) for depth in one.depths] AS are_shared
    FROM known AS one
    JOIN known AS other USING (corpus_id, settings)
),
-- The values at the depths where both have one: lists of equal length, without NULL.
cut AS (
    SELECT placed.*, shared.other_depths, list_where(numbers, are_shared) AS both_have
    FROM placed
    JOIN shared USING (corpus_id, settings, depths)
),
-- Keeping only the nearest takes a tenth of the time and memory of sorting all pairs.
nearest AS (
    SELECT
        one.place,
        min(
            {'distance': rms_distance(one.both_have, other.both_have), 'place': other.place},
            least($nearest, 999999)
        ) AS neighbors
    FROM cut AS one
    JOIN cut AS other
        ON other.corpus_id = one.corpus_id AND other.settings = one.settings
        AND other.depths = one.other_depths AND other.other_depths = one.depths
        AND other.run_id <> one.run_id
    WHERE len(one.both_have) > 0 AND ($model::VARCHAR IS NULL OR one.model = $model)
    GROUP BY one.place
),
ranked AS (
    SELECT place, unnest(neighbors).place AS other_place, generate_subscripts(neighbors, 1) AS rank
    FROM nearest
)
SELECT
    one.series, other.series AS neighbor, ranked.rank,
    sqrt(avg(pow(mine.value - theirs.value, 2))) AS distance,
    max(abs(mine.value - theirs.value)) AS largest_difference,
    first(mine.depth ORDER BY abs(mine.value - theirs.value) DESC, mine.depth)
        AS largest_difference_depth,
    -- A profile without variation correlates with nothing.
    CASE WHEN var_samp(mine.value) > 0 AND var_samp(theirs.value) > 0
        THEN corr(mine.value, theirs.value) END AS correlation,
    count(*) AS n_depths,
    $metric AS metric, $scope AS scope, one.model, one.kind,
    other.model AS neighbor_model, other.kind AS neighbor_kind,
    one.corpus, one.revision, one.step, one.model_id,
    other.model_id AS neighbor_model_id, one.run_id, other.run_id AS neighbor_run_id
FROM ranked
JOIN placed AS one ON one.place = ranked.place
JOIN placed AS other ON other.place = ranked.other_place
JOIN points AS mine ON mine.run_id = one.run_id AND mine.stack = one.stack
JOIN points AS theirs
    ON theirs.run_id = other.run_id AND theirs.stack = other.stack AND theirs.depth = mine.depth
WHERE mine.value IS NOT NULL AND theirs.value IS NOT NULL
GROUP BY ALL
ORDER BY
    one.model, one.corpus, one.step NULLS LAST, one.revision, one.series, one.run_id, ranked.rank
