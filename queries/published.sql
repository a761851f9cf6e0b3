-- title: Beside published values
-- doc: One row per model, metric and layer for which a paper gives a number and the store has one
--   that was measured alike: a model called like it behind the owner's name, with as many layers
--   and dimensions, at the same step; the same scope, whole texts where the paper read whole texts,
--   no shuffling. protocol says how the paper measured, here what was read here; texts are rarely
--   the same, so a few per cent are to be expected, and more where the paper had weights in 8 bits.
--   times_published is the number here over the published one. largest_activation is the largest
--   |x| of a layer's output. The latest run of each checkpoint and text.
-- param metrics VARCHAR[] = NULL: only these metrics; NULL means all
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param missing BOOLEAN = false: also published values that the store has nothing to hold against
-- chart: mark=point x=times_published:Q y=layer:O color=measure:N facet=series:N rule=agreement:Q
-- table: series metric layer published value times_published
-- needs: model and layer with a published value, measured in the same way (embstore query published -p missing=true)
WITH runs AS (
    SELECT
        r.*, lower(split_part(r.model, '/', -1)) AS short_name,
        run.n_special_tokens > 0 AS has_marker, model.n_layers, model.hidden_size,
        concat_ws(
            ', ', format('{:,} tokens in {:,} windows of {}', run.tokens, run.n_windows, r.corpus),
            CASE r.settings.windows WHEN 'documents' THEN 'each a text' END, run.dtype
        ) AS here
    FROM named_run AS r
    JOIN run ON run.run_id = r.run_id
    JOIN model ON model.model_id = r.model_id
    SEMI JOIN published_value AS p
        ON lower(split_part(p.model, '/', -1)) = lower(split_part(r.model, '/', -1))
    WHERE NOT r.untrained
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], r.model))
),
numbers AS (
    SELECT run_id, stack, layer, site, scope, metric, value, std_error, ci_low, ci_high
    FROM measurement
    -- Of very many numbers few are published.
    SEMI JOIN runs USING (run_id)
    SEMI JOIN published_value USING (metric, scope, layer)
    -- Papers take the last state as transformers gives it: after the final norm.
    QUALIFY row_number() OVER (
        PARTITION BY run_id, stack, layer, scope, metric ORDER BY site = 'final_norm' DESC
    ) = 1
    UNION ALL BY NAME
    -- But massive activations where the block adds them.
    SELECT
        run_id, stack, layer, site, 'all' AS scope, 'largest_activation' AS metric,
        abs(value) AS value
    FROM massive_activation
    WHERE rank = 1 AND site <> 'final_norm'
),
measured AS (
    SELECT runs.*, numbers.* EXCLUDE (run_id)
    FROM runs
    JOIN numbers ON numbers.run_id = runs.run_id
)
SELECT
    coalesce(m.model, p.model) AS model,
    CASE WHEN m.run_id IS NULL THEN p.model
        ELSE series(m.model, m.revision, m.corpus, m.run_id, m.kind, m.stack) END AS series,
    coalesce(latest_metric.title, 'Largest activation') AS measure,
    p.metric, p.scope, p.layer,
    -- In a lake DuckDB words the view's numbers as decimals.
    p.value::DOUBLE AS published,
    m.value AS value,
    m.value / published AS times_published,
    1.0::DOUBLE AS agreement,
    m.std_error, m.ci_low, m.ci_high, p.source, p.protocol, m.here, p.found_in,
    p.model AS published_as, p.step AS published_step, m.revision, m.step, m.corpus, m.stack, m.site,
    m.run_id
FROM published_value AS p
LEFT JOIN measured AS m
    ON m.short_name = lower(split_part(p.model, '/', -1))
    AND m.n_layers = p.n_layers AND m.hidden_size = p.hidden_size
    -- A model without a step is the finished one.
    AND (m.step IS NULL OR m.step = p.step)
    AND m.scope = p.scope AND m.settings.windows = p.windows
    -- The first-token marker moves the sink, and with it the largest activation.
    AND m.has_marker = coalesce(p.first_token_marker, m.has_marker)
    AND m.metric = p.metric AND m.layer = p.layer
LEFT JOIN latest_metric ON latest_metric.name = p.metric
WHERE (m.run_id IS NOT NULL OR $missing::BOOLEAN)
    AND ($metrics::VARCHAR[] IS NULL OR list_contains($metrics::VARCHAR[], p.metric))
ORDER BY p.source, p.model, p.metric, m.revision, m.corpus, m.run_id, p.scope, p.layer
