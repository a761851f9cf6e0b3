-- title: Checkpoints that could not be measured
-- doc: One row per failure, the latest first. resolved says whether the same checkpoint was
--   measured later, over any text; one that still fails is tried again by the same ingest.
-- param models VARCHAR[] = NULL in model.name, failure.model: only these models; NULL means all
SELECT
    failure.failed_at,
    failure.model,
    failure.revision,
    failure.stage,
    failure.reason,
    EXISTS (
        SELECT 1
        FROM run
        JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
        JOIN model ON model.model_id = checkpoint.model_id
        WHERE model.name = failure.model
            AND checkpoint.revision = failure.revision
            AND run.created_at > failure.failed_at
    ) AS resolved,
    failure.corpus,
    failure.study,
    failure.embstore_version
FROM failure
WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], failure.model)
ORDER BY failure.failed_at DESC, failure.model, failure.revision
