-- title: Profile across layers
-- doc: One row per model, scope and layer, one line per model and scope; the latest run of each
--   checkpoint and text. The state after the final norm is left out unless asked for; then it is a
--   series of its own, because the norm rescales each coordinate and so it is not comparable with
--   the blocks before it. A series is labelled with the revision, the text or the run only if a
--   model has more than one of them, an untrained control always. Runs of shuffled text (--shuffle)
--   are series of their own, labelled with what was shuffled. Models of one group of seeds are one
--   series: its value is the median over n_seeds of them, seed_low and seed_high are its band.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name, model_group.seed_group: only these models, or groups of seeds; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param corpora VARCHAR[] = NULL in corpus.name: only these texts
-- param scopes VARCHAR[] = ['all', 'no_sinks'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param runs VARCHAR[] = NULL: these runs, by their ids or how those begin, instead of the latest
-- param controls BOOLEAN = true: also runs of shuffled text, as series of their own
-- param seeds VARCHAR = 'band' in ('band', 'quartiles', 'single'): of a group of seeds its least and greatest, its quartiles, or each seed alone
-- param by VARCHAR = 'depth' in ('depth', 'layer'): the chart's horizontal axis
-- param final_norm BOOLEAN = false: also the state after the final norm
-- chart: mark=line x=$by:Q y=value:Q color=series:N dash=scope:N
WITH asked AS (
    SELECT
        *,
        CASE WHEN $runs::VARCHAR[] IS NULL THEN shown_band($seeds, band, model_id) END AS shown
    FROM seed_profile
    WHERE metric = $metric
        AND CASE WHEN $runs::VARCHAR[] IS NULL
            THEN run_id IN (SELECT latest_run.run_id FROM latest_run)
                OR ($controls::BOOLEAN
                    AND run_id IN (SELECT latest_control.run_id FROM latest_control))
            ELSE len(list_filter($runs::VARCHAR[], lambda start: starts_with(run_id, start))) > 0
        END
        AND is_chosen($models::VARCHAR[], model, seed_group)
        AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], revision))
        AND ($corpora::VARCHAR[] IS NULL OR list_contains($corpora::VARCHAR[], corpus))
        AND list_contains($scopes::VARCHAR[], scope)
        AND (site <> 'final_norm' OR $final_norm::BOOLEAN)
),
lines AS (
    SELECT
        coalesce(shown.seed_group, model) AS model,
        CASE WHEN shown IS NULL THEN revision ELSE band_revision END AS revision,
        CASE WHEN shown IS NULL THEN run_id END AS run_id,
        kind, step, corpus, stack, shuffle, scope, layer, depth, site, metric, shown,
        seed_line(shown, value, ci_low, ci_high, std_error, run_id) AS line,
        agreed(list(n)) AS n,
        agreed(list(reason)) AS reason
    FROM asked
    GROUP BY ALL
)
SELECT
    series(model, revision, corpus, run_id, kind, stack, shuffle)
    || CASE WHEN min(shown.corpus_id) OVER of_text < max(shown.corpus_id) OVER of_text
        THEN coalesce(' · text ' || left(shown.corpus_id, 8), '') ELSE '' END
    || seeds_in_words(shown, max(len(line.run_ids)) OVER (PARTITION BY shown, revision))
    || CASE WHEN site = 'final_norm' THEN ' · after final norm' ELSE '' END AS series,
    scope, layer, depth, site, metric, line.value, line.ci_low, line.ci_high,
    list_count(line.seed_values) AS n_seeds,
    seed_low($seeds, line.seed_values) AS seed_low,
    seed_high($seeds, line.seed_values) AS seed_high,
    n, reason, model, kind, revision, step, corpus, stack, run_id, line.run_ids, line.std_error,
    shuffle
FROM lines
WINDOW of_text AS (PARTITION BY model, revision, corpus)
ORDER BY
    model, corpus, step NULLS LAST, revision, shuffle <> 'none', shuffle, run_id, stack, scope,
    layer, site
