-- title: Intrinsic dimension by scale
-- doc: A few layers, or those asked for, one line each: the dimension from the ratio of each
--   token's distances to its rank-th and (2·rank)-th neighbour (Gride), against the mean of the two
--   distances, one panel per model. Without layers, five blocks are shown: from the first to the
--   last, evenly spaced. Rely on a dimension where its line is flat over a range of distances.
--   Noise raises it at the smallest distances, and estimates above about 20 are too low. The latest
--   run of each checkpoint and text. Models of one group of seeds are one panel: at each rank the
--   median over n_seeds of the dimension, in the band from seed_low to seed_high, and that of the
--   mean distance.
-- param models VARCHAR[] = NULL in model.name, model_group.seed_group: only these models, or groups of seeds; NULL means all
-- param layers INTEGER[] = NULL in 0..: only these layers; NULL means five blocks
-- param all_layers BOOLEAN = false: every layer, instead of five blocks
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param seeds VARCHAR = 'band' in ('band', 'quartiles', 'single'): of a group of seeds its least and greatest, its quartiles, or each seed alone
-- param by VARCHAR = 'mean_distance' in ('mean_distance', 'rank'): the chart's horizontal axis
-- param final_norm BOOLEAN = false: also the state after the final norm
-- chart: mark=line x=$by:Q y=dimension:Q color=depth:Q dash=scope:N facet=series:N detail=state:N
WITH few AS (
    SELECT
        run_id, stack,
        list_transform(
            range(5), lambda part: 1 + round(part * (n_layers - 1) / 4)::INTEGER
        ) AS blocks
    FROM n_stack_layers
),
asked AS (
    SELECT
        c.*, seed_run.band_revision,
        shown_band($seeds, seed_run.band, seed_run.model_id) AS shown
    FROM curve_profile AS c
    JOIN few ON few.run_id = c.run_id AND few.stack = c.stack
    LEFT JOIN seed_run ON seed_run.run_id = c.run_id
    WHERE c.run_id IN (SELECT latest_run.run_id FROM latest_run)
        AND is_chosen($models::VARCHAR[], c.model, seed_run.seed_group)
        AND CASE
            WHEN $layers::INTEGER[] IS NOT NULL THEN list_contains($layers::INTEGER[], c.layer)
            ELSE $all_layers::BOOLEAN OR list_contains(blocks, c.layer) END
        AND list_contains($scopes::VARCHAR[], c.scope)
        AND (c.site <> 'final_norm' OR $final_norm::BOOLEAN)
),
lines AS (
    SELECT
        coalesce(shown.seed_group, model) AS model,
        CASE WHEN shown IS NULL THEN revision ELSE band_revision END AS revision,
        CASE WHEN shown IS NULL THEN run_id END AS run_id,
        kind, step, corpus, stack, scope, layer, depth, site, rank, shown,
        median(mean_distance) AS mean_distance,
        seed_line(shown, dimension, ci_low, ci_high, std_error, run_id) AS line,
        agreed(list(n)) AS n
    FROM asked
    GROUP BY ALL
)
SELECT
    series(model, revision, corpus, run_id, kind, stack)
    || CASE WHEN min(shown.corpus_id) OVER of_text < max(shown.corpus_id) OVER of_text
        THEN coalesce(' · text ' || left(shown.corpus_id, 8), '') ELSE '' END
    || seeds_in_words(shown, max(len(line.run_ids)) OVER (PARTITION BY shown, revision)) AS series,
    'layer ' || layer
    || CASE WHEN site = 'final_norm' THEN ' after final norm' ELSE '' END AS state,
    scope, layer, depth, site, rank, mean_distance, line.value AS dimension, line.std_error,
    line.ci_low, line.ci_high,
    list_count(line.seed_values) AS n_seeds,
    seed_low($seeds, line.seed_values) AS seed_low,
    seed_high($seeds, line.seed_values) AS seed_high,
    n, model, kind, revision, step, corpus, stack, run_id, line.run_ids
FROM lines
WINDOW of_text AS (PARTITION BY model, revision, corpus)
ORDER BY
    model, corpus, step NULLS LAST, revision, run_id, stack, scope, layer, site, rank
