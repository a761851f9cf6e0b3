-- title: Loss on held-out text
-- doc: One row per model and step: the loss in nats per token that the training gave each run as
--   the tag loss, on the text that was measured. Not a metric of embstore: it stands here to be
--   seen beside them. More windows of that text were read for it, so run_id, by which a picture
--   says how many tokens were measured, is left out.
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- chart: mark=line x=step:Q:symlog y=loss:Q color=series:N
SELECT model AS series, step, run_tag.value::DOUBLE AS loss, model, revision
FROM latest_run JOIN run_tag USING (run_id)
WHERE run_tag.key = 'loss'
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model))
ORDER BY series, step
