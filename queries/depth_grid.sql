-- title: Profiles on a common grid of depth
-- doc: Models with different numbers of layers at the same depths. Each profile, with its
--   interval and error, is read off at equally spaced depths, on straight lines between the nearest
--   layers below and above. If one of these two layers has no value, there is no value between
--   them; beyond the first and the last layer there is none either. The latest run of each
--   checkpoint and text; the embedding counts as layer 0, the state after the final norm does
--   not count. Models of one group of seeds are one series: the median over n_seeds of them, in
--   the band from seed_low to seed_high.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name, model_group.seed_group: only these models, or groups of seeds; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param seeds VARCHAR = 'band' in ('band', 'quartiles', 'single'): of a group of seeds its least and greatest, its quartiles, or each seed alone
-- param intervals INTEGER = 20 in 1..1000: into how many parts the grid divides the depth
-- chart: mark=curve x=depth:Q y=value:Q color=series:N dash=scope:N
WITH states AS (
    SELECT *
    FROM seed_profile
    WHERE run_id IN (SELECT latest_run.run_id FROM latest_run)
        AND metric = $metric
        AND is_chosen($models::VARCHAR[], model, seed_group)
        AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], revision))
        AND list_contains($scopes::VARCHAR[], scope)
        AND site <> 'final_norm'
),
grid AS (
    SELECT run_id, stack, unnest(depth_grid($intervals, n_layers), recursive := true)
    FROM n_stack_layers
),
between AS (
    SELECT
        below.model, below.revision, run_id, below.kind, below.step, below.corpus, stack, scope,
        grid.depth, below.metric,
        below.value + part * (above.value - below.value) AS value,
        below.ci_low + part * (above.ci_low - below.ci_low) AS ci_low,
        below.ci_high + part * (above.ci_high - below.ci_high) AS ci_high,
        below.std_error + part * (above.std_error - below.std_error) AS std_error,
        below.layer AS layer_below,
        above.layer AS layer_above,
        below.band_revision,
        shown_band($seeds, below.band, below.model_id) AS shown
    FROM grid
    JOIN states AS below USING (run_id, stack)
    JOIN states AS above USING (run_id, stack, scope)
    WHERE below.layer = grid.layer_below
        AND above.layer = grid.layer_above
),
lines AS (
    SELECT
        coalesce(shown.seed_group, model) AS model,
        CASE WHEN shown IS NULL THEN revision ELSE band_revision END AS revision,
        CASE WHEN shown IS NULL THEN run_id END AS run_id,
        kind, step, corpus, stack, scope, depth, metric, layer_below, layer_above, shown,
        seed_line(shown, value, ci_low, ci_high, std_error, run_id) AS line
    FROM between
    GROUP BY ALL
)
SELECT
    series(model, revision, corpus, run_id, kind, stack)
    || CASE WHEN min(shown.corpus_id) OVER of_text < max(shown.corpus_id) OVER of_text
        THEN coalesce(' · text ' || left(shown.corpus_id, 8), '') ELSE '' END
    || seeds_in_words(shown, max(len(line.run_ids)) OVER (PARTITION BY shown, revision)) AS series,
    scope, depth, metric, line.value, line.ci_low, line.ci_high,
    list_count(line.seed_values) AS n_seeds,
    seed_low($seeds, line.seed_values) AS seed_low,
    seed_high($seeds, line.seed_values) AS seed_high,
    layer_below, layer_above, model, kind, revision, step, corpus, stack, run_id, line.run_ids,
    line.std_error
FROM lines
WINDOW of_text AS (PARTITION BY model, revision, corpus)
ORDER BY model, corpus, step NULLS LAST, revision, run_id, stack, scope, depth
