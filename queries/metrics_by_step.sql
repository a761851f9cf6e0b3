-- title: Several metrics of one state during training
-- doc: One panel per metric and one line per model over the steps of training: of the state after the
--   final norm, of the last block, or of a layer. Li et al. 2025 draw RankMe and α-ReQ so, for the
--   last token of each text after the final norm: down while the learning rate warms up, then up,
--   then down. Ask for metrics=spectral_rank,alpha_req and scope=last: their RankMe is
--   spectral_rank here. The latest run of each checkpoint
--   and text; checkpoints without a step are left out. A model without a final norm has the last
--   block in its place.
-- param metrics VARCHAR[] = ['anisotropy', 'twonn'] in metric.name: which metrics
-- param state VARCHAR = 'final_norm' in ('final_norm', 'last_block'): which state, unless a layer is given
-- param layer INTEGER = NULL in 0..: this layer; NULL means the state above
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param random_init BOOLEAN = false: also untrained controls, as series of their own at step 0
-- param by VARCHAR = 'step' in ('step', 'tokens_seen'): the chart's horizontal axis
-- param scale VARCHAR = 'symlog' in ('symlog', 'linear'): of that axis; symlog is logarithmic and holds 0
-- chart: mark=line x=$by:Q:$scale y=value:Q color=series:N apart=quantity:N
-- table: quantity series step value
-- needs: checkpoint with a training step
WITH states AS (
    SELECT
        t.*,
        row_number() OVER (
            PARTITION BY t.run_id, t.stack, t.metric
            -- Where there is no final norm the last block comes first.
            ORDER BY t.site = 'final_norm' DESC, t.layer DESC
        ) AS place
    FROM training_profile AS t
    WHERE list_contains($metrics::VARCHAR[], t.metric)
        AND t.scope = $scope
        AND ($random_init::BOOLEAN OR NOT t.untrained)
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], t.model))
        AND CASE
            WHEN $layer::INTEGER IS NOT NULL THEN t.layer = $layer AND t.site <> 'final_norm'
            ELSE t.site <> 'embedding' AND ($state = 'final_norm' OR t.site <> 'final_norm') END
)
SELECT
    training_series(display_name, course, corpus, corpus_id, kind, stack) AS series,
    latest_metric.title AS quantity,
    scope, step, tokens_seen, layer, depth, site, metric, value, std_error, ci_low, ci_high, n,
    reason, model, kind, revision, corpus, stack, model_id, run_id
FROM states
JOIN latest_metric ON latest_metric.name = metric
WHERE place = 1
ORDER BY list_position($metrics::VARCHAR[], metric), series, step, run_id
