-- title: Checkpoints with the same weights
-- doc: One row per checkpoint whose weights another checkpoint of the same model has too.
--   Two steps of one training cannot have them: one of the two is not what its name says.
--   duplicate_of names the one that was stored first; that one has none.
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
SELECT
    model, weights_sha256, revision, step, tokens_seen, duplicate_of,
    count(DISTINCT revision) OVER (PARTITION BY model, weights_sha256) AS copies,
    weights_bytes, checkpoint_id
FROM named_checkpoint
WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model)
QUALIFY copies > 1
ORDER BY model, weights_sha256, step NULLS LAST, revision
