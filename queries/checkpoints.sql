-- title: The checkpoints in the store
-- doc: One row per checkpoint. duplicate_of names the revision of the same model that was
--   stored before with the same weights; duplicate_checkpoints lists those.
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- table: model revision step runs duplicate_of
SELECT
    c.model, c.revision, c.step, c.tokens_seen,
    count(run.run_id) AS runs,
    max(run.created_at) AS latest_run,
    c.duplicate_of, c.weights_bytes, c.weights_sha256, c.checkpoint_id
FROM named_checkpoint AS c
LEFT JOIN run ON run.checkpoint_id = c.checkpoint_id
WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], c.model)
GROUP BY ALL
ORDER BY c.model, c.step NULLS LAST, c.revision, c.checkpoint_id
