-- title: Layer by training step
-- doc: One cell per layer and step of training, one panel per model. Each layer of a model has
--   a cell at each of its steps: one without a value was not measured, or is undefined and has
--   a reason. The latest run of each checkpoint and text; checkpoints without a step are left
--   out, and so is the state after the final norm.
-- param metric VARCHAR = 'twonn' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param layers INTEGER[] = NULL in 0..: only these layers; NULL means all
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param random_init BOOLEAN = false: also untrained controls, as series of their own at step 0
-- chart: mark=rect x=step:O y=layer:O color=value:Q facet=series:N apart=site:N
-- needs: checkpoint with a training step
WITH measured AS (
    SELECT *, training_series(display_name, course, corpus, corpus_id, kind, stack) AS series
    FROM training_profile
    WHERE metric = $metric
        AND ($random_init::BOOLEAN OR NOT untrained)
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
        AND ($layers::INTEGER[] IS NULL OR list_contains($layers::INTEGER[], layer))
        AND scope = $scope
        AND site <> 'final_norm'
),
steps AS (SELECT DISTINCT series, model_id, model, kind, corpus, stack, step FROM measured),
layers AS (SELECT series, layer, site, min(depth) AS depth FROM measured GROUP BY ALL)
SELECT
    steps.series, steps.step, layers.layer, layers.depth, layers.site,
    $metric AS metric,
    measured.value, measured.std_error, measured.n,
    CASE WHEN measured.run_id IS NULL THEN 'not measured' ELSE measured.reason END AS reason,
    steps.model, steps.kind, measured.revision, steps.corpus, steps.stack, steps.model_id,
    measured.run_id
FROM steps
JOIN layers USING (series)
LEFT JOIN measured USING (series, step, layer, site)
ORDER BY steps.series, layers.layer, steps.step
