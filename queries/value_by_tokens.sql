-- title: Value against the tokens read
-- doc: One line per layer: a metric against the tokens that runs of one checkpoint read of one
--   text, one panel per checkpoint and settings. Measure again with other --tokens for more points.
--   A line that still rises or falls at its end is that of a number biased by too few tokens. The
--   latest run of each size; the state after the final norm is left out, and so are runs of
--   shuffled text. Along a line as many tokens are kept, but for runs that keep all they read.
--   Models of one group of seeds are one panel: at each size the median over the n_seeds that read
--   the same tokens, in the band from seed_low to seed_high.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name, model_group.seed_group: only these models, or groups of seeds; NULL means all
-- param layers INTEGER[] = NULL in 0..: only these layers; NULL means all
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param seeds VARCHAR = 'band' in ('band', 'quartiles', 'single'): of a group of seeds its least and greatest, its quartiles, or each seed alone
-- chart: mark=line x=tokens:Q y=value:Q color=depth:Q facet=series:N detail=state:N
WITH measured AS (
    SELECT
        p.*, run.checkpoint_id, run.corpus_id, run.token_ids_sha256, checkpoint.model_id,
        model.hidden_size AS model_size, model_group.seed_group,
        -- The samples asked for. One that keeps all tokens may have been asked to be larger.
        list(p.sample_size) FILTER (p.sample_size < p.tokens) OVER (
            PARTITION BY
                coalesce(model_group.seed_group, run.checkpoint_id), run.corpus_id,
                p.windows, p.window_size, p.seed, p.dtype, p.stack, p.layer, p.site
        ) AS samples
    FROM profile AS p
    JOIN run ON run.run_id = p.run_id
    JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
    JOIN model ON model.model_id = checkpoint.model_id
    LEFT JOIN model_group ON model_group.model_id = checkpoint.model_id
    WHERE p.metric = $metric
        AND p.scope = $scope
        AND p.site <> 'final_norm'
        AND p.shuffle = 'none'
        AND is_chosen($models::VARCHAR[], p.model, model_group.seed_group)
        AND ($layers::INTEGER[] IS NULL OR list_contains($layers::INTEGER[], p.layer))
),
of_each_size AS (
    SELECT
        *,
        concat_ws(
            ', ', CASE windows WHEN 'documents' THEN windows ELSE 'window ' || window_size END,
            'seed ' || seed, dtype, 'sample ' || CASE WHEN sample_size < tokens THEN sample_size
                ELSE list_min(list_filter(samples, lambda size: size >= tokens)) END
        ) AS settings,
        coalesce('step ' || step, revision) AS moment,
        CASE WHEN NOT is_untrained(revision) THEN {
            'seed_group': seed_group, 'corpus_id': corpus_id, 'course': training_course(revision),
            'kind': kind, 'architecture': architecture, 'n_layers': n_layers,
            'hidden_size': model_size, 'settings': settings
        } END AS band,
        sample_size || ' of ' || token_ids_sha256 AS sample
    FROM measured
    QUALIFY row_number() OVER (
        PARTITION BY checkpoint_id, corpus_id, settings, tokens, stack, layer, site
        ORDER BY created_at DESC, repeat DESC, run_id
    ) = 1
),
asked AS (
    SELECT
        *,
        CASE WHEN $seeds <> 'single' AND seed_group IS NOT NULL
            AND min(model_id) OVER of_band < max(model_id) OVER of_band
            -- Those that read other tokens are drawn by themselves.
            AND min(sample) OVER of_size = max(sample) OVER of_size
            -- Of two checkpoints of a seed that are called alike the one measured last.
            AND row_number() OVER (
                PARTITION BY band, moment, tokens, model_id, stack, layer, site
                ORDER BY created_at DESC, run_id DESC
            ) = 1
            THEN band END AS shown,
        min(revision) OVER of_band AS band_revision
    FROM of_each_size
    WINDOW
        of_band AS (PARTITION BY band, moment),
        of_size AS (PARTITION BY band, moment, tokens)
),
lines AS (
    SELECT
        coalesce(shown.seed_group, model) AS model,
        CASE WHEN shown IS NULL THEN revision ELSE band_revision END AS revision,
        CASE WHEN shown IS NULL THEN run_id END AS run_id,
        CASE WHEN shown IS NULL THEN checkpoint_id END AS checkpoint_id,
        kind, step, corpus, corpus_id, stack, settings, scope, layer, depth, tokens, window_size,
        seed, dtype, metric, shown,
        seed_line(shown, value, ci_low, ci_high, std_error, run_id) AS line,
        agreed(list(n)) AS n,
        agreed(list(reason)) AS reason
    FROM asked
    GROUP BY ALL
)
SELECT
    series(model, revision, corpus, kind := kind, stack := stack)
    || CASE WHEN min(checkpoint_id) OVER of_model < max(checkpoint_id) OVER of_model
        THEN coalesce(' · checkpoint ' || left(checkpoint_id, 8), '') ELSE '' END
    || CASE WHEN min(corpus_id) OVER of_model < max(corpus_id) OVER of_model
        THEN ' · text ' || left(corpus_id, 8) ELSE '' END
    || seeds_in_words(shown, max(len(line.run_ids)) OVER (PARTITION BY shown, revision))
    || CASE WHEN min(settings) OVER of_model <> max(settings) OVER of_model
        THEN ' · ' || settings ELSE '' END AS series,
    'layer ' || layer AS state,
    scope, layer, depth, tokens, metric, line.value, line.ci_low, line.ci_high,
    list_count(line.seed_values) AS n_seeds,
    seed_low($seeds, line.seed_values) AS seed_low,
    seed_high($seeds, line.seed_values) AS seed_high,
    n, reason, model, kind, revision, step, corpus, stack, window_size, seed, dtype, run_id,
    line.run_ids, line.std_error
FROM lines
WINDOW of_model AS (PARTITION BY model, revision, corpus)
ORDER BY
    model, corpus, step NULLS LAST, revision, corpus_id, checkpoint_id, settings, stack, layer,
    tokens, run_id
