-- title: The checkpoints in the store
-- doc: One row per checkpoint. duplicate_of names the revision of the same model that was
--   stored before with the same weights; duplicate_checkpoints lists those.
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
SELECT
    model.name AS model,
    checkpoint.revision,
    checkpoint.step,
    checkpoint.tokens_seen,
    count(run.run_id) AS runs,
    max(run.created_at) AS latest_run,
    first_stored.revision AS duplicate_of,
    checkpoint.weights_bytes,
    checkpoint.weights_sha256,
    checkpoint.checkpoint_id
FROM checkpoint
JOIN model ON model.model_id = checkpoint.model_id
LEFT JOIN checkpoint AS first_stored ON first_stored.checkpoint_id = checkpoint.duplicate_of
LEFT JOIN run ON run.checkpoint_id = checkpoint.checkpoint_id
WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model.name)
GROUP BY ALL
ORDER BY model.name, checkpoint.step NULLS LAST, checkpoint.revision, checkpoint.checkpoint_id
