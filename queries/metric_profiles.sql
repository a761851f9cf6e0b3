-- title: Several metrics across layers, one below the other
-- doc: One panel per metric, with the same layers below each other, so that what happens at one
--   layer is seen in all. For the figure of Queipo-de-Llano et al. 2025 ask for
--   metrics=window_matrix_entropy,sink_rate,first_token_norm, of --attention. The latest run of
--   each checkpoint and text; the state after the final norm is left out. Models of one group of
--   seeds are one series: the median over n_seeds of them, in the band from seed_low to seed_high.
-- param metrics VARCHAR[] = ['anisotropy', 'twonn'] in metric.name: which metrics
-- param models VARCHAR[] = NULL in model.name, model_group.seed_group: only these models, or groups of seeds; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param seeds VARCHAR = 'band' in ('band', 'quartiles', 'single'): of a group of seeds its least and greatest, its quartiles, or each seed alone
-- param by VARCHAR = 'depth' in ('depth', 'layer'): the chart's horizontal axis
-- chart: mark=line x=$by:Q y=value:Q color=series:N dash=scope:N apart=quantity:N
-- table: quantity series scope layer value
WITH asked AS (
    SELECT *, shown_band($seeds, band, model_id) AS shown
    FROM seed_profile
    WHERE run_id IN (SELECT latest_run.run_id FROM latest_run)
        AND list_contains($metrics::VARCHAR[], metric)
        AND is_chosen($models::VARCHAR[], model, seed_group)
        AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], revision))
        AND list_contains($scopes::VARCHAR[], scope)
        AND site <> 'final_norm'
),
lines AS (
    SELECT
        coalesce(shown.seed_group, model) AS model,
        CASE WHEN shown IS NULL THEN revision ELSE band_revision END AS revision,
        CASE WHEN shown IS NULL THEN run_id END AS run_id,
        kind, step, corpus, stack, scope, layer, depth, site, metric, shown,
        seed_line(shown, value, ci_low, ci_high, std_error, run_id) AS line,
        agreed(list(n)) AS n,
        agreed(list(reason)) AS reason
    FROM asked
    GROUP BY ALL
)
SELECT
    series(model, revision, corpus, run_id, kind, stack)
    || CASE WHEN min(shown.corpus_id) OVER of_text < max(shown.corpus_id) OVER of_text
        THEN coalesce(' · text ' || left(shown.corpus_id, 8), '') ELSE '' END
    || seeds_in_words(shown, max(len(line.run_ids)) OVER (PARTITION BY shown, revision)) AS series,
    latest_metric.title AS quantity,
    scope, layer, depth, site, metric, line.value, line.ci_low, line.ci_high,
    list_count(line.seed_values) AS n_seeds,
    seed_low($seeds, line.seed_values) AS seed_low,
    seed_high($seeds, line.seed_values) AS seed_high,
    line.std_error, n, reason, model, kind, revision, step, corpus, stack, run_id, line.run_ids
FROM lines
JOIN latest_metric ON latest_metric.name = metric
WINDOW of_text AS (PARTITION BY model, revision, corpus)
ORDER BY
    list_position($metrics::VARCHAR[], metric), model, corpus, step NULLS LAST, revision, run_id,
    stack, scope, layer
