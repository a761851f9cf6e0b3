-- title: Correlation with the loss, window by window
-- doc: How far a number that each window has alone and the model's loss on the same window rank
--   windows alike: Spearman's correlation, layer by layer, with its interval of 95 % (Fisher's z
--   with the error of Bonett and Wright 2000). Viswanathan et al. 2025 draw it so for the
--   dimension of prompts. The loss is the model's own, that of its last layer, over the tokens of
--   the scope. Of runs with more than 64 windows the windows are taken together in 64 groups of
--   neighbours, whose means are ranked. A window that lacks either number does not count; one whose
--   effect on the mean of all is exactly 0 is taken for one that lacks it. A group counts if both
--   are known of any of its windows. Long windows are alike: what they say of single tokens
--   cancels. The latest run of each checkpoint and text, and of each way of shuffling it; the state
--   after the final norm is left out.
-- param metric VARCHAR = 'window_twonn_ml' in ('window_twonn_ml', 'window_entropy', 'window_matrix_entropy', 'window_cosine', 'curvature', 'lens_entropy', 'lens_kl', 'attention_entropy', 'sink_rate', 'first_token_norm'): which number of each window
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param corpora VARCHAR[] = NULL in corpus.name: only these texts
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks'): which tokens count
-- param controls BOOLEAN = true: also runs of shuffled text, dashed
-- param by VARCHAR = 'depth' in ('depth', 'layer'): the chart's horizontal axis
-- chart: mark=line x=$by:Q y=correlation:Q color=series:N dash=text:N facet=corpus:N
-- table: series text corpus layer correlation ci_low ci_high n_windows reason
-- needs: run with this metric and the loss of each window (--head)
WITH runs AS (
    SELECT run_id, model, kind, revision, step, corpus, corpus_id, 'none' AS shuffle FROM latest_run
    UNION ALL BY NAME
    SELECT run_id, model, kind, revision, step, corpus, corpus_id, shuffle
    FROM latest_control
    WHERE $controls::BOOLEAN
),
asked AS (
    SELECT
        r.*, run.checkpoint_id, m.stack, m.layer, layer.depth, m.scope, m.metric,
        m.window_effects AS effects, greatest(run.n_windows, len(effects)) AS n,
        -- The last layer of a stack has the model's own loss.
        last_value(loss.window_effects) OVER (
            PARTITION BY m.run_id, m.stack ORDER BY m.layer
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS losses
    FROM runs AS r
    JOIN run ON run.run_id = r.run_id
    JOIN measurement AS m ON m.run_id = r.run_id
    JOIN layer
        ON layer.run_id = m.run_id AND layer.stack = m.stack
        AND layer.layer = m.layer AND layer.site = m.site
    LEFT JOIN measurement AS loss
        ON loss.run_id = m.run_id AND loss.stack = m.stack AND loss.layer = m.layer
        AND loss.site = m.site AND loss.scope = m.scope AND loss.metric = 'window_loss'
    WHERE m.metric = $metric
        AND m.scope = $scope
        AND m.site <> 'final_norm'
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], r.model))
        AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], r.revision))
        AND ($corpora::VARCHAR[] IS NULL OR list_contains($corpora::VARCHAR[], r.corpus))
),
places AS (
    SELECT
        * EXCLUDE (effects, losses), len(effects) AS n_places,
        unnest(list_zip(effects, losses, range(len(effects)))) AS place,
        place[1] AS effect, place[2] AS loss, place[3] AS number
    FROM asked
    WHERE len(effects) = len(losses)
),
means AS (
    -- Of n windows number w, from 0, counts in place w * n_places // n, where effects add up.
    SELECT
        * EXCLUDE (n, n_places, place, effect, loss, number),
        ((number + 1) * n + n_places - 1) // n_places - (number * n + n_places - 1) // n_places
        AS n_here,
        effect::DOUBLE / n_here AS x,
        loss::DOUBLE / n_here AS y
    FROM places
),
ranked AS (
    -- Equal numbers share the mean of their ranks. A window without a number has the effect 0.
    SELECT
        * EXCLUDE (n_here, x, y),
        rank() OVER (of_layer ORDER BY x) + count(*) OVER (of_layer_x) / 2 AS x,
        rank() OVER (of_layer ORDER BY y) + count(*) OVER (of_layer_y) / 2 AS y
    FROM means
    WHERE x <> 0 AND y <> 0
    WINDOW
        of_layer AS (PARTITION BY run_id, stack, layer),
        of_layer_x AS (PARTITION BY run_id, stack, layer, x),
        of_layer_y AS (PARTITION BY run_id, stack, layer, y)
),
found AS (
    SELECT
        * EXCLUDE (x, y), count(*) AS n_windows,
        CASE WHEN n_windows > 3 THEN round(corr(x, y), 12) END AS correlation
    FROM ranked
    GROUP BY ALL
)
SELECT
    series(model, revision, kind := kind, stack := stack)
    || CASE WHEN min(checkpoint_id) OVER of_model < max(checkpoint_id) OVER of_model
        THEN ' · checkpoint ' || left(checkpoint_id, 8) ELSE '' END
    || CASE WHEN min(corpus_id) OVER of_text < max(corpus_id) OVER of_text
        THEN ' · text ' || left(corpus_id, 8) ELSE '' END AS series,
    CASE shuffle WHEN 'none' THEN 'as it is' ELSE shuffle_in_words(shuffle) END AS text,
    scope, layer, depth, metric, correlation,
    rank_correlation_bound(correlation, n_windows, -1.959963984540054) AS ci_low,
    rank_correlation_bound(correlation, n_windows, 1.959963984540054) AS ci_high,
    n_windows,
    CASE
        WHEN n_windows < 4 THEN 'fewer than 4 windows have both numbers'
        WHEN ci_low IS NULL THEN 'all ranks agree or are opposite, which has no interval'
    END AS reason,
    model, kind, revision, step, corpus, stack, run_id, shuffle
FROM found
WINDOW
    of_model AS (PARTITION BY model, revision),
    of_text AS (PARTITION BY model, revision, corpus)
ORDER BY
    corpus, model, step NULLS LAST, revision, shuffle <> 'none', shuffle, run_id, stack, layer
