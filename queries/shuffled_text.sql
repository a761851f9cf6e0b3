-- title: Text as it is against shuffled text
-- doc: One line for the text as it is and one for each way of shuffling it, one panel per model:
--   what of a profile is owed to the order of words, and what to the vocabulary alone. Only runs
--   that were measured alike are laid side by side: of one checkpoint over one text, with equal
--   windows, sample, seed and dtype. difference is the shuffled value less that of the text as it
--   is; its error is paired, window by window, because a window has the same passage in both. The
--   latest run of each way of shuffling, and the latest of the text as it is; the state after the
--   final norm is left out.
-- param metric VARCHAR = 'twonn' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param by VARCHAR = 'depth' in ('depth', 'layer'): the chart's horizontal axis
-- chart: mark=line x=$by:Q y=value:Q color=text:N facet=series:N
-- table: series text layer value difference
-- needs: run of shuffled text (--shuffle) beside one of the text as it is
WITH runs AS (
    SELECT
        run.run_id, latest.model, latest.kind, latest.revision, latest.step, latest.corpus,
        run.checkpoint_id, run.corpus_id, coalesce(run.shuffle, 'none') AS shuffle,
        {
            'windows': coalesce(run.windows, 'tokens'), 'n_windows': run.n_windows,
            'sample_size': run.sample_size, 'seed': run.seed, 'dtype': run.dtype,
            'tokenizer': run.tokenizer_sha256
        } AS settings
    FROM run
    JOIN (SELECT * FROM latest_run UNION ALL BY NAME SELECT * FROM latest_control) AS latest
        USING (run_id)
    WHERE ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], latest.model))
        AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], latest.revision))
),
-- Each run, and that of the text as it is which it is held against; itself for that one.
pairs AS (
    SELECT shown.*, plain.run_id AS plain_run_id
    FROM runs AS shown
    JOIN runs AS plain
        ON plain.checkpoint_id = shown.checkpoint_id AND plain.corpus_id = shown.corpus_id
        AND plain.settings = shown.settings AND plain.shuffle = 'none'
    QUALIFY count(*) OVER (PARTITION BY plain.run_id) > 1
)
SELECT
    series(
        pairs.model, pairs.revision, pairs.corpus, plain_run_id, pairs.kind, shown.stack
    ) AS series,
    CASE pairs.shuffle WHEN 'none' THEN 'as it is' ELSE shuffle_in_words(pairs.shuffle) END
        AS text,
    pairs.shuffle, shown.scope, shown.layer, layer.depth, shown.site, shown.metric,
    shown.value, shown.std_error, shown.ci_low, shown.ci_high, shown.n, shown.reason,
    CASE WHEN pairs.shuffle <> 'none' THEN shown.value - plain.value END AS difference,
    CASE
        WHEN pairs.shuffle = 'none' THEN NULL
        WHEN paired_error(plain.window_effects, shown.window_effects) IS NOT NULL THEN 'paired'
        WHEN plain.std_error + shown.std_error IS NOT NULL THEN 'independent' END AS errors,
    CASE errors
        WHEN 'paired' THEN paired_error(plain.window_effects, shown.window_effects)
        WHEN 'independent' THEN sqrt(
            plain.std_error * plain.std_error + shown.std_error * shown.std_error
        ) END AS difference_error,
    pairs.model, pairs.kind, pairs.revision, pairs.step, pairs.corpus, shown.stack, pairs.run_id,
    plain_run_id
FROM pairs
JOIN measurement AS shown ON shown.run_id = pairs.run_id
JOIN measurement AS plain
    ON plain.run_id = plain_run_id AND plain.stack = shown.stack AND plain.layer = shown.layer
    AND plain.site = shown.site AND plain.scope = shown.scope AND plain.metric = shown.metric
JOIN layer
    ON layer.run_id = shown.run_id AND layer.stack = shown.stack AND layer.layer = shown.layer
    AND layer.site = shown.site
WHERE shown.metric = $metric
    AND shown.scope = $scope
    AND shown.site <> 'final_norm'
ORDER BY
    pairs.model, pairs.corpus, pairs.step NULLS LAST, pairs.revision, plain_run_id, shown.stack,
    pairs.shuffle <> 'none', pairs.shuffle, pairs.run_id, shown.layer
