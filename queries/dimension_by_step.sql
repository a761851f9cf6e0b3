-- title: Layer by layer during training
-- doc: One line per layer over the steps of training, one panel per model. The seed study saw
--   the dimension first rise, then fall; phases asks whether it does here. The latest run of
--   each checkpoint and text; checkpoints without a step are left out, and so is the state
--   after the final norm.
-- param metric VARCHAR = 'twonn' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param layers INTEGER[] = NULL in 0..: only these layers; NULL means all
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks'): which tokens count
-- param random_init BOOLEAN = false: also untrained controls, as series of their own at step 0
-- param by VARCHAR = 'step' in ('step', 'tokens_seen'): the chart's horizontal axis
-- param scale VARCHAR = 'symlog' in ('symlog', 'linear'): of that axis; symlog is logarithmic and holds 0
-- chart: mark=line x=$by:Q:$scale y=value:Q color=depth:Q dash=scope:N facet=series:N detail=state:N
WITH called AS (
    -- Two models may have one name: the ids tell them apart.
    SELECT
        model_id,
        name || CASE WHEN count(*) OVER (PARTITION BY name) > 1
            THEN ' ' || left(model_id, 8) ELSE '' END AS called
    FROM model
),
measured AS (
    SELECT
        called.called,
        called.model_id,
        p.model,
        p.kind,
        p.revision,
        p.step,
        p.tokens_seen,
        p.corpus,
        latest_run.corpus_id,
        p.stack,
        p.layer,
        p.site,
        p.depth,
        p.scope,
        p.metric,
        p.value,
        p.std_error,
        p.ci_low,
        p.ci_high,
        p.n,
        p.tokens,
        p.run_id,
        -- What a revision's name says before its step tells two trainings of one name apart.
        CASE WHEN starts_with(p.revision, 'random-init-') THEN p.revision
            ELSE rtrim(regexp_extract(
                lower(p.revision), '^(.*?)(?:global_?)?(?:step|checkpoint|ckpt|iter)', 1
            ), '-_/. ') END AS course
    FROM profile AS p
    JOIN latest_run ON latest_run.run_id = p.run_id
    JOIN run ON run.run_id = p.run_id
    JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
    JOIN called ON called.model_id = checkpoint.model_id
    WHERE p.metric = $metric
        AND p.step IS NOT NULL
        AND ($random_init::BOOLEAN OR NOT starts_with(p.revision, 'random-init-'))
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], p.model))
        AND list_contains($scopes::VARCHAR[], p.scope)
        AND p.site <> 'final_norm'
        AND ($layers::INTEGER[] IS NULL OR list_contains($layers::INTEGER[], p.layer))
    -- Of two checkpoints at one step, the one measured last.
    QUALIFY row_number() OVER (
        PARTITION BY
            called.model_id, course, latest_run.corpus_id, p.stack, p.scope, p.layer, p.site, p.step
        ORDER BY p.created_at DESC, p.run_id DESC
    ) = 1
),
named AS (
    SELECT
        called
        || CASE WHEN course <> '' AND (
            min(course) OVER of_model < max(course) OVER of_model
            OR starts_with(course, 'random-init-')
        ) THEN ' · ' || course ELSE '' END
        || CASE WHEN min(corpus_id) OVER of_model < max(corpus_id) OVER of_model
            THEN ' · ' || corpus ELSE '' END
        || CASE WHEN min(corpus_id) OVER of_corpus < max(corpus_id) OVER of_corpus
            THEN ' ' || left(corpus_id, 8) ELSE '' END
        || CASE WHEN kind = 'encoder-decoder' THEN ' · ' || stack ELSE '' END AS series,
        *
    FROM measured
    WINDOW
        of_model AS (PARTITION BY model_id),
        of_corpus AS (PARTITION BY model_id, corpus)
)
SELECT
    series,
    'layer ' || layer AS state,
    scope,
    step,
    tokens_seen,
    layer,
    depth,
    site,
    metric,
    value,
    std_error,
    ci_low,
    ci_high,
    n,
    model,
    kind,
    revision,
    corpus,
    stack,
    model_id,
    run_id
FROM named
-- Decide the chart's axis only.
WHERE $by::VARCHAR IN ('step', 'tokens_seen')
    AND $scale::VARCHAR IN ('symlog', 'linear')
ORDER BY series, scope, layer, step, run_id
