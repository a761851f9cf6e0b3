-- title: Profile across layers
-- doc: One row per model, scope and layer, one line per model and scope; the latest run of each
--   checkpoint and text. The state after the final norm is left out unless asked for; then it
--   is a series of its own, because the norm rescales each coordinate and so it is not
--   comparable with the blocks before it. A series is labelled with the revision, the text or
--   the run only if a model has more than one of them. Runs of shuffled text (--shuffle) are
--   series of their own, labelled with what was shuffled.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param corpora VARCHAR[] = NULL in corpus.name: only these texts
-- param scopes VARCHAR[] = ['all', 'no_sinks'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param runs VARCHAR[] = NULL: these runs, by their ids or how those begin, instead of the latest
-- param controls BOOLEAN = true: also runs of shuffled text, as series of their own
-- param by VARCHAR = 'depth' in ('depth', 'layer'): the chart's horizontal axis
-- param final_norm BOOLEAN = false: also the state after the final norm
-- chart: mark=line x=$by:Q y=value:Q color=series:N dash=scope:N
SELECT
    series(model, revision, corpus, run_id, kind, stack, shuffle)
    || CASE WHEN site = 'final_norm' THEN ' · after final norm' ELSE '' END AS series,
    scope, layer, depth, site, metric, value, ci_low, ci_high, n, reason, model, kind, revision,
    step, corpus, stack, run_id, std_error, shuffle
FROM profile
WHERE metric = $metric
    AND CASE WHEN $runs::VARCHAR[] IS NULL
        THEN run_id IN (SELECT latest_run.run_id FROM latest_run)
            OR ($controls::BOOLEAN AND run_id IN (SELECT latest_control.run_id FROM latest_control))
        ELSE len(list_filter($runs::VARCHAR[], lambda start: starts_with(run_id, start))) > 0 END
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
    AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], revision))
    AND ($corpora::VARCHAR[] IS NULL OR list_contains($corpora::VARCHAR[], corpus))
    AND list_contains($scopes::VARCHAR[], scope)
    AND (site <> 'final_norm' OR $final_norm::BOOLEAN)
ORDER BY
    model, corpus, step NULLS LAST, revision, shuffle <> 'none', shuffle, run_id, stack, scope,
    layer, site
