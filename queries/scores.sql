-- title: Scores from elsewhere
-- doc: One row per score that was imported and counts: of several of one model, revision, step and
--   name the newest. checkpoint is the stored one that it is of, NULL where none is or several
--   could be; hidden_by is the file of a newer score that calls this checkpoint otherwise.
-- param models VARCHAR[] = NULL in score.model: only of these models, as the scores name them
-- param names VARCHAR[] = NULL in score.name: only these scores
-- table: model revision step name value std_error checkpoint
-- needs: imported scores
SELECT
    s.model, s.revision, s.step, s.name, s.value, s.std_error,
    c.display_name || '@' || c.revision AS checkpoint,
    CASE WHEN c.checkpoint_id IS NOT NULL
        AND (counts.said_model, counts.said_revision, counts.said_step)
            IS DISTINCT FROM (s.model, s.revision, s.step) THEN counts.source END AS hidden_by,
    s.source, s.scored_at, s.imported_at, s.embstore_version
FROM latest_score AS s
LEFT JOIN scored_checkpoint AS found
    ON found.model = s.model
    AND found.revision IS NOT DISTINCT FROM s.revision
    AND found.step IS NOT DISTINCT FROM s.step
LEFT JOIN named_checkpoint AS c ON c.checkpoint_id = found.checkpoint_id
LEFT JOIN checkpoint_score AS counts
    ON counts.checkpoint_id = found.checkpoint_id AND counts.name = s.name
WHERE ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], s.model))
    AND ($names::VARCHAR[] IS NULL OR list_contains($names::VARCHAR[], s.name))
ORDER BY s.model, s.step NULLS LAST, s.revision, s.name
