-- title: Does the dimension rise and then fall?
-- doc: One row per model and scope (and layer, with by=layer): where the metric peaks during
--   training, how far it rises before and falls after, and the share of steps after the peak
--   that go down. A rise or fall counts as a move if it exceeds least_errors standard errors of
--   the difference: sqrt(z² + 2 ln p), over the p pairs of steps, so that noise makes a move in a
--   flat course of any length no more often than two equal values differ by z (2: 4.6 of 100).
--   Where all steps read the same tokens errors are paired (column errors), those of the
--   differences window by window, and least_errors is as rare a value of Student's t; else those
--   of two steps are taken as independent, which is cautious. The moves decide the verdict: two
--   phases (up, down), rises only, falls only, flat, falls then rises, three phases (down, up,
--   down), or rises, falls, rises again. It is left open, and reason says why, with fewer steps
--   than least_steps, more moves, no standard errors, a missing value, or steps that differ in
--   tokens, window, sample, seed or dtype. turn_steps and turn_values tell where the course
--   begins, turns and ends; of one with a single move, where that begins and ends; of a flat one,
--   also where it is highest and lowest. Mean and highest are over the blocks that have a value at
--   every step. The highest block's error is its own, the mean's, if not paired, the mean of
--   theirs. Left out are untrained controls, the embedding, the final norm, and steps whose
--   weights another step has too (n_left_out).
-- param metric VARCHAR = 'twonn' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param by VARCHAR = 'mean' in ('mean', 'highest', 'layer'): the blocks' mean, their highest, or each
-- param z DOUBLE = 2 in 0<..: how many standard errors a move must exceed were there two steps only
-- param least_steps INTEGER = 5 in 3..: fewer steps leave the verdict open
-- param duplicates BOOLEAN = false: also steps whose weights another step has too
-- chart: mark=line x=course_steps:Q:symlog y=course_values:Q color=state:N detail=verdict:N label=course_turns:N
-- table: state verdict course_values peak_step peak_value last_value
-- needs: checkpoint with a training step
WITH found AS (
    SELECT *, CASE WHEN $by = 'layer' THEN layer END AS of_layer,
        shares_weights AND NOT $duplicates::BOOLEAN AS left_out
    FROM named_profile
    WHERE metric = $metric AND step IS NOT NULL AND NOT untrained AND site = 'block'
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
        AND list_contains($scopes::VARCHAR[], scope)
    -- Of two checkpoints at one step, the one measured last.
    QUALIFY row_number() OVER (
        PARTITION BY model_id, course, corpus_id, stack, scope, layer, step
        ORDER BY left_out, created_at DESC, run_id DESC
    ) = 1
),
measured AS (
    SELECT * FROM found JOIN (
        SELECT *, training_series(display_name, course, corpus, corpus_id, kind, stack) AS series
        FROM (SELECT DISTINCT display_name, course, corpus, corpus_id, kind, stack FROM found)
    ) USING (display_name, course, corpus, corpus_id, kind, stack)
),
alike AS (
    SELECT series, scope,
        count(DISTINCT step) FILTER (left_out) AS n_left_out,
        unequal_settings(list(DISTINCT settings) FILTER (NOT left_out)) AS unequal,
        count(*) FILTER (NOT left_out) AS n_kept,
        count(value) FILTER (NOT left_out) AS n_values,
        count(DISTINCT step) FILTER (NOT left_out AND value IS NOT NULL) AS n_known
    FROM measured GROUP BY series, scope
),
-- The layers with a value at every step that has any.
complete AS (SELECT series, scope, layer FROM measured JOIN alike USING (series, scope)
    WHERE NOT left_out GROUP BY ALL HAVING count(value) = max(n_known)),
whole AS (
    SELECT * FROM measured SEMI JOIN complete USING (series, scope, layer)
    WHERE NOT left_out AND value IS NOT NULL
),
means AS (
    SELECT series, of_layer, scope, step,
        max(run_id) AS run_id, count(*) AS n_layers, max(token_ids_sha256) AS token_ids,
        CASE WHEN $by = 'highest' THEN max(value) ELSE avg(value ORDER BY layer) END AS value,
        CASE WHEN $by = 'highest' THEN first(std_error ORDER BY value DESC, layer)
            -- avg ignores NULL, but a mean has no error where one of its layers has none.
            WHEN count(std_error) = count(*) THEN avg(std_error ORDER BY layer) END AS error,
        CASE WHEN $by = 'highest' THEN first(window_effects ORDER BY value DESC, layer)
            ELSE mean_list(list(window_effects ORDER BY layer)) END AS effects
    FROM whole GROUP BY ALL
),
courses AS (
    SELECT series, of_layer, scope,
        max(n_layers) AS n_layers, count(error) AS n_errors, list(run_id ORDER BY step) AS run_ids,
        paired_points(list({'step': step, 'value': value, 'error': error, 'effects': effects,
            'token_ids': token_ids} ORDER BY step)) AS points
    FROM means GROUP BY ALL
),
shapes AS (SELECT *, unnest(course_shape(points, $z)) FROM courses),
-- One row for each series, even where all its steps are copies or lack values.
asked AS (
    SELECT DISTINCT series, of_layer, scope, model_id, model, kind, corpus, stack FROM measured
)
SELECT
    asked.series
    || CASE WHEN asked.of_layer IS NULL THEN '' ELSE ' · layer ' || asked.of_layer END
    || CASE WHEN len($scopes::VARCHAR[]) > 1 THEN ' · ' || asked.scope ELSE '' END AS state,
    asked.scope,
    CASE WHEN n_steps >= $least_steps AND n_errors = n_steps AND unequal = '' THEN course_name(moves)
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
    moves, least_errors, coalesce(n_steps, 0) AS n_steps, n_left_out,
    first_step, peak_step, last_step, first_value, peak_value, last_value,
    rise, rise_error, fall, fall_error,
    CASE WHEN points[1].effects IS NOT NULL THEN 'paired' WHEN n_errors > 0 THEN 'independent' END
    AS errors, share_down, turn_steps, turn_values, unequal,
    $metric AS metric, asked.of_layer AS layer, coalesce(n_layers, 0) AS n_layers,
    asked.series, asked.model, asked.kind, asked.corpus, asked.stack, asked.model_id, run_ids,
    [p.step for p in points] AS course_steps, [p.value for p in points] AS course_values,
    [CASE WHEN verdict <> 'open' AND list_contains(turn_steps, p.step) THEN
        if(p.step IN (first_step, last_step), '', format('step {:,}', p.step)) END
        for p in points] AS course_turns
FROM asked JOIN alike USING (series, scope)
LEFT JOIN shapes ON shapes.series = asked.series AND shapes.scope = asked.scope
    AND shapes.of_layer IS NOT DISTINCT FROM asked.of_layer
ORDER BY asked.series, asked.of_layer, asked.scope
