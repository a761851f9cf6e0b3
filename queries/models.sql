-- title: The models in the store
-- doc: One row per model, with the number of its checkpoints and runs.
SELECT
    model.name AS model,
    model.kind, model.architecture, model.n_layers, model.hidden_size, model.n_parameters,
    model.vocab_size, model.context_length,
    count(DISTINCT checkpoint.checkpoint_id) AS checkpoints,
    count(DISTINCT run.run_id) AS runs,
    max(run.created_at) AS latest_run,
    model.source, model.model_id
FROM model
LEFT JOIN checkpoint ON checkpoint.model_id = model.model_id
LEFT JOIN run ON run.checkpoint_id = checkpoint.checkpoint_id
GROUP BY ALL
ORDER BY model.name, model.model_id
