-- title: Text as it is against shuffled text
-- doc: One line for the text as it is and one for each way of shuffling it, one panel per model:
--   what of a profile is owed to the order of words, and what to the vocabulary alone. Only runs
--   that were measured alike are laid side by side: of one checkpoint over one text, with equal
--   windows, sample, seed and dtype. difference is the shuffled value less that of the text as it
--   is; its error is paired, window by window, because a window has the same passage in both. The
--   latest run of each way of shuffling, and the latest of the text as it is; the state after the
--   final norm is left out. Models of one group of seeds are one panel: value and difference are
--   medians over n_seeds of them, in the band from seed_low to seed_high, without errors.
-- param metric VARCHAR = 'twonn' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name, model_group.seed_group: only these models, or groups of seeds; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param seeds VARCHAR = 'band' in ('band', 'quartiles', 'single'): of a group of seeds its least and greatest, its quartiles, or each seed alone
-- param by VARCHAR = 'depth' in ('depth', 'layer'): the chart's horizontal axis
-- chart: mark=line x=$by:Q y=value:Q color=text:N facet=series:N
-- table: series text layer value difference
-- needs: run of shuffled text (--shuffle) beside one of the text as it is
WITH runs AS (
    SELECT
        run.run_id, latest.model, latest.kind, latest.revision, latest.step, latest.corpus,
        run.checkpoint_id, run.corpus_id, coalesce(run.shuffle, 'none') AS shuffle,
        seed_run.model_id, seed_run.band, seed_run.band_revision,
        {
            'windows': coalesce(run.windows, 'tokens'), 'n_windows': run.n_windows,
            'sample_size': run.sample_size, 'seed': run.seed, 'dtype': run.dtype,
            'tokenizer': run.tokenizer_sha256,
            'window_size': CASE WHEN coalesce(run.windows, 'tokens') = 'tokens'
                THEN run.window_size END
        } AS settings
    FROM run
    JOIN (SELECT * FROM latest_run UNION ALL BY NAME SELECT * FROM latest_control) AS latest
        USING (run_id)
    LEFT JOIN seed_run ON seed_run.run_id = run.run_id
    WHERE is_chosen($models::VARCHAR[], latest.model, seed_run.seed_group)
        AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], latest.revision))
),
-- Each run, and that of the text as it is which it is held against; itself for that one.
pairs AS (
    SELECT
        shown.* EXCLUDE (band), plain.run_id AS plain_run_id,
        -- Only where both of a seed's runs are in one.
        CASE WHEN plain.band IS NOT NULL THEN shown.band END AS band
    FROM runs AS shown
    JOIN runs AS plain
        ON plain.checkpoint_id = shown.checkpoint_id AND plain.corpus_id = shown.corpus_id
        AND plain.settings = shown.settings AND plain.shuffle = 'none'
    QUALIFY count(*) OVER (PARTITION BY plain.run_id) > 1
),
each AS (
    SELECT
        pairs.model, pairs.kind, pairs.revision, pairs.step, pairs.corpus, pairs.shuffle,
        pairs.run_id, plain_run_id, pairs.band_revision, layer.depth,
        shown.* EXCLUDE (run_id, window_effects),
        shown_band($seeds, pairs.band, pairs.model_id) AS together,
        CASE WHEN pairs.shuffle <> 'none' THEN shown.value - plain.value END AS difference,
        CASE
            WHEN pairs.shuffle = 'none' THEN NULL
            WHEN paired_error(plain.window_effects, shown.window_effects) IS NOT NULL THEN 'paired'
            WHEN plain.std_error + shown.std_error IS NOT NULL THEN 'independent' END AS errors,
        CASE errors
            WHEN 'paired' THEN paired_error(plain.window_effects, shown.window_effects)
            WHEN 'independent' THEN sqrt(
                plain.std_error * plain.std_error + shown.std_error * shown.std_error
            ) END AS difference_error
    FROM pairs
    JOIN measurement AS shown ON shown.run_id = pairs.run_id
    JOIN measurement AS plain
        ON plain.run_id = plain_run_id AND plain.stack = shown.stack AND plain.layer = shown.layer
        AND plain.site = shown.site AND plain.scope = shown.scope AND plain.metric = shown.metric
    JOIN layer
        ON layer.run_id = shown.run_id AND layer.stack = shown.stack
        AND layer.layer = shown.layer AND layer.site = shown.site
    WHERE shown.metric = $metric
        AND shown.scope = $scope
        AND shown.site <> 'final_norm'
),
lines AS (
    SELECT
        coalesce(together.seed_group, model) AS model,
        CASE WHEN together IS NULL THEN revision ELSE band_revision END AS revision,
        CASE WHEN together IS NULL THEN run_id END AS run_id,
        CASE WHEN together IS NULL THEN plain_run_id END AS plain_run_id,
        kind, step, corpus, shuffle, stack, scope, layer, depth, site, metric, together,
        CASE WHEN together IS NULL THEN errors END AS errors,
        median(value) AS value,
        median(difference) AS difference,
        min(difference_error) FILTER (together IS NULL) AS difference_error,
        min(std_error) FILTER (together IS NULL) AS std_error,
        min(ci_low) FILTER (together IS NULL) AS ci_low,
        min(ci_high) FILTER (together IS NULL) AS ci_high,
        agreed(list(n)) AS n,
        agreed(list(reason)) AS reason,
        list(value) FILTER (together IS NOT NULL) AS seed_values,
        list(run_id ORDER BY run_id) FILTER (together IS NOT NULL) AS run_ids
    FROM each
    GROUP BY ALL
)
SELECT
    series(model, revision, corpus, plain_run_id, kind, stack)
    || CASE WHEN min(together.corpus_id) OVER of_text < max(together.corpus_id) OVER of_text
        THEN coalesce(' · text ' || left(together.corpus_id, 8), '') ELSE '' END
    -- The same number for all of a panel's lines.
    || seeds_in_words(together, max(len(run_ids)) OVER (
        PARTITION BY together.seed_group, together.corpus_id, together.course, revision
    )) AS series,
    CASE shuffle WHEN 'none' THEN 'as it is' ELSE shuffle_in_words(shuffle) END AS text,
    shuffle, scope, layer, depth, site, metric, value, std_error, ci_low, ci_high,
    list_count(seed_values) AS n_seeds,
    seed_low($seeds, seed_values) AS seed_low,
    seed_high($seeds, seed_values) AS seed_high,
    n, reason, difference, errors, difference_error, model, kind, revision, step, corpus, stack,
    run_id, run_ids, plain_run_id
FROM lines
WINDOW of_text AS (PARTITION BY model, revision, corpus)
ORDER BY
    model, corpus, step NULLS LAST, revision, plain_run_id, stack, shuffle <> 'none',
    -- From the longest blocks, which change least.
    split_part(shuffle, ':', 1),
    coalesce(try_cast(split_part(shuffle, ':', 2) AS BIGINT), 1) DESC, run_id, layer
