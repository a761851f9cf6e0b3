-- title: Encoders against decoders
-- doc: The same profile in one panel per kind of model, with and without attention sinks: it
--   shows what is left of a decoder's bell once a few tokens with huge norms do not count. The
--   latest run of each checkpoint and text; depth makes models with different numbers of layers
--   comparable. The state after the final norm is left out. Models of one group of seeds are one
--   series: the median over n_seeds of them, in the band from seed_low to seed_high.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name, model_group.seed_group: only these models, or groups of seeds; NULL means all
-- param scopes VARCHAR[] = ['all', 'no_sinks'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param seeds VARCHAR = 'band' in ('band', 'quartiles', 'single'): of a group of seeds its least and greatest, its quartiles, or each seed alone
-- chart: mark=line x=depth:Q y=value:Q color=series:N dash=scope:N facet=kind:N
WITH asked AS (
    SELECT *, shown_band($seeds, band, model_id) AS shown
    FROM seed_profile
    WHERE run_id IN (SELECT latest_run.run_id FROM latest_run)
        AND metric = $metric
        AND is_chosen($models::VARCHAR[], model, seed_group)
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
    kind,
    series(model, revision, corpus, run_id, kind, stack)
    || CASE WHEN min(shown.corpus_id) OVER of_text < max(shown.corpus_id) OVER of_text
        THEN coalesce(' · text ' || left(shown.corpus_id, 8), '') ELSE '' END
    || seeds_in_words(shown, max(len(line.run_ids)) OVER (PARTITION BY shown, revision)) AS series,
    scope, layer, depth, metric, line.value, line.ci_low, line.ci_high,
    list_count(line.seed_values) AS n_seeds,
    seed_low($seeds, line.seed_values) AS seed_low,
    seed_high($seeds, line.seed_values) AS seed_high,
    n, reason, model, revision, step, corpus, stack, run_id, line.run_ids, line.std_error
FROM lines
WINDOW of_text AS (PARTITION BY model, revision, corpus)
ORDER BY kind, model, corpus, step NULLS LAST, revision, run_id, stack, scope, layer
