-- title: Angles between all layers
-- doc: One cell per layer and number of layers further on, one panel per model: the mean angle
--   between a token's vectors in both, over π. A row that stays dark has layers in a row that
--   hardly turn a token: Gromov et al. 2024 remove them, and Sun et al. 2025 see them in the
--   deeper half of models. Measured with the metric angular_distance_next. The latest run of each
--   checkpoint and text; the state after the final norm is left out.
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param most INTEGER = NULL in 1..: at most so many layers further on; NULL means all
-- chart: mark=rect x=layer:O y=further:O color=angle:Q facet=series:N
-- table: series layer further angle
-- needs: layer compared with all others: measure angular_distance_next
SELECT
    series(r.model, r.revision, r.corpus, r.run_id, r.kind, a.stack) AS series,
    a.layer, a.other_layer,
    a.other_layer - a.layer AS further,
    a.distance AS angle, a.std_error, a.ci_low, a.ci_high, a.n, a.scope,
    r.model, r.kind, r.revision, r.step, r.corpus, a.stack, a.run_id
FROM angular_distance AS a
JOIN named_run AS r ON r.run_id = a.run_id
WHERE a.scope = $scope
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], r.model))
    AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], r.revision))
    AND ($most::INTEGER IS NULL OR a.other_layer - a.layer <= $most::INTEGER)
ORDER BY r.model, r.corpus, r.step NULLS LAST, r.revision, r.run_id, a.stack, a.layer, a.other_layer
