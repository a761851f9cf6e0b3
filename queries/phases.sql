-- title: Does the dimension rise and then fall?
-- doc: One row per model and scope (and layer, with by=layer): where the metric peaks during
--   training, how far it rises before and falls after, and the share of steps after the peak
--   that go down. A move counts only where it exceeds so many standard errors of the
--   difference, column least_errors, that noise alone makes one in a flat course of any length
--   no more often than two equal values differ by z: sqrt(z² + 2 ln p), over its p pairs of
--   steps. With z of 2 that is in at most 4.6 of 100 flat courses. The moves found decide the
--   verdict: two phases (up, down), rises only, falls only, flat, falls then rises, three
--   phases (down, up, down), or rises, falls, rises again. It is left open with fewer steps
--   than least_steps, without standard errors, with more moves, where a value is missing, or
--   where the steps differ in tokens, window, sample, seed or dtype; reason says why. turn_steps
--   and turn_values tell where the course begins, turns and ends; of a flat one, where it is
--   highest and lowest too. Mean and highest are over the blocks with a value at every step; the
--   mean's error is the mean of theirs, for they share their tokens, and the highest block's is
--   its own. Errors of two steps are taken as independent, which is cautious. Left out: untrained
--   controls, the embedding, the state after the final norm, and steps whose weights another step
--   has too (n_left_out counts them).
-- param metric VARCHAR = 'twonn' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks'): which tokens count
-- param by VARCHAR = 'mean' in ('mean', 'highest', 'layer'): the mean over the blocks, the highest of
--   each step, or each block
-- param z DOUBLE = 2 in 0<..: how many standard errors a move must exceed were there two steps only
-- param least_steps INTEGER = 5 in 3..: fewer steps leave the verdict open
-- param duplicates BOOLEAN = false: also steps whose weights another step has too
-- chart: mark=point x=peak_step:Q:symlog y=state:N color=verdict:N
WITH RECURSIVE called AS (
    -- Two models may have one name: the ids tell them apart.
    SELECT
        model_id,
        name || CASE WHEN count(*) OVER (PARTITION BY name) > 1
            THEN ' ' || left(model_id, 8) ELSE '' END AS called
    FROM model
),
copied AS (
    -- A step's weights may stand under main too; under another step they are wrong.
    SELECT model_id, weights_sha256, count(DISTINCT step) AS steps
    FROM checkpoint
    GROUP BY ALL
),
measured AS (
    SELECT
        called.called,
        called.model_id,
        p.model,
        p.kind,
        p.revision,
        p.step,
        p.tokens_seen,
        p.corpus,
        latest_run.corpus_id,
        p.stack,
        p.layer,
        p.site,
        p.depth,
        p.scope,
        p.metric,
        p.value,
        p.std_error,
        p.ci_low,
        p.ci_high,
        p.n,
        p.tokens,
        p.window_size,
        p.sample_size,
        p.seed,
        p.dtype,
        p.run_id,
        copied.steps > 1 AND NOT $duplicates::BOOLEAN AS left_out,
        -- What a revision's name says before its step tells two trainings of one name apart.
        CASE WHEN starts_with(p.revision, 'random-init-') THEN p.revision
            ELSE rtrim(regexp_extract(
                lower(p.revision), '^(.*?)(?:global_?)?(?:step|checkpoint|ckpt|iter)', 1
            ), '-_/. ') END AS course
    FROM profile AS p
    JOIN latest_run ON latest_run.run_id = p.run_id
    JOIN run ON run.run_id = p.run_id
    JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
    JOIN called ON called.model_id = checkpoint.model_id
    JOIN copied
        ON copied.model_id = checkpoint.model_id AND copied.weights_sha256 = checkpoint.weights_sha256
    WHERE p.metric = $metric
        AND p.step IS NOT NULL
        AND NOT starts_with(p.revision, 'random-init-')
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], p.model))
        AND list_contains($scopes::VARCHAR[], p.scope)
        AND p.site = 'block'
    -- Of two checkpoints at one step, the one measured last.
    QUALIFY row_number() OVER (
        PARTITION BY
            called.model_id, course, latest_run.corpus_id, p.stack, p.scope, p.layer, p.site, p.step
        ORDER BY left_out, p.created_at DESC, p.run_id DESC
    ) = 1
),
named AS (
    SELECT
        called
        || CASE WHEN course <> '' AND (
            min(course) OVER of_model < max(course) OVER of_model
            OR starts_with(course, 'random-init-')
        ) THEN ' · ' || course ELSE '' END
        || CASE WHEN min(corpus_id) OVER of_model < max(corpus_id) OVER of_model
            THEN ' · ' || corpus ELSE '' END
        || CASE WHEN min(corpus_id) OVER of_corpus < max(corpus_id) OVER of_corpus
            THEN ' ' || left(corpus_id, 8) ELSE '' END
        || CASE WHEN kind = 'encoder-decoder' THEN ' · ' || stack ELSE '' END AS series,
        *
    FROM measured
    WINDOW
        of_model AS (PARTITION BY model_id),
        of_corpus AS (PARTITION BY model_id, corpus)
),
known AS (
    -- A step without any value says nothing; it must not take every layer with it.
    SELECT *
    FROM named
    WHERE NOT left_out
    QUALIFY count(value) OVER (PARTITION BY series, scope, step) > 0
),
alike AS (
    SELECT
        series,
        scope,
        count(DISTINCT step) FILTER (left_out) AS n_left_out,
        concat_ws(
            ', ',
            CASE WHEN count(DISTINCT tokens) FILTER (NOT left_out) > 1 THEN 'tokens' END,
            CASE WHEN count(DISTINCT window_size) FILTER (NOT left_out) > 1 THEN 'window_size' END,
            CASE WHEN count(DISTINCT sample_size) FILTER (NOT left_out) > 1 THEN 'sample_size' END,
            CASE WHEN count(DISTINCT seed) FILTER (NOT left_out) > 1 THEN 'seed' END,
            CASE WHEN count(DISTINCT dtype) FILTER (NOT left_out) > 1 THEN 'dtype' END
        ) AS unequal,
        count(*) FILTER (NOT left_out) AS n_kept,
        count(value) FILTER (NOT left_out) AS n_values
    FROM named
    GROUP BY series, scope
),
-- Of every series one row, also where its steps are copies or lack values.
asked AS (
    SELECT DISTINCT
        series,
        CASE WHEN $by = 'layer' THEN layer END AS of_layer,
        scope,
        model_id,
        model,
        kind,
        corpus,
        stack,
        metric
    FROM named
),
whole AS (
    SELECT *
    FROM known
    QUALIFY count(value) OVER (PARTITION BY series, scope, layer)
        = count(DISTINCT step) OVER (PARTITION BY series, scope)
),
means AS (
    SELECT
        series,
        CASE WHEN $by = 'layer' THEN layer END AS of_layer,
        scope,
        step,
        CASE WHEN $by = 'highest' THEN max(value) ELSE avg(value) END AS value,
        CASE
            WHEN $by = 'highest' THEN first(std_error ORDER BY value DESC, layer)
            -- avg leaves NULL out: one layer without an error leaves the mean without one.
            WHEN count(std_error) = count(*) THEN avg(std_error) END AS error,
        count(*) AS n_layers,
        max(run_id) AS run_id
    FROM whole
    GROUP BY ALL
),
courses AS (
    SELECT
        series,
        of_layer AS layer,
        scope,
        max(n_layers) AS n_layers,
        count(*) AS n_steps,
        count(error) AS n_errors,
        -- Bonferroni over the pairs of steps, for any two may make a move: the normal's tail
        -- beyond sqrt(z² + 2 ln p) is at most 1/p of that beyond z, since the tail over the
        -- density falls with z.
        sqrt($z * $z + 2 * ln(greatest(1, n_steps * (n_steps - 1) / 2))) AS least_errors,
        list(step ORDER BY step) AS steps,
        list(value ORDER BY step) AS vals,
        list(error ORDER BY step) AS errors,
        list(run_id ORDER BY step) AS run_ids,
        -- Places among the steps: of the peak, and of the lowest value before and after it.
        list_position(vals, list_max(vals)) AS peak,
        list_position(vals, list_min(vals[:peak])) AS before,
        peak - 1 + list_position(vals[peak:], list_min(vals[peak:])) AS after
    FROM means
    GROUP BY ALL
),
-- Walks along the steps and notes each move that goes further than the errors: here, from the
-- highest or the lowest value since the last move.
walk AS (
    SELECT
        series,
        layer,
        scope,
        n_steps,
        least_errors,
        vals,
        errors,
        1 AS here,
        1 AS high,
        1 AS low,
        '' AS moves,
        []::INTEGER[] AS turns
    FROM courses
    UNION ALL
    SELECT
        series,
        layer,
        scope,
        n_steps,
        least_errors,
        vals,
        errors,
        here + 1,
        CASE WHEN move = '' AND vals[high] >= vals[here + 1] THEN high ELSE here + 1 END,
        CASE WHEN move = '' AND vals[low] <= vals[here + 1] THEN low ELSE here + 1 END,
        moves || move,
        CASE move WHEN '+' THEN list_append(turns, low) WHEN '-' THEN list_append(turns, high)
            ELSE turns END
    FROM (
        SELECT
            *,
            CASE
                WHEN right(moves, 1) <> '+' AND vals[here + 1] - vals[low]
                    > least_errors * sqrt(errors[here + 1] ** 2 + errors[low] ** 2) THEN '+'
                WHEN right(moves, 1) <> '-' AND vals[high] - vals[here + 1]
                    > least_errors * sqrt(errors[here + 1] ** 2 + errors[high] ** 2) THEN '-'
                ELSE '' END AS move
        FROM walk
        WHERE here < n_steps
    )
),
walked AS (
    SELECT
        series,
        layer,
        scope,
        moves,
        -- The first move's start is no turn.
        list_sort(list_distinct([1, n_steps] || CASE WHEN moves = ''
            THEN [list_position(vals, list_min(vals)), list_position(vals, list_max(vals))]
            ELSE turns[2:] END)) AS stops
    FROM walk
    WHERE here = n_steps
)
SELECT
    asked.series
    || CASE WHEN asked.of_layer IS NULL THEN '' ELSE ' · layer ' || asked.of_layer END
    || CASE WHEN len($scopes::VARCHAR[]) > 1 THEN ' · ' || asked.scope ELSE '' END AS state,
    asked.scope,
    CASE
        WHEN n_steps IS NULL OR n_steps < $least_steps OR n_errors < n_steps OR unequal <> ''
            THEN 'open'
        WHEN moves = '+-' THEN 'two phases'
        WHEN moves = '+' THEN 'rises only'
        WHEN moves = '-' THEN 'falls only'
        WHEN moves = '' THEN 'flat'
        WHEN moves = '-+' THEN 'falls, then rises'
        WHEN moves = '-+-' THEN 'three phases'
        WHEN moves = '+-+' THEN 'rises, falls, rises again'
        ELSE 'open' END AS verdict,
    nullif(concat_ws('; ', CASE
        WHEN n_kept = 0 THEN 'no step is left'
        WHEN unequal <> '' THEN 'steps measured with unequal ' || unequal
        WHEN n_values = 0 THEN 'no value at any step'
        WHEN n_steps IS NULL AND $by = 'layer' THEN 'no value at some step'
        WHEN n_steps IS NULL THEN 'no block has a value at every step'
        WHEN n_steps < $least_steps THEN 'only ' || n_steps || ' steps, fewer than ' || $least_steps
        WHEN n_errors < n_steps THEN 'no standard error at ' || (n_steps - n_errors) || ' steps'
        WHEN length(moves) > 3 THEN length(moves) || ' moves up and down' END,
    CASE WHEN n_left_out > 0
        THEN n_left_out || ' steps left out, whose weights another step has too' END
    ), '') AS reason,
    moves,
    least_errors,
    coalesce(n_steps, 0) AS n_steps,
    n_left_out,
    steps[1] AS first_step,
    steps[peak] AS peak_step,
    steps[n_steps] AS last_step,
    vals[1] AS first_value,
    vals[peak] AS peak_value,
    vals[n_steps] AS last_value,
    vals[peak] - vals[before] AS rise,
    sqrt(errors[peak] ** 2 + errors[before] ** 2) AS rise_error,
    vals[peak] - vals[after] AS fall,
    sqrt(errors[peak] ** 2 + errors[after] ** 2) AS fall_error,
    list_avg([(vals[i] < vals[i - 1])::INTEGER FOR i IN range(peak + 1, n_steps + 1)])
        AS share_down,
    [steps[i] FOR i IN stops] AS turn_steps,
    [vals[i] FOR i IN stops] AS turn_values,
    unequal,
    asked.metric,
    asked.of_layer AS layer,
    coalesce(n_layers, 0) AS n_layers,
    asked.series,
    asked.model,
    asked.kind,
    asked.corpus,
    asked.stack,
    asked.model_id,
    run_ids
FROM asked
JOIN alike ON alike.series = asked.series AND alike.scope = asked.scope
LEFT JOIN courses
    ON courses.series = asked.series AND courses.scope = asked.scope
    AND courses.layer IS NOT DISTINCT FROM asked.of_layer
LEFT JOIN walked
    ON walked.series = asked.series AND walked.scope = asked.scope
    AND walked.layer IS NOT DISTINCT FROM asked.of_layer
ORDER BY asked.series, asked.of_layer, asked.scope
