-- title: Mean over the blocks against the model's size
-- doc: One point per model, text and way of shuffling it, one panel per metric: the mean over the
--   blocks that have a value. Lee et al. 2025 draw TwoNN and the components for 99 % of the variance
--   so, of sentences and of the same words shuffled (metrics=twonn,pca_dim_99). The error is the mean of the blocks' errors,
--   as if all erred alike, which is cautious. The latest run of each checkpoint and text; of a
--   training only the last step.
-- param metrics VARCHAR[] = ['twonn', 'anisotropy'] in metric.name: which metrics
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param corpora VARCHAR[] = NULL in corpus.name: only these texts
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param controls BOOLEAN = true: also runs of shuffled text
-- param by VARCHAR = 'hidden_size' in ('hidden_size', 'n_parameters', 'n_layers'): the chart's horizontal axis
-- param scale VARCHAR = 'log' in ('log', 'linear'): of that axis
-- chart: mark=point x=$by:Q:$scale y=mean:Q color=model:N shape=text:N apart=quantity:N
-- table: quantity model corpus text hidden_size mean
WITH runs AS (
    SELECT run_id, model, kind, revision, step, corpus, corpus_id, 'none' AS shuffle FROM latest_run
    UNION ALL BY NAME
    SELECT run_id, model, kind, revision, step, corpus, corpus_id, shuffle
    FROM latest_control
    WHERE $controls::BOOLEAN
),
last_steps AS (
    SELECT *
    FROM runs
    WHERE NOT is_untrained(revision)
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
        AND ($corpora::VARCHAR[] IS NULL OR list_contains($corpora::VARCHAR[], corpus))
    QUALIFY dense_rank() OVER (
        PARTITION BY model, corpus_id, shuffle
        -- A checkpoint without a step is the finished model.
        ORDER BY step DESC NULLS FIRST
    ) = 1
),
means AS (
    SELECT
        r.*, p.stack, p.scope, p.metric, p.hidden_size, p.n_parameters, p.n_layers,
        avg(p.value ORDER BY p.layer) AS mean,
        -- A mean has no error where one of its layers has none.
        CASE WHEN count(p.std_error) = count(p.value) THEN avg(p.std_error ORDER BY p.layer) END
            AS std_error,
        count(p.value) AS n_blocks
    FROM last_steps AS r
    JOIN profile AS p ON p.run_id = r.run_id
    WHERE list_contains($metrics::VARCHAR[], p.metric)
        AND p.scope = $scope
        AND p.site = 'block'
    GROUP BY ALL
)
SELECT
    latest_metric.title AS quantity,
    series(model, revision, corpus, run_id, kind, stack, shuffle) AS series,
    CASE shuffle WHEN 'none' THEN 'as it is' ELSE shuffle_in_words(shuffle) END AS text,
    scope, metric, hidden_size, n_parameters, n_layers, mean, std_error, n_blocks,
    model, kind, revision, step, corpus, stack, run_id, shuffle
FROM means
JOIN latest_metric ON latest_metric.name = metric
ORDER BY
    list_position($metrics::VARCHAR[], metric), hidden_size, model, corpus, revision,
    shuffle <> 'none', shuffle, run_id, stack
