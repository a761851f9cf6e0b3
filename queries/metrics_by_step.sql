-- title: Several metrics of one state during training
-- doc: One panel per metric and one line per model over the steps of training: of the state after
--   the final norm, of the last block, or of a layer. Li et al. 2025 draw RankMe and α-ReQ so, for
--   the last token of each text after the final norm: down while the learning rate warms up, then
--   up, then down. Ask for metrics=spectral_rank,alpha_req and scope=last: their RankMe is
--   spectral_rank here. The latest run of each checkpoint and text; checkpoints without a step are
--   left out. A model without a final norm has the last block in its place, and a metric of a layer
--   and the next is of the last two blocks. Models of one group of seeds are one series: the median
--   over n_seeds of them, in the band from seed_low to seed_high.
-- param metrics VARCHAR[] = ['anisotropy', 'twonn'] in metric.name: which metrics
-- param state VARCHAR = 'final_norm' in ('final_norm', 'last_block'): which state, unless a layer is given
-- param layer INTEGER = NULL in 0..: this layer; NULL means the state above
-- param models VARCHAR[] = NULL in model.name, model_group.seed_group: only these models, or groups of seeds; NULL means all
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param random_init BOOLEAN = false: also untrained controls, as series of their own at step 0
-- param seeds VARCHAR = 'band' in ('band', 'quartiles', 'single'): of a group of seeds its least and greatest, its quartiles, or each seed alone
-- param by VARCHAR = 'step' in ('step', 'tokens_seen'): the chart's horizontal axis
-- param scale VARCHAR = 'symlog' in ('symlog', 'linear'): of that axis; symlog is logarithmic and holds 0
-- chart: mark=line x=$by:Q:$scale y=value:Q color=series:N apart=quantity:N
-- table: quantity series step value
-- needs: checkpoint with a training step
WITH states AS (
    SELECT
        t.*, seed_run.seed_group, shown_band($seeds, seed_run.band, t.model_id) AS shown,
        CASE WHEN shown IS NULL THEN t.revision ELSE seed_run.band_revision END AS shown_revision,
        row_number() OVER (
            PARTITION BY t.run_id, t.stack, t.metric
            -- Where there is no final norm the last block comes first.
            ORDER BY t.site = 'final_norm' DESC, t.layer DESC
        ) AS place
    FROM training_profile AS t
    LEFT JOIN seed_run ON seed_run.run_id = t.run_id
    WHERE list_contains($metrics::VARCHAR[], t.metric)
        AND t.scope = $scope
        AND ($random_init::BOOLEAN OR NOT t.untrained)
        AND is_chosen($models::VARCHAR[], t.model, seed_run.seed_group)
        AND CASE
            WHEN $layer::INTEGER IS NOT NULL THEN t.layer = $layer AND t.site <> 'final_norm'
            ELSE t.site <> 'embedding' AND ($state = 'final_norm' OR t.site <> 'final_norm') END
),
lines AS (
    SELECT
        coalesce(shown.seed_group, display_name) AS display_name,
        coalesce(shown.seed_group, model) AS model,
        CASE WHEN shown IS NULL THEN model_id END AS model_id,
        CASE WHEN shown IS NULL THEN run_id END AS run_id,
        shown_revision AS revision,
        course, corpus, corpus_id, kind, stack, scope, step, layer, depth, site, metric, shown,
        agreed(list(tokens_seen)) AS tokens_seen,
        seed_line(shown, value, ci_low, ci_high, std_error, run_id) AS line,
        agreed(list(n)) AS n,
        agreed(list(reason)) AS reason
    FROM states
    WHERE place = 1
    GROUP BY ALL
)
SELECT
    training_series(display_name, course, corpus, corpus_id, kind, stack)
    || seeds_in_words(shown, max(len(line.run_ids)) OVER (PARTITION BY shown)) AS series,
    latest_metric.title || ', ' || CASE
        WHEN site = 'final_norm' THEN 'after the final norm'
        WHEN $layer::INTEGER IS NULL AND depth = 1 THEN 'last block'
        -- A metric of a layer and the next ends one before.
        WHEN $layer::INTEGER IS NULL THEN 'last two blocks'
        WHEN layer = 0 THEN 'embedding' ELSE 'layer ' || layer END AS quantity,
    scope, step, tokens_seen, layer, depth, site, metric, line.value, line.ci_low, line.ci_high,
    list_count(line.seed_values) AS n_seeds,
    seed_low($seeds, line.seed_values) AS seed_low,
    seed_high($seeds, line.seed_values) AS seed_high,
    line.std_error, n, reason, model, kind, revision, corpus, stack, model_id, run_id, line.run_ids
FROM lines
JOIN latest_metric ON latest_metric.name = metric
ORDER BY list_position($metrics::VARCHAR[], metric), series, step, run_id
