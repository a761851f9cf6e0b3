-- title: Profiles on a common grid of depth
-- doc: Models of unequal length at the same depths: each profile is read off at equally spaced
--   depths, by straight lines between the layers below and above; the interval likewise.
--   Where one of the two has no value there is none, and nothing is continued past the ends.
--   The latest run of each checkpoint and text; the embedding counts as layer 0, the state
--   after the final norm does not count.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks'): which tokens count
-- param intervals INTEGER = 20 in 1..1000: into how many parts the grid divides the depth
-- chart: mark=line x=depth:Q y=value:Q color=series:N dash=scope:N
WITH states AS (
    SELECT *
    FROM profile_latest
    WHERE metric = $metric
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
        AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], revision))
        AND list_contains($scopes::VARCHAR[], scope)
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
)
SELECT
    model
    || CASE WHEN min(revision) OVER of_model < max(revision) OVER of_model
        THEN '@' || revision ELSE '' END
    || CASE WHEN min(corpus) OVER of_model < max(corpus) OVER of_model
        THEN ' · ' || corpus ELSE '' END
    || CASE WHEN min(run_id) OVER of_corpus < max(run_id) OVER of_corpus
        THEN ' · run ' || left(run_id, 8) ELSE '' END
    || CASE WHEN kind = 'encoder-decoder' THEN ' · ' || stack ELSE '' END AS series,
    scope,
    depth,
    metric,
    value,
    ci_low,
    ci_high,
    layer_below,
    layer_above,
    model,
    kind,
    revision,
    step,
    corpus,
    stack,
    run_id
FROM gridded
WINDOW
    of_model AS (PARTITION BY model),
    of_corpus AS (PARTITION BY model, revision, corpus)
ORDER BY model, corpus, step NULLS LAST, revision, run_id, stack, scope, depth
