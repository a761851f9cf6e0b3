-- title: Checkpoints that could not be measured
-- doc: One row per failure, the latest first. resolved says whether the same checkpoint was
--   measured later, over any text. To try one again that is not, repeat the same ingest.
-- param models VARCHAR[] = NULL in model.name, failure.model: only these models; NULL means all
-- table: model revision stage resolved reason failed_at
-- needs: failed checkpoints
SELECT
    failed_at, model, revision, stage, reason, resolved, corpus, study, embstore_version
FROM failure_status
WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model)
ORDER BY failed_at DESC, model, revision
