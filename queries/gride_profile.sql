-- title: Intrinsic dimension by layer, at one scale
-- doc: One line per model over its depth, one panel per text: the dimension from the ratio of each
--   token's distances to its rank-th and (2·rank)-th neighbour (Gride). Cheng et al. 2025 draw it so
--   for the last token of short texts, beside the same texts shuffled; the question
--   dimension_scale shows at which ranks it is the same. The latest run of each checkpoint and
--   text, and of each way of shuffling it; the state after the final norm is left out.
-- param rank INTEGER = 2 in (1, 2, 4, 8, 16, 32): the nearer of the two neighbours
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param corpora VARCHAR[] = NULL in corpus.name: only these texts
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param controls BOOLEAN = true: also runs of shuffled text, dashed
-- param by VARCHAR = 'depth' in ('depth', 'layer'): the chart's horizontal axis
-- chart: mark=line x=$by:Q y=dimension:Q color=series:N dash=text:N facet=corpus:N
-- table: series corpus text layer dimension
SELECT
    series(model, revision, kind := kind, stack := stack) AS series,
    CASE shuffle WHEN 'none' THEN 'as it is' ELSE shuffle_in_words(shuffle) END AS text,
    scope, layer, depth, rank, dimension, std_error, ci_low, ci_high, n, mean_distance,
    model, kind, revision, step, corpus, stack, run_id, shuffle
FROM curve_profile
WHERE rank = $rank
    AND scope = $scope
    AND (run_id IN (SELECT latest_run.run_id FROM latest_run)
        OR ($controls::BOOLEAN AND run_id IN (SELECT latest_control.run_id FROM latest_control)))
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
    AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], revision))
    AND ($corpora::VARCHAR[] IS NULL OR list_contains($corpora::VARCHAR[], corpus))
    AND site <> 'final_norm'
ORDER BY
    corpus, model, step NULLS LAST, revision, shuffle <> 'none', shuffle, run_id, stack, layer
