-- title: Profiles on a common grid of depth
-- doc: Models with different numbers of layers at the same depths. Each profile, and its
--   interval, is read off at equally spaced depths, on straight lines between the nearest
--   layers below and above. If one of these two layers has no value, there is no value between
--   them; beyond the first and the last layer there is none either. The latest run of each
--   checkpoint and text; the embedding counts as layer 0, the state after the final norm does
--   not count.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param intervals INTEGER = 20 in 1..1000: into how many parts the grid divides the depth
-- chart: mark=curve x=depth:Q y=value:Q color=series:N dash=scope:N
WITH states AS (
    SELECT *
    FROM profile_latest
    WHERE metric = $metric
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
        AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], revision))
        AND list_contains($scopes::VARCHAR[], scope)
        AND site <> 'final_norm'
),
grid AS (
    SELECT run_id, stack, unnest(depth_grid($intervals, n_layers), recursive := true)
    FROM n_stack_layers
)
SELECT
    series(below.model, below.revision, below.corpus, run_id, below.kind, stack) AS series,
    scope, grid.depth, below.metric,
    below.value + part * (above.value - below.value) AS value,
    below.ci_low + part * (above.ci_low - below.ci_low) AS ci_low,
    below.ci_high + part * (above.ci_high - below.ci_high) AS ci_high,
    below.layer AS layer_below,
    above.layer AS layer_above,
    below.model, below.kind, below.revision, below.step, below.corpus, stack, run_id
FROM grid
JOIN states AS below USING (run_id, stack)
JOIN states AS above USING (run_id, stack, scope)
WHERE below.layer = grid.layer_below
    AND above.layer = grid.layer_above
ORDER BY
    below.model, below.corpus, below.step NULLS LAST, below.revision, run_id, stack, scope,
    grid.depth
