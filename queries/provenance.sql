-- title: Where a number comes from
-- doc: One row per number, with all that made it: the metric's definition and source, the
--   model's weights, the text, the sample, the versions and the machine. Numbers of every run
--   are here, not only of the latest, which the column latest marks; narrow it to the number in
--   question. derived_at is when it was computed from the run's spectra, NULL if it was measured.
-- param metric VARCHAR = 'anisotropy' in metric.name: which metric
-- param models VARCHAR[] = NULL in model.name: only these models; NULL means all
-- param revisions VARCHAR[] = NULL in checkpoint.revision: only these revisions
-- param corpora VARCHAR[] = NULL in corpus.name: only these texts
-- param layers INTEGER[] = NULL in 0..: only these layers; NULL means all
-- param scopes VARCHAR[] = ['all'] in ('all', 'no_first', 'no_sinks', 'last', 'mean'): which tokens count
-- param runs VARCHAR[] = NULL: only these runs, by their ids or how those begin
-- table: model revision layer scope metric value
SELECT
    p.model, p.revision, p.layer, p.scope, p.metric, p.value,
    p.corpus, p.stack, p.site, p.std_error, p.ci_low, p.ci_high, p.n, p.reason,
    p.run_id IN (SELECT latest_run.run_id FROM latest_run)
        OR p.run_id IN (SELECT latest_control.run_id FROM latest_control) AS latest,
    run.created_at,
    metric.version AS metric_version,
    metric.title AS metric_title,
    metric.formula, metric.unit, metric.citation, metric.uncertainty,
    model.source AS model_source,
    p.kind, p.architecture, p.step, p.tokens_seen, checkpoint.weights_sha256,
    first_stored.revision AS duplicate_of,
    corpus.source AS corpus_source,
    corpus.sha256 AS corpus_sha256,
    run.tokenizer_sha256, run.token_ids_sha256, run.tokens, run.window_size, run.n_windows,
    p.windows, p.shuffle, run.sample_size, run.seed, run.sink_threshold,
    l.n_tokens, l.n_first, l.n_sinks, l.n_sample, l.n_duplicates, l.neighbor_method,
    l.neighbor_recall, run.dtype, run.accumulation_dtype,
    run.device, run.attention, run.linear, run.batch_size, run.embstore_version, run.git_commit,
    run.git_dirty, run.python_version, run.torch_version, run.transformers_version,
    run.duckdb_version, run.numpy_version, run.study, run.study_sha256, p.tags, run.repeat,
    run.configuration_id, derivation.derived_at, run.run_id
FROM profile AS p
JOIN run ON run.run_id = p.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
JOIN corpus ON corpus.corpus_id = run.corpus_id
JOIN layer AS l
    ON l.run_id = p.run_id AND l.stack = p.stack AND l.layer = p.layer AND l.site = p.site
LEFT JOIN checkpoint AS first_stored ON first_stored.checkpoint_id = checkpoint.duplicate_of
LEFT JOIN derivation ON derivation.run_id = p.run_id AND derivation.metric = p.metric
-- The definition the run was made with, not the newest.
LEFT JOIN metric
    ON metric.name = p.metric
    AND metric.version
        = coalesce(derivation.version, CAST(run.metric_versions ->> p.metric AS INTEGER))
WHERE p.metric = $metric
    AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], p.model))
    AND ($revisions::VARCHAR[] IS NULL OR list_contains($revisions::VARCHAR[], p.revision))
    AND ($corpora::VARCHAR[] IS NULL OR list_contains($corpora::VARCHAR[], p.corpus))
    AND ($layers::INTEGER[] IS NULL OR list_contains($layers::INTEGER[], p.layer))
    AND list_contains($scopes::VARCHAR[], p.scope)
    AND ($runs::VARCHAR[] IS NULL
        OR len(list_filter($runs::VARCHAR[], lambda start: starts_with(p.run_id, start))) > 0)
ORDER BY
    p.model, p.corpus, p.step NULLS LAST, p.revision, run.created_at DESC, run.run_id, p.stack, p.layer, p.site,
    p.scope
