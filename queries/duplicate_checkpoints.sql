-- title: Checkpoints with the same weights
-- doc: One row per checkpoint that has the same weights as another one of its model, as main has
--   those of the last step. Training changes the weights from step to step: where two steps have
--   the same, perhaps one of them is not what its name says.
--   duplicate_of names the one that was stored first; it is empty for that one.
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- table: model revision step duplicate_of weights_sha256
-- needs: two checkpoints of one model with the same weights
SELECT
    model, weights_sha256, revision, step, tokens_seen, duplicate_of,
    count(DISTINCT revision) OVER (PARTITION BY model, weights_sha256) AS copies,
    weights_bytes, checkpoint_id
FROM named_checkpoint
WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model)
QUALIFY copies > 1
ORDER BY model, weights_sha256, step NULLS LAST, revision
