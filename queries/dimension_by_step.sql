-- title: Layer by layer during training
-- doc: One line per layer over the steps of training, one panel per model. The seed study saw
--   the dimension first rise, then fall; the question phases tells whether it does here. The
--   latest run of each checkpoint and text; checkpoints without a step are left out, and so is
--   the state after the final norm.
-- param metric VARCHAR = 'twonn' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param layers INTEGER[] = NULL in 0..: only these layers; NULL means all
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param random_init BOOLEAN = false: also untrained controls, as series of their own at step 0
-- param by VARCHAR = 'step' in ('step', 'tokens_seen'): the chart's horizontal axis
-- param scale VARCHAR = 'symlog' in ('symlog', 'linear'): of that axis; symlog is logarithmic and holds 0
-- chart: mark=line x=$by:Q:$scale y=value:Q color=depth:Q dash=scope:N facet=series:N apart=site:N detail=state:N
-- needs: checkpoint with a training step
SELECT
    training_series(display_name, course, corpus, corpus_id, kind, stack) AS series,
    'layer ' || layer AS state,
    scope, step, tokens_seen, layer, depth, site, metric, value, std_error, ci_low, ci_high, n,
    model, kind, revision, corpus, stack, model_id, run_id
FROM training_profile
WHERE metric = $metric
    AND ($random_init::BOOLEAN OR NOT untrained)
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
    AND ($layers::INTEGER[] IS NULL OR list_contains($layers::INTEGER[], layer))
    AND list_contains($scopes::VARCHAR[], scope)
    AND site <> 'final_norm'
ORDER BY series, scope, layer, step, run_id
