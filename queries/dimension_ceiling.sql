-- title: Does any layer exceed the ceiling?
-- doc: One row per model and scope: the layer and checkpoint where the dimension is highest,
--   and how many of the states measured lie above the ceiling; the seed study saw none above
--   60. exceeds is yes only where the whole interval lies above the ceiling, perhaps where a
--   part of it does; highest_possible is the highest end of any interval. Estimates above about
--   20 fall short at usual sample sizes, so that no is no proof. The latest run of each
--   checkpoint and text, without untrained controls and without the state after the final norm.
-- param metric VARCHAR = 'twonn' in metric.name: which estimate
-- param ceiling DOUBLE = 60 in 0<..: the dimension not to be exceeded
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param scopes VARCHAR[] = ['all', 'no_sinks'] in ('all', 'no_first', 'no_sinks'): which tokens count
-- chart: mark=point x=value:Q y=series:N color=scope:N rule=ceiling:Q
WITH called AS (
    -- Two models may have one name: the ids tell them apart.
    SELECT
        model_id,
        name || CASE WHEN count(*) OVER (PARTITION BY name) > 1
            THEN ' ' || left(model_id, 8) ELSE '' END AS called
    FROM model
),
highest AS (
    SELECT
        called.called,
        called.model_id,
        model,
        kind,
        corpus,
        stack,
        scope,
        metric,
        first(
            {'layer': layer, 'depth': depth, 'revision': profile_latest.revision,
            'step': profile_latest.step, 'value': value,
            'ci_low': ci_low, 'ci_high': ci_high, 'n': n, 'run_id': profile_latest.run_id}
            ORDER BY
                value DESC NULLS LAST, profile_latest.step NULLS LAST, profile_latest.revision,
                layer, profile_latest.run_id
        ) AS top,
        max(coalesce(ci_high, value)) AS highest_possible,
        count(value) AS n_states,
        count(*) FILTER (WHERE value > $ceiling) AS n_above,
        count(*) FILTER (WHERE ci_low > $ceiling) AS n_surely_above
    FROM profile_latest
    JOIN run ON run.run_id = profile_latest.run_id
    JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
    JOIN called ON called.model_id = checkpoint.model_id
    WHERE metric = $metric
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
        AND list_contains($scopes::VARCHAR[], scope)
        AND site <> 'final_norm'
        AND NOT starts_with(profile_latest.revision, 'random-init-')
    GROUP BY ALL
)
SELECT
    called
    || CASE WHEN min(corpus) OVER of_model < max(corpus) OVER of_model
        THEN ' · ' || corpus ELSE '' END
    || CASE WHEN kind = 'encoder-decoder' THEN ' · ' || stack ELSE '' END AS series,
    scope,
    CASE
        WHEN n_states = 0 THEN NULL
        WHEN n_surely_above > 0 THEN 'yes'
        WHEN highest_possible > $ceiling THEN 'perhaps'
        ELSE 'no' END AS exceeds,
    metric,
    top.value AS value,
    top.ci_low AS ci_low,
    top.ci_high AS ci_high,
    $ceiling::DOUBLE AS ceiling,
    top.layer AS layer,
    top.depth AS depth,
    top.revision AS revision,
    top.step AS step,
    n_states,
    n_above,
    n_surely_above,
    highest_possible,
    top.n AS n,
    model,
    kind,
    corpus,
    stack,
    model_id,
    top.run_id AS run_id
FROM highest
WINDOW of_model AS (PARTITION BY model_id)
ORDER BY series, scope
