-- title: Layer by training step
-- doc: One cell per layer and step of training, one panel per model. Each layer of a model has a
--   cell at each of its steps: one without a value was not measured, or is undefined and has a
--   reason. The latest run of each checkpoint and text; checkpoints without a step are left out,
--   and so is the state after the final norm. Models of one group of seeds are one panel: a cell is
--   the median over the n_seeds that have this step; seed_low and seed_high are their band.
-- param metric VARCHAR = 'twonn' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name, model_group.seed_group: only these models, or groups of seeds; NULL means all
-- param layers INTEGER[] = NULL in 0..: only these layers; NULL means all
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param random_init BOOLEAN = false: also untrained controls, as series of their own at step 0
-- param seeds VARCHAR = 'band' in ('band', 'quartiles', 'single'): of a group of seeds its least and greatest, its quartiles, or each seed alone
-- chart: mark=rect x=step:O y=layer:O color=value:Q facet=series:N apart=site:N
-- needs: checkpoint with a training step
WITH asked AS (
    SELECT
        p.*, seed_run.seed_group, seed_run.band_revision,
        shown_band($seeds, seed_run.band, p.model_id) AS shown
    FROM training_profile AS p
    LEFT JOIN seed_run ON seed_run.run_id = p.run_id
    WHERE metric = $metric
        AND ($random_init::BOOLEAN OR NOT untrained)
        AND is_chosen($models::VARCHAR[], model, seed_group)
        AND ($layers::INTEGER[] IS NULL OR list_contains($layers::INTEGER[], layer))
        AND scope = $scope
        AND site <> 'final_norm'
),
lines AS (
    SELECT
        coalesce(shown.seed_group, display_name) AS display_name,
        coalesce(shown.seed_group, model) AS model,
        CASE WHEN shown IS NULL THEN model_id END AS model_id,
        CASE WHEN shown IS NULL THEN revision ELSE band_revision END AS revision,
        CASE WHEN shown IS NULL THEN run_id END AS run_id,
        course, corpus, corpus_id, kind, stack, step, layer, depth, site, shown,
        seed_line(shown, value, ci_low, ci_high, std_error, run_id) AS line,
        agreed(list(n)) AS n,
        agreed(list(reason)) AS reason
    FROM asked
    GROUP BY ALL
),
measured AS (
    SELECT
        *,
        training_series(display_name, course, corpus, corpus_id, kind, stack)
        || seeds_in_words(shown, max(len(line.run_ids)) OVER (PARTITION BY shown)) AS series
    FROM lines
),
steps AS (SELECT DISTINCT series, model_id, model, kind, corpus, stack, step FROM measured),
layers AS (SELECT series, layer, site, min(depth) AS depth FROM measured GROUP BY ALL)
SELECT
    steps.series, steps.step, layers.layer, layers.depth, layers.site,
    $metric AS metric,
    measured.line.value, measured.line.std_error,
    list_count(measured.line.seed_values) AS n_seeds,
    seed_low($seeds, measured.line.seed_values) AS seed_low,
    seed_high($seeds, measured.line.seed_values) AS seed_high,
    measured.n,
    CASE WHEN measured.series IS NULL THEN 'not measured' ELSE measured.reason END AS reason,
    steps.model, steps.kind, measured.revision, steps.corpus, steps.stack, steps.model_id,
    measured.run_id, measured.line.run_ids
FROM steps
JOIN layers USING (series)
LEFT JOIN measured
    ON measured.series = steps.series AND measured.step = steps.step
    AND measured.layer = layers.layer AND measured.site = layers.site
ORDER BY steps.series, layers.layer, steps.step
