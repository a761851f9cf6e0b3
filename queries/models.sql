-- title: The models in the store
-- doc: One row per model, with the number of its checkpoints and runs. anisotropy is its profile
--   over the layers, in the latest run of text that is not shuffled, of an untrained control only
--   where there is nothing else; a terminal shows it as a small picture. seed_group is what the
--   seeds that a model is one of are together called.
-- table: model kind anisotropy n_layers checkpoints runs seed_group
WITH latest AS (
    SELECT model_id, run_id
    FROM run
    JOIN checkpoint USING (checkpoint_id)
    WHERE coalesce(run.shuffle, 'none') = 'none'
    QUALIFY row_number() OVER (
        PARTITION BY model_id
        ORDER BY is_untrained(checkpoint.revision), run.created_at DESC, run_id
    ) = 1
),
profiles AS (
    SELECT latest.model_id, list(value ORDER BY stack DESC, layer) AS anisotropy
    FROM latest
    JOIN measurement USING (run_id)
    WHERE metric = 'anisotropy' AND scope = 'all' AND site <> 'final_norm'
    GROUP BY latest.model_id
)
SELECT
    model.name AS model,
    model.kind,
    profiles.anisotropy,
    model.n_layers, model.hidden_size, model.n_parameters,
    count(DISTINCT checkpoint.checkpoint_id) AS checkpoints,
    count(DISTINCT run.run_id) AS runs,
    max(run.created_at) AS latest_run,
    model_group.seed_group,
    model.architecture, model.vocab_size, model.context_length, model.source, model.model_id
FROM model
LEFT JOIN checkpoint ON checkpoint.model_id = model.model_id
LEFT JOIN run ON run.checkpoint_id = checkpoint.checkpoint_id
LEFT JOIN profiles ON profiles.model_id = model.model_id
LEFT JOIN model_group ON model_group.model_id = model.model_id
GROUP BY ALL
ORDER BY model.name, model.model_id
