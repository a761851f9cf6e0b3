-- title: Layer by layer during training
-- doc: One line per layer over the steps of training, one panel per model. The seed study saw
--   the dimension first rise, then fall; the question phases tells whether it does here. The
--   latest run of each checkpoint and text; checkpoints without a step are left out, and so is
--   the state after the final norm. Models of one group of seeds are one series: the median over
--   the n_seeds that have this step, in the band from seed_low to seed_high.
-- param metric VARCHAR = 'twonn' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name, model_group.seed_group: only these models, or groups of seeds; NULL means all
-- param layers INTEGER[] = NULL in 0..: only these layers; NULL means all
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param random_init BOOLEAN = false: also untrained controls, as series of their own at step 0
-- param seeds VARCHAR = 'band' in ('band', 'quartiles', 'single'): of a group of seeds its least and greatest, its quartiles, or each seed alone
-- param by VARCHAR = 'step' in ('step', 'tokens_seen'): the chart's horizontal axis
-- param scale VARCHAR = 'symlog' in ('symlog', 'linear'): of that axis; symlog is logarithmic and holds 0
-- chart: mark=line x=$by:Q:$scale y=value:Q color=depth:Q dash=scope:N facet=series:N apart=site:N detail=state:N
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
        AND list_contains($scopes::VARCHAR[], scope)
        AND site <> 'final_norm'
),
lines AS (
    SELECT
        coalesce(shown.seed_group, display_name) AS display_name,
        coalesce(shown.seed_group, model) AS model,
        CASE WHEN shown IS NULL THEN model_id END AS model_id,
        CASE WHEN shown IS NULL THEN revision ELSE band_revision END AS revision,
        CASE WHEN shown IS NULL THEN run_id END AS run_id,
        course, corpus, corpus_id, kind, stack, scope, step, layer, depth, site, metric, shown,
        agreed(list(tokens_seen)) AS tokens_seen,
        seed_line(shown, value, ci_low, ci_high, std_error, run_id) AS line,
        agreed(list(n)) AS n
    FROM asked
    GROUP BY ALL
)
SELECT
    training_series(display_name, course, corpus, corpus_id, kind, stack)
    || seeds_in_words(shown, max(len(line.run_ids)) OVER (PARTITION BY shown)) AS series,
    'layer ' || layer AS state,
    scope, step, tokens_seen, layer, depth, site, metric, line.value, line.ci_low, line.ci_high,
    list_count(line.seed_values) AS n_seeds,
    seed_low($seeds, line.seed_values) AS seed_low,
    seed_high($seeds, line.seed_values) AS seed_high,
    line.std_error, n, model, kind, revision, corpus, stack, model_id, run_id, line.run_ids
FROM lines
ORDER BY series, scope, layer, step, run_id
