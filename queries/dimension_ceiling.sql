-- title: Does any layer exceed the ceiling?
-- doc: One row per model and scope: the layer and checkpoint where the dimension is highest,
--   and how many of the measured layers lie above the ceiling. The seed study saw none above
--   60. exceeds is yes if the whole interval of any of them lies above the ceiling, and
--   surely_value is the highest value of those; perhaps if only a part of one does.
--   highest_possible is the highest end of any interval. Estimates above about 20 are too low at
--   usual sample sizes, so no is not a proof. The latest run of each checkpoint and text, without
--   untrained controls, the embedding and the state after the final norm: the dimension of the
--   embedding is that of the vocabulary.
-- param metric VARCHAR = 'twonn' in metric.name: which estimate
-- param ceiling DOUBLE = 60 in 0<..: the dimension not to be exceeded
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param scopes VARCHAR[] = ['all', 'no_sinks'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param embedding BOOLEAN = false: whether layer 0, the embedding, counts
-- chart: mark=point x=value:Q y=series:N color=series:N fill=scope:N rule=ceiling:Q label=layer:Q
-- table: series scope exceeds value layer
WITH highest AS (
    SELECT
        display_name, model, model_id, kind, corpus, corpus_id, stack, scope, metric,
        first(
            {'layer': layer, 'depth': depth, 'revision': revision, 'step': step, 'value': value,
            'ci_low': ci_low, 'ci_high': ci_high, 'n': n, 'run_id': run_id}
            ORDER BY value DESC NULLS LAST, step NULLS LAST, revision, layer, run_id
        ) AS top,
        -- The highest of all may be a less certain one.
        first(
            {'layer': layer, 'revision': revision, 'step': step, 'value': value}
            ORDER BY value DESC, step NULLS LAST, revision, layer, run_id
        ) FILTER (ci_low > $ceiling) AS surely,
        max(coalesce(ci_high, value)) AS highest_possible,
        count(value) AS n_states,
        count(*) FILTER (WHERE value > $ceiling) AS n_above,
        count(*) FILTER (WHERE ci_low > $ceiling) AS n_surely_above
    FROM named_profile
    WHERE metric = $metric
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
        AND list_contains($scopes::VARCHAR[], scope)
        AND site <> 'final_norm'
        AND (site <> 'embedding' OR $embedding::BOOLEAN)
        AND NOT untrained
    GROUP BY ALL
)
SELECT
    series(display_name, corpus := corpus, kind := kind, stack := stack)
    || CASE WHEN min(corpus_id) OVER of_text < max(corpus_id) OVER of_text
        THEN ' · text ' || left(corpus_id, 8) ELSE '' END AS series,
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
    n_states, n_above, n_surely_above, highest_possible,
    top.n AS n,
    model, kind, corpus, stack, model_id,
    top.run_id AS run_id,
    surely.value AS surely_value,
    surely.layer AS surely_layer,
    surely.revision AS surely_revision,
    surely.step AS surely_step
FROM highest
WINDOW of_text AS (PARTITION BY display_name, corpus)
ORDER BY series, scope
