-- title: Dimension profile with its interval
-- doc: One line per model over its depth, with the interval of each estimate. The default is
--   the median over tokens of the local estimate; its quartiles tell how much tokens differ.
--   The latest run of each checkpoint and text. The state after the final norm is left out.
--   Estimates above about 20 are too low. Runs of shuffled text (--shuffle) are series of their
--   own. Models of one group of seeds are one series: the median over n_seeds of them, also of
--   the quartiles, in the band from seed_low to seed_high.
-- param metric VARCHAR = 'lid_p50' in ('lid_p05', 'lid_p25', 'lid_p50', 'lid_p75', 'lid_p95', 'twonn', 'twonn_ml', 'twonn_low20', 'corrint', 'mom', 'mada', 'mle', 'tle', 'ph_dim', 'ess', 'local_pca', 'participation_ratio', 'effective_rank'): which estimate
-- param models VARCHAR[] = NULL in model.name, model_group.seed_group: only these models, or groups of seeds; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param controls BOOLEAN = true: also runs of shuffled text, as series of their own
-- param seeds VARCHAR = 'band' in ('band', 'quartiles', 'single'): of a group of seeds its least and greatest, its quartiles, or each seed alone
-- param by VARCHAR = 'depth' in ('depth', 'layer'): the chart's horizontal axis
-- chart: mark=line x=$by:Q y=value:Q color=series:N dash=scope:N
WITH asked AS (
    SELECT
        p.*,
        lower.value AS lid_p25,
        upper.value AS lid_p75,
        shown_band($seeds, band, model_id) AS shown
    FROM seed_profile AS p
    LEFT JOIN measurement AS lower
        ON lower.run_id = p.run_id AND lower.stack = p.stack AND lower.layer = p.layer
        AND lower.site = p.site AND lower.scope = p.scope AND lower.metric = 'lid_p25'
    LEFT JOIN measurement AS upper
        ON upper.run_id = p.run_id AND upper.stack = p.stack AND upper.layer = p.layer
        AND upper.site = p.site AND upper.scope = p.scope AND upper.metric = 'lid_p75'
    WHERE p.metric = $metric
        AND (p.run_id IN (SELECT latest_run.run_id FROM latest_run)
            OR ($controls::BOOLEAN
                AND p.run_id IN (SELECT latest_control.run_id FROM latest_control)))
        AND is_chosen($models::VARCHAR[], p.model, seed_group)
        AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], p.revision))
        AND list_contains($scopes::VARCHAR[], p.scope)
        AND p.site <> 'final_norm'
),
lines AS (
    SELECT
        coalesce(shown.seed_group, model) AS model,
        CASE WHEN shown IS NULL THEN revision ELSE band_revision END AS revision,
        CASE WHEN shown IS NULL THEN run_id END AS run_id,
        kind, step, corpus, stack, shuffle, scope, layer, depth, site, metric, shown,
        seed_line(shown, value, ci_low, ci_high, std_error, run_id) AS line,
        median(lid_p25) AS lid_p25,
        median(lid_p75) AS lid_p75,
        agreed(list(n)) AS n,
        agreed(list(reason)) AS reason
    FROM asked
    GROUP BY ALL
)
SELECT
    series(model, revision, corpus, run_id, kind, stack, shuffle)
    || CASE WHEN min(shown.corpus_id) OVER of_text < max(shown.corpus_id) OVER of_text
        THEN coalesce(' · text ' || left(shown.corpus_id, 8), '') ELSE '' END
    || seeds_in_words(shown, max(len(line.run_ids)) OVER (PARTITION BY shown, revision)) AS series,
    scope, layer, depth, site, metric, line.value, line.ci_low, line.ci_high,
    list_count(line.seed_values) AS n_seeds,
    seed_low($seeds, line.seed_values) AS seed_low,
    seed_high($seeds, line.seed_values) AS seed_high,
    lid_p25, lid_p75, line.std_error, n, reason, model, kind, revision, step, corpus, stack, run_id,
    line.run_ids, shuffle
FROM lines
WINDOW of_text AS (PARTITION BY model, revision, corpus)
ORDER BY
    model, corpus, step NULLS LAST, revision, shuffle <> 'none', shuffle, run_id, stack, scope,
    layer
