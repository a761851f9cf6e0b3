-- title: Maximum over the layers during training
-- doc: One row per model, scope and training step: the peak, which is the highest value of any
--   layer, and that layer. The seed study saw the peak of a decoder's anisotropy grow with
--   training. The embedding counts as layer 0, but not for estimates of dimension from neighbours
--   nor in the question phases; the state after the final norm does not count. The latest run of
--   each checkpoint and text; checkpoints without a step are left out. duplicate_of names a
--   checkpoint that was stored before with the same weights, as main has those of the last step.
--   Where duplicate_of names another step, perhaps one of the two is not what its name says. Models
--   of one group of seeds are one series: each seed has its own peak, and value is the median of
--   the n_seeds peaks at this step, in the band from seed_low to seed_high; peak_layer is NULL
--   where seeds peak at different layers.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name, model_group.seed_group: only these models, or groups of seeds; NULL means all
-- param scopes VARCHAR[] = ['all', 'no_sinks'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param random_init BOOLEAN = false: also untrained controls, as series of their own at step 0
-- param seeds VARCHAR = 'band' in ('band', 'quartiles', 'single'): of a group of seeds its least and greatest, its quartiles, or each seed alone
-- param by VARCHAR = 'step' in ('step', 'tokens_seen'): the chart's horizontal axis
-- param scale VARCHAR = 'symlog' in ('symlog', 'linear'): of that axis; symlog is logarithmic and holds 0
-- chart: mark=line x=$by:Q:$scale y=value:Q color=series:N dash=scope:N
-- needs: checkpoint with a training step
WITH peaks AS (
    SELECT
        p.display_name, p.model, p.model_id, p.kind, p.revision, p.step, p.tokens_seen, p.course,
        p.duplicate_of, p.corpus, p.corpus_id, p.stack, p.scope, p.metric, p.run_id,
        seed_run.band, seed_run.band_revision,
        -- Of several layers with the same value the lowest.
        first(
            {'layer': layer, 'depth': depth, 'value': value, 'std_error': std_error,
            'ci_low': ci_low, 'ci_high': ci_high, 'n': n}
            ORDER BY value DESC NULLS LAST, layer
        ) AS peak
    FROM training_profile AS p
    LEFT JOIN seed_run ON seed_run.run_id = p.run_id
    WHERE metric = $metric
        AND ($random_init::BOOLEAN OR NOT untrained)
        AND is_chosen($models::VARCHAR[], model, seed_group)
        AND list_contains($scopes::VARCHAR[], scope)
        AND site <> 'final_norm'
        -- What the embedding's vectors span is the vocabulary that was read, which no layer made.
        AND (site <> 'embedding' OR $metric NOT IN (
            'corrint', 'ess', 'lid_p05', 'lid_p25', 'lid_p50', 'lid_p75', 'lid_p95',
            'local_pca', 'mada', 'mle', 'mom', 'ph_dim', 'tle', 'twonn', 'twonn_low20', 'twonn_ml'))
    GROUP BY ALL
),
asked AS (SELECT *, shown_band($seeds, band, model_id) AS shown FROM peaks),
lines AS (
    SELECT
        coalesce(shown.seed_group, display_name) AS display_name,
        coalesce(shown.seed_group, model) AS model,
        CASE WHEN shown IS NULL THEN model_id END AS model_id,
        CASE WHEN shown IS NULL THEN revision ELSE band_revision END AS revision,
        CASE WHEN shown IS NULL THEN run_id END AS run_id,
        course, corpus, corpus_id, kind, stack, scope, step, metric, shown,
        agreed(list(tokens_seen)) AS tokens_seen,
        agreed(list(peak.layer)) AS peak_layer,
        agreed(list(peak.depth)) AS peak_depth,
        seed_line(shown, peak.value, peak.ci_low, peak.ci_high, peak.std_error, run_id) AS line,
        agreed(list(peak.n)) AS n,
        min(duplicate_of) FILTER (shown IS NULL) AS duplicate_of
    FROM asked
    GROUP BY ALL
)
SELECT
    training_series(display_name, course, corpus, corpus_id, kind, stack)
    || seeds_in_words(shown, max(len(line.run_ids)) OVER (PARTITION BY shown)) AS series,
    scope, step, tokens_seen, peak_layer, peak_depth, metric, line.value, line.ci_low, line.ci_high,
    list_count(line.seed_values) AS n_seeds,
    seed_low($seeds, line.seed_values) AS seed_low,
    seed_high($seeds, line.seed_values) AS seed_high,
    line.std_error, n, duplicate_of, model, kind, revision, corpus, stack, model_id, run_id,
    line.run_ids
FROM lines
ORDER BY series, scope, step, run_id
