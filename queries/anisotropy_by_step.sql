-- title: Maximum over the layers during training
-- doc: One row per model, scope and training step: the peak, which is the highest value of any
--   layer, and that layer. The seed study saw the peak of a decoder's anisotropy grow with
--   training. The embedding counts as layer 0, but not for estimates of dimension from
--   neighbours nor in the question phases; the state after the final norm does not count. The latest run of each
--   checkpoint and text; checkpoints without a step are left out. If duplicate_of names another
--   checkpoint, that one was stored before with the same weights: one of the two steps is not
--   what its name says.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param scopes VARCHAR[] = ['all', 'no_sinks'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param random_init BOOLEAN = false: also untrained controls, as series of their own at step 0
-- param by VARCHAR = 'step' in ('step', 'tokens_seen'): the chart's horizontal axis
-- param scale VARCHAR = 'symlog' in ('symlog', 'linear'): of that axis; symlog is logarithmic and holds 0
-- chart: mark=line x=$by:Q:$scale y=value:Q color=series:N dash=scope:N
-- needs: checkpoint with a training step
WITH peaks AS (
    SELECT
        display_name, model, model_id, kind, revision, step, tokens_seen, course, duplicate_of,
        corpus, corpus_id, stack, scope, metric, run_id,
        -- Of several layers with the same value the lowest.
        first(
            {'layer': layer, 'depth': depth, 'value': value, 'std_error': std_error,
            'ci_low': ci_low, 'ci_high': ci_high, 'n': n}
            ORDER BY value DESC NULLS LAST, layer
        ) AS peak
    FROM training_profile
    WHERE metric = $metric
        AND ($random_init::BOOLEAN OR NOT untrained)
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
        AND list_contains($scopes::VARCHAR[], scope)
        AND site <> 'final_norm'
        -- What the embedding's vectors span is the vocabulary that was read, which no layer made.
        AND (site <> 'embedding' OR $metric NOT IN (
            'corrint', 'lid_p05', 'lid_p25', 'lid_p50', 'lid_p75', 'lid_p95',
            'mada', 'mle', 'mom', 'ph_dim', 'tle', 'twonn', 'twonn_low20', 'twonn_ml'))
    GROUP BY ALL
)
SELECT
    training_series(display_name, course, corpus, corpus_id, kind, stack) AS series,
    scope, step, tokens_seen,
    peak.layer AS peak_layer,
    peak.depth AS peak_depth,
    metric,
    peak.value AS value,
    peak.std_error AS std_error,
    peak.ci_low AS ci_low,
    peak.ci_high AS ci_high,
    peak.n AS n,
    duplicate_of, model, kind, revision, corpus, stack, model_id, run_id
FROM peaks
ORDER BY series, scope, step, run_id
