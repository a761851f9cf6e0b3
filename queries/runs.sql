-- title: What was measured, with what and at which cost
-- doc: One row per run, the newest first. tokens_per_second counts the forward pass and the
--   geometry, not the loading; geometry_over_forward is the time for the geometry as a multiple
--   of the time for the forward pass. latest marks the run that the other questions use;
--   neighbor_recall is the least share of true neighbours found at any layer, 1 if the search
--   was exact; linear is how the model's linear layers were computed. metrics is how many the
--   run has, derived how many of them were computed later from its spectra, intervals whether
--   its numbers have errors. windows is what a window held: tokens of the corpus as one text, or
--   one of its documents; shuffle what had lost its order in each, as a control. run is what to
--   call the run elsewhere, as in embstore tag: the beginning of its id.
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- table: run model revision tokens metrics intervals created_at
SELECT
    left(run.run_id, 8) AS run,
    model.name AS model,
    checkpoint.revision,
    corpus.name AS corpus,
    run.created_at, run.tokens,
    len(json_keys(current_metrics.metric_versions)) AS metrics,
    coalesce(run.intervals, true) AS intervals,
    run.tokens / nullif(run.forward_seconds + run.geometry_seconds, 0) AS tokens_per_second,
    run.geometry_seconds / nullif(run.forward_seconds, 0) AS geometry_over_forward,
    run.wall_seconds, run.device, run.dtype, run.window_size, run.sample_size, run.seed,
    coalesce(run.windows, 'tokens') AS windows,
    coalesce(run.shuffle, 'none') AS shuffle,
    run.run_id IN (SELECT latest_run.run_id FROM latest_run)
        OR run.run_id IN (SELECT latest_control.run_id FROM latest_control) AS latest,
    model.kind, model.architecture, model.n_layers, model.hidden_size, model.n_parameters,
    checkpoint.step, checkpoint.tokens_seen, run.forward_seconds, run.geometry_seconds,
    run.peak_memory_bytes, run.batch_size, run.attention, run.linear, run.sink_threshold,
    run.scopes,
    (SELECT count(*) FROM derivation WHERE derivation.run_id = run.run_id) AS derived,
    (SELECT min(layer.neighbor_recall) FROM layer WHERE layer.run_id = run.run_id)
        AS neighbor_recall,
    run.embstore_version, run.git_commit, run.git_dirty, run.python_version, run.torch_version,
    run.transformers_version, run.duckdb_version, run.numpy_version, current_tags.tags, run.repeat,
    run.run_id
FROM run
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
JOIN corpus ON corpus.corpus_id = run.corpus_id
JOIN current_tags ON current_tags.run_id = run.run_id
JOIN current_metrics ON current_metrics.run_id = run.run_id
WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model.name)
ORDER BY
    run.created_at DESC, model.name, checkpoint.step NULLS LAST, checkpoint.revision, run.run_id
