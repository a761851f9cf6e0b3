-- title: Mean over the blocks against the model's size
-- doc: One point per model, text and way of shuffling it, one panel per metric: the mean over the
--   blocks that have a value. Lee et al. 2025 draw TwoNN and the components for 99 % of the
--   variance so, of sentences and of the same words shuffled (metrics=twonn,pca_dim_99). Error and
--   interval are the means of the blocks' own, as if all erred alike, which is cautious. The latest
--   run of each text by the last checkpoint of a model; shuffled text is read by the same
--   checkpoint. The two stacks of an encoder-decoder are points of their own. Models of one group
--   of seeds are one point: the median of the n_seeds means at the last step of any, in the band
--   from seed_low to seed_high.
-- param metrics VARCHAR[] = ['twonn', 'anisotropy'] in metric.name: which metrics
-- param models VARCHAR[] = NULL in model.name, model_group.seed_group: only these models, or groups of seeds; NULL means all
-- param corpora VARCHAR[] = NULL in corpus.name: only these texts
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param controls BOOLEAN = true: also runs of shuffled text
-- param seeds VARCHAR = 'band' in ('band', 'quartiles', 'single'): of a group of seeds its least and greatest, its quartiles, or each seed alone
-- param by VARCHAR = 'hidden_size' in ('hidden_size', 'n_parameters', 'n_layers'): the chart's horizontal axis
-- param scale VARCHAR = 'log' in ('log', 'linear'): of that axis
-- chart: mark=point x=$by:Q:$scale y=mean:Q color=model_stack:N shape=text:N apart=quantity:N
-- table: quantity model_stack corpus text hidden_size mean
WITH runs AS (
    SELECT run_id, model, kind, revision, step, corpus, corpus_id, created_at, 'none' AS shuffle
    FROM latest_run
    UNION ALL BY NAME
    SELECT run_id, model, kind, revision, step, corpus, corpus_id, created_at, shuffle
    FROM latest_control
    WHERE $controls::BOOLEAN
),
asked AS (
    SELECT
        r.*, run.checkpoint_id, checkpoint.model_id, seed_run.band_revision,
        shown_band($seeds, seed_run.band, seed_run.model_id) AS shown
    FROM runs AS r
    JOIN run ON run.run_id = r.run_id
    JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
    LEFT JOIN seed_run ON seed_run.run_id = r.run_id
    WHERE NOT is_untrained(r.revision)
        AND is_chosen($models::VARCHAR[], r.model, seed_run.seed_group)
        AND ($corpora::VARCHAR[] IS NULL OR list_contains($corpora::VARCHAR[], r.corpus))
),
placed AS (
    SELECT
        *,
        shown IS NULL AS alone,
        coalesce(shown.seed_group, model_id) AS whose,
        CASE WHEN shown IS NULL THEN checkpoint_id
            ELSE concat_ws(' ', shown.course, coalesce('step ' || step, revision)) END AS moment,
        bool_or(shuffle = 'none') OVER (PARTITION BY checkpoint_id, corpus_id) AS has_plain
    FROM asked
),
last_moments AS (
    SELECT alone, whose, corpus_id, moment
    FROM placed
    GROUP BY alone, whose, corpus_id, moment
    QUALIFY row_number() OVER (
        PARTITION BY alone, whose, corpus_id
        ORDER BY
            -- A control stands beside the text as it is, of the same checkpoint.
            bool_or(has_plain) DESC, max(training_order(revision, step)) DESC,
            max(created_at) FILTER (shuffle = 'none') DESC NULLS LAST, max(created_at) DESC, moment
    ) = 1
),
last_steps AS (
    SELECT * FROM placed SEMI JOIN last_moments USING (alone, whose, corpus_id, moment)
),
means AS (
    SELECT
        r.*, p.stack, p.scope, p.metric, p.hidden_size, p.n_parameters, p.n_layers,
        avg(p.value ORDER BY p.layer) AS mean,
        -- A mean has no error where one of its layers has none.
        CASE WHEN count(p.std_error) = count(p.value) THEN avg(p.std_error ORDER BY p.layer) END
            AS std_error,
        CASE WHEN count(p.ci_low) = count(p.value) THEN avg(p.ci_low ORDER BY p.layer) END
            AS ci_low,
        CASE WHEN count(p.ci_high) = count(p.value) THEN avg(p.ci_high ORDER BY p.layer) END
            AS ci_high,
        count(p.value) AS n_blocks
    FROM last_steps AS r
    JOIN profile AS p ON p.run_id = r.run_id
    WHERE list_contains($metrics::VARCHAR[], p.metric)
        AND p.scope = $scope
        AND p.site = 'block'
    GROUP BY ALL
),
points AS (
    SELECT
        coalesce(shown.seed_group, model) AS model,
        CASE WHEN shown IS NULL THEN revision ELSE band_revision END AS revision,
        CASE WHEN shown IS NULL THEN run_id END AS run_id,
        kind, step, corpus, shuffle, stack, scope, metric, hidden_size, n_layers, shown,
        max(n_parameters) AS n_parameters,
        seed_line(shown, mean, ci_low, ci_high, std_error, run_id) AS line,
        agreed(list(n_blocks)) AS n_blocks
    FROM means
    GROUP BY ALL
)
SELECT
    latest_metric.title AS quantity,
    series(model, revision, corpus, run_id, kind, stack, shuffle)
    || CASE WHEN min(shown.corpus_id) OVER of_text < max(shown.corpus_id) OVER of_text
        THEN coalesce(' · text ' || left(shown.corpus_id, 8), '') ELSE '' END
    || seeds_in_words(shown, len(line.run_ids)) AS series,
    model || CASE kind WHEN 'encoder-decoder' THEN ' · ' || stack ELSE '' END
    || seeds_in_words(
        shown, max(len(line.run_ids)) OVER (PARTITION BY shown.seed_group)
    ) AS model_stack,
    CASE shuffle WHEN 'none' THEN 'as it is' ELSE shuffle_in_words(shuffle) END AS text,
    scope, metric, hidden_size, n_parameters, n_layers, line.value AS mean, line.std_error,
    line.ci_low, line.ci_high,
    list_count(line.seed_values) AS n_seeds,
    seed_low($seeds, line.seed_values) AS seed_low,
    seed_high($seeds, line.seed_values) AS seed_high,
    n_blocks, model, kind, revision, step, corpus, stack, run_id, line.run_ids, shuffle
FROM points
JOIN latest_metric ON latest_metric.name = metric
WINDOW of_text AS (PARTITION BY model, revision, corpus)
ORDER BY
    list_position($metrics::VARCHAR[], metric), hidden_size, model, corpus, revision,
    shuffle <> 'none', shuffle, run_id, stack
