-- title: What measuring costs
-- doc: Three rows per run: the seconds per thousand tokens spent in the model's forward pass,
--   in the geometry, and in everything else, mostly loading. tokens_per_second counts the
--   forward pass and the geometry; geometry_over_forward is the time for the geometry as a
--   multiple of the time for the forward pass. The latest run of each checkpoint and text. A run
--   that goes on from an earlier one, whose numbers it takes over, has the seconds of both, and
--   the machine of its last part.
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- chart: mark=bar x=seconds_per_1000_tokens:Q y=series:N color=part:N
WITH spent AS (
    SELECT
        latest_run.run_id, latest_run.model, latest_run.kind, latest_run.revision,
        latest_run.step, latest_run.corpus, run.tokens, run.wall_seconds, run.forward_seconds,
        run.geometry_seconds, run.peak_memory_bytes, run.device, run.dtype, run.batch_size,
        unnest([
            {'part': 'forward pass', 'seconds': run.forward_seconds},
            {'part': 'geometry', 'seconds': run.geometry_seconds},
            -- Geometry runs beside the forward pass where it can: the rest is never negative.
            {'part': 'loading and the rest', 'seconds': greatest(
                0.0, run.wall_seconds - run.forward_seconds - run.geometry_seconds
            )}
        ], recursive := true)
    FROM latest_run
    JOIN run ON run.run_id = latest_run.run_id
    WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], latest_run.model)
)
SELECT
    series(model, revision, corpus, run_id) AS series,
    part, seconds,
    1000 * seconds / nullif(tokens, 0) AS seconds_per_1000_tokens,
    tokens / nullif(forward_seconds + geometry_seconds, 0) AS tokens_per_second,
    geometry_seconds / nullif(forward_seconds, 0) AS geometry_over_forward,
    wall_seconds, tokens, peak_memory_bytes, device, dtype, batch_size, model, kind, revision,
    step, corpus, run_id
FROM spent
ORDER BY model, corpus, step NULLS LAST, revision, run_id, part
