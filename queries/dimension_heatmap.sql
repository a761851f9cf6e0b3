-- title: Layer by training step
-- doc: One cell per layer and step of training, one panel per model. Every layer of a model is
--   paired with every step of it: a cell without a value was not measured, or is undefined
--   and has a reason. The latest run of each checkpoint and text; checkpoints without a step
--   are left out, and so is the state after the final norm.
-- param metric VARCHAR = 'twonn' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param layers INTEGER[] = NULL in 0..: only these layers; NULL means all
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks'): which tokens count
-- param random_init BOOLEAN = false: also untrained controls, as series of their own at step 0
-- chart: mark=rect x=step:O y=layer:O color=value:Q facet=series:N
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
        p.reason,
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
        AND p.scope = $scope
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
),
steps AS (SELECT DISTINCT series, model_id, model, kind, corpus, stack, step FROM named),
layers AS (SELECT series, layer, site, min(depth) AS depth FROM named GROUP BY ALL)
SELECT
    steps.series,
    steps.step,
    layers.layer,
    layers.depth,
    layers.site,
    $metric AS metric,
    named.value,
    named.std_error,
    named.n,
    CASE WHEN named.run_id IS NULL THEN 'not measured' ELSE named.reason END AS reason,
    steps.model,
    steps.kind,
    named.revision,
    steps.corpus,
    steps.stack,
    steps.model_id,
    named.run_id
FROM steps
JOIN layers ON layers.series = steps.series
LEFT JOIN named
    ON named.series = steps.series AND named.step = steps.step
    AND named.layer = layers.layer AND named.site = layers.site
ORDER BY steps.series, layers.layer, steps.step
