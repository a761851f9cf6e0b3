-- title: Checkpoints with the same weights
-- doc: One row per checkpoint whose weights another checkpoint of the same model has too.
--   Two steps of one training cannot have them: one of the two is not what its name says.
--   duplicate_of names the one that was stored first; that one has none.
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
WITH stored AS (
    SELECT
        model.name AS model,
        checkpoint.*,
        count(DISTINCT checkpoint.revision) OVER same AS copies
    FROM checkpoint
    JOIN model ON model.model_id = checkpoint.model_id
    WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model.name)
    WINDOW same AS (PARTITION BY model.name, checkpoint.weights_sha256)
)
SELECT
    stored.model,
    stored.weights_sha256,
    stored.revision,
    stored.step,
    stored.tokens_seen,
    first_stored.revision AS duplicate_of,
    stored.copies,
    stored.weights_bytes,
    stored.checkpoint_id
FROM stored
LEFT JOIN checkpoint AS first_stored ON first_stored.checkpoint_id = stored.duplicate_of
WHERE stored.copies > 1
ORDER BY stored.model, stored.weights_sha256, stored.step NULLS LAST, stored.revision
