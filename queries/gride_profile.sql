-- title: Intrinsic dimension by layer, at one scale
-- doc: One line per model over its depth, one panel per text: the dimension from the ratio of each
--   token's distances to its rank-th and (2·rank)-th neighbour (Gride). Cheng et al. 2025 draw it
--   so for the last token of short texts, beside the same texts shuffled; the question
--   dimension_scale shows at which ranks it is the same. The latest run of each checkpoint and
--   text, and of each way of shuffling it; the state after the final norm is left out. Models of
--   one group of seeds are one series: the median over n_seeds of them, in the band from seed_low
--   to seed_high.
-- param rank INTEGER = 2 in (1, 2, 4, 8, 16, 32): the nearer of the two neighbours
-- param models VARCHAR[] = NULL in model.name, model_group.seed_group: only these models, or groups of seeds; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param corpora VARCHAR[] = NULL in corpus.name: only these texts
-- param scope VARCHAR = 'all' in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param controls BOOLEAN = true: also runs of shuffled text, dashed
-- param seeds VARCHAR = 'band' in ('band', 'quartiles', 'single'): of a group of seeds its least and greatest, its quartiles, or each seed alone
-- param by VARCHAR = 'depth' in ('depth', 'layer'): the chart's horizontal axis
-- chart: mark=line x=$by:Q y=dimension:Q color=series:N dash=text:N facet=panel:N
-- table: series panel text layer dimension
WITH asked AS (
    SELECT
        c.*, run.checkpoint_id, run.corpus_id, seed_run.seed_group, seed_run.band_revision,
        shown_band($seeds, seed_run.band, seed_run.model_id) AS shown
    FROM curve_profile AS c
    JOIN run ON run.run_id = c.run_id
    LEFT JOIN seed_run ON seed_run.run_id = c.run_id
    WHERE c.rank = $rank
        AND c.scope = $scope
        AND (c.run_id IN (SELECT latest_run.run_id FROM latest_run)
            OR ($controls::BOOLEAN
                AND c.run_id IN (SELECT latest_control.run_id FROM latest_control)))
        AND is_chosen($models::VARCHAR[], c.model, seed_run.seed_group)
        AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], c.revision))
        AND ($corpora::VARCHAR[] IS NULL OR list_contains($corpora::VARCHAR[], c.corpus))
        AND c.site <> 'final_norm'
),
lines AS (
    SELECT
        coalesce(shown.seed_group, model) AS model,
        CASE WHEN shown IS NULL THEN revision ELSE band_revision END AS revision,
        CASE WHEN shown IS NULL THEN run_id END AS run_id,
        CASE WHEN shown IS NULL THEN checkpoint_id END AS checkpoint_id,
        kind, step, corpus, corpus_id, stack, shuffle, scope, layer, depth, rank, shown,
        seed_line(shown, dimension, ci_low, ci_high, std_error, run_id) AS line,
        agreed(list(n)) AS n
    FROM asked
    GROUP BY ALL
)
SELECT
    series(model, revision, kind := kind, stack := stack)
    || CASE WHEN min(checkpoint_id) OVER of_model < max(checkpoint_id) OVER of_model
        THEN coalesce(' · checkpoint ' || left(checkpoint_id, 8), '') ELSE '' END
    || CASE WHEN min(corpus_id) OVER of_text < max(corpus_id) OVER of_text
        THEN ' · text ' || left(corpus_id, 8) ELSE '' END
    || seeds_in_words(shown, max(len(line.run_ids)) OVER (PARTITION BY shown, revision)) AS series,
    CASE shuffle WHEN 'none' THEN 'as it is' ELSE shuffle_in_words(shuffle) END AS text,
    corpus || ' · neighbours ' || rank || ' and ' || 2 * rank AS panel,
    scope, layer, depth, rank, line.value AS dimension, line.ci_low, line.ci_high,
    list_count(line.seed_values) AS n_seeds,
    seed_low($seeds, line.seed_values) AS seed_low,
    seed_high($seeds, line.seed_values) AS seed_high,
    line.std_error, n, model, kind, revision, step, corpus, stack, run_id, line.run_ids, shuffle
FROM lines
WINDOW
    of_model AS (PARTITION BY model, revision),
    of_text AS (PARTITION BY model, revision, corpus)
ORDER BY
    corpus, model, step NULLS LAST, revision, shuffle <> 'none', shuffle, run_id, stack, layer
