-- title: Dimension over all tokens, and with each token of the vocabulary once
-- doc: Two rows per model and step: the mean of twonn over the blocks as stored, and of one
--   occurrence of each token, which the training gave the run as the tag twonn_one_each. A text
--   repeats its tokens: over all of them the neighbours of a token are mostly itself elsewhere.
--   The two read different windows, so run_id, by which a picture says how many, is left out.
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- chart: mark=line x=step:Q:symlog y=dimension:Q color=counted:N
WITH tagged AS (
    SELECT run_id, model, revision, step, run_tag.value::DOUBLE AS one_each
    FROM latest_run JOIN run_tag USING (run_id)
    WHERE run_tag.key = 'twonn_one_each'
        AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
),
over_all AS (
    SELECT run_id, avg(value ORDER BY layer) AS dimension
    FROM profile_latest
    WHERE metric = 'twonn' AND scope = 'all' AND site = 'block'
    GROUP BY run_id
)
SELECT 'all tokens' AS counted, step, dimension, model, revision
FROM tagged JOIN over_all USING (run_id)
UNION ALL
SELECT 'each token of the vocabulary once', step, one_each, model, revision
FROM tagged
ORDER BY counted, model, step
