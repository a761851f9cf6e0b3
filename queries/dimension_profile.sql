-- title: Dimension profile with its interval
-- doc: One line per model over its depth, with the interval of each estimate. The default is
--   the median over tokens of the local estimate; its quartiles tell how much tokens differ.
--   The latest run of each checkpoint and text. The state after the final norm is left out.
--   Estimates above about 20 are too low. Runs of shuffled text (--shuffle) are series of their
--   own.
-- param metric VARCHAR = 'lid_p50' in ('lid_p05', 'lid_p25', 'lid_p50', 'lid_p75', 'lid_p95', 'twonn', 'twonn_ml', 'twonn_low20', 'corrint', 'mom', 'mada', 'mle', 'tle', 'ph_dim', 'ess', 'local_pca', 'participation_ratio', 'effective_rank'): which estimate
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param controls BOOLEAN = true: also runs of shuffled text, as series of their own
-- param by VARCHAR = 'depth' in ('depth', 'layer'): the chart's horizontal axis
-- chart: mark=line x=$by:Q y=value:Q color=series:N dash=scope:N
SELECT
    series(p.model, p.revision, p.corpus, p.run_id, p.kind, p.stack, p.shuffle) AS series,
    p.scope, p.layer, p.depth, p.site, p.metric, p.value, p.ci_low, p.ci_high,
    lower.value AS lid_p25,
    upper.value AS lid_p75,
    p.std_error, p.n, p.reason, p.model, p.kind, p.revision, p.step, p.corpus, p.stack, p.run_id,
    p.shuffle
FROM profile AS p
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
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], p.model))
    AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], p.revision))
    AND list_contains($scopes::VARCHAR[], p.scope)
    AND p.site <> 'final_norm'
ORDER BY
    p.model, p.corpus, p.step NULLS LAST, p.revision, p.shuffle <> 'none', p.shuffle, p.run_id,
    p.stack, p.scope, p.layer
