-- Made by make docs from the migrations: change those.

CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO alembic_version VALUES ('0016');

CREATE TABLE corpus (
	corpus_id VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	source VARCHAR NOT NULL,
	sha256 VARCHAR NOT NULL,
	n_documents BIGINT NOT NULL,
	n_chars BIGINT NOT NULL,
	n_bytes BIGINT NOT NULL,
	PRIMARY KEY (corpus_id)
);

CREATE TABLE failure (
	model VARCHAR NOT NULL,
	revision VARCHAR NOT NULL,
	stage VARCHAR NOT NULL,
	reason VARCHAR NOT NULL,
	corpus VARCHAR NOT NULL,
	failed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	embstore_version VARCHAR NOT NULL,
	study VARCHAR
);

CREATE TABLE metric (
	name VARCHAR NOT NULL,
	version INTEGER NOT NULL,
	title VARCHAR NOT NULL,
	symbol VARCHAR NOT NULL,
	formula VARCHAR NOT NULL,
	unit VARCHAR NOT NULL,
	lower VARCHAR NOT NULL,
	upper VARCHAR NOT NULL,
	citation VARCHAR NOT NULL,
	uncertainty VARCHAR,
	PRIMARY KEY (name, version)
);

CREATE TABLE model (
	model_id VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	source VARCHAR NOT NULL,
	kind VARCHAR NOT NULL,
	architecture VARCHAR NOT NULL,
	n_layers INTEGER NOT NULL,
	hidden_size INTEGER NOT NULL,
	n_parameters BIGINT NOT NULL,
	vocab_size INTEGER,
	context_length INTEGER,
	modality VARCHAR,
	PRIMARY KEY (model_id)
);

CREATE TABLE score (
	model VARCHAR NOT NULL,
	revision VARCHAR,
	step BIGINT,
	name VARCHAR NOT NULL,
	value DOUBLE PRECISION NOT NULL,
	std_error DOUBLE PRECISION,
	source VARCHAR NOT NULL,
	scored_at TIMESTAMP WITH TIME ZONE,
	imported_at TIMESTAMP WITH TIME ZONE NOT NULL,
	embstore_version VARCHAR NOT NULL
);

CREATE TABLE checkpoint (
	checkpoint_id VARCHAR NOT NULL,
	model_id VARCHAR NOT NULL,
	revision VARCHAR NOT NULL,
	step BIGINT,
	tokens_seen BIGINT,
	weights_sha256 VARCHAR NOT NULL,
	weights_bytes BIGINT NOT NULL,
	duplicate_of VARCHAR,
	PRIMARY KEY (checkpoint_id)
);

CREATE TABLE run (
	run_id VARCHAR NOT NULL,
	configuration_id VARCHAR NOT NULL,
	repeat INTEGER NOT NULL,
	checkpoint_id VARCHAR NOT NULL,
	corpus_id VARCHAR NOT NULL,
	tokens BIGINT NOT NULL,
	window_size INTEGER NOT NULL,
	n_windows INTEGER NOT NULL,
	sample_size INTEGER NOT NULL,
	seed BIGINT NOT NULL,
	dtype VARCHAR NOT NULL,
	sink_threshold DOUBLE PRECISION NOT NULL,
	n_special_tokens INTEGER NOT NULL,
	tokenizer_sha256 VARCHAR NOT NULL,
	token_ids_sha256 VARCHAR NOT NULL,
	metric_versions VARCHAR NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	embstore_version VARCHAR NOT NULL,
	git_commit VARCHAR,
	git_dirty BOOLEAN,
	python_version VARCHAR NOT NULL,
	torch_version VARCHAR NOT NULL,
	transformers_version VARCHAR NOT NULL,
	duckdb_version VARCHAR NOT NULL,
	numpy_version VARCHAR NOT NULL,
	device VARCHAR NOT NULL,
	attention VARCHAR NOT NULL,
	accumulation_dtype VARCHAR NOT NULL,
	batch_size INTEGER NOT NULL,
	wall_seconds DOUBLE PRECISION NOT NULL,
	forward_seconds DOUBLE PRECISION NOT NULL,
	geometry_seconds DOUBLE PRECISION NOT NULL,
	peak_memory_bytes BIGINT NOT NULL,
	tags VARCHAR NOT NULL,
	scopes VARCHAR,
	linear VARCHAR,
	study VARCHAR,
	study_sha256 VARCHAR,
	intervals BOOLEAN,
	windows VARCHAR,
	shuffle VARCHAR,
	model_config VARCHAR,
	PRIMARY KEY (run_id)
);

CREATE TABLE angular_distance (
	run_id VARCHAR NOT NULL,
	stack VARCHAR NOT NULL,
	layer INTEGER NOT NULL,
	site VARCHAR NOT NULL,
	other_layer INTEGER NOT NULL,
	scope VARCHAR NOT NULL,
	distance DOUBLE PRECISION,
	std_error DOUBLE PRECISION,
	ci_low DOUBLE PRECISION,
	ci_high DOUBLE PRECISION,
	n BIGINT NOT NULL
);

CREATE TABLE derivation (
	run_id VARCHAR NOT NULL,
	metric VARCHAR NOT NULL,
	version INTEGER NOT NULL,
	derived_at TIMESTAMP WITH TIME ZONE NOT NULL,
	embstore_version VARCHAR NOT NULL
);

CREATE TABLE dimension_curve (
	run_id VARCHAR NOT NULL,
	stack VARCHAR NOT NULL,
	layer INTEGER NOT NULL,
	site VARCHAR NOT NULL,
	scope VARCHAR NOT NULL,
	rank INTEGER NOT NULL,
	dimension DOUBLE PRECISION,
	std_error DOUBLE PRECISION,
	ci_low DOUBLE PRECISION,
	ci_high DOUBLE PRECISION,
	mean_distance DOUBLE PRECISION,
	n BIGINT NOT NULL,
	window_effects REAL[]
);

CREATE TABLE layer (
	run_id VARCHAR NOT NULL,
	stack VARCHAR NOT NULL,
	layer INTEGER NOT NULL,
	site VARCHAR NOT NULL,
	depth DOUBLE PRECISION NOT NULL,
	hidden_size INTEGER NOT NULL,
	n_tokens BIGINT NOT NULL,
	n_first BIGINT NOT NULL,
	n_sinks BIGINT NOT NULL,
	n_sample BIGINT NOT NULL,
	n_duplicates BIGINT NOT NULL,
	n_zero BIGINT NOT NULL,
	neighbor_method VARCHAR,
	neighbor_recall DOUBLE PRECISION
);

CREATE TABLE massive_activation (
	run_id VARCHAR NOT NULL,
	stack VARCHAR NOT NULL,
	layer INTEGER NOT NULL,
	site VARCHAR NOT NULL,
	rank INTEGER NOT NULL,
	window_index INTEGER NOT NULL,
	position INTEGER NOT NULL,
	token_id BIGINT NOT NULL,
	token VARCHAR,
	coordinate INTEGER NOT NULL,
	value DOUBLE PRECISION NOT NULL
);

CREATE TABLE measurement (
	run_id VARCHAR NOT NULL,
	stack VARCHAR NOT NULL,
	layer INTEGER NOT NULL,
	site VARCHAR NOT NULL,
	scope VARCHAR NOT NULL,
	metric VARCHAR NOT NULL,
	value DOUBLE PRECISION,
	std_error DOUBLE PRECISION,
	ci_low DOUBLE PRECISION,
	ci_high DOUBLE PRECISION,
	n BIGINT NOT NULL,
	reason VARCHAR,
	window_effects REAL[]
);

CREATE TABLE spectrum (
	run_id VARCHAR NOT NULL,
	stack VARCHAR NOT NULL,
	layer INTEGER NOT NULL,
	site VARCHAR NOT NULL,
	scope VARCHAR NOT NULL,
	eigenvalues DOUBLE PRECISION[] NOT NULL,
	trace DOUBLE PRECISION NOT NULL,
	n BIGINT NOT NULL
);

CREATE TABLE tag_change (
	run_id VARCHAR NOT NULL,
	key VARCHAR NOT NULL,
	value VARCHAR,
	tagged_at TIMESTAMP WITH TIME ZONE NOT NULL
);

CREATE MACRO agreed(found) AS CASE WHEN len(list_distinct(found)) = 1 THEN list_max(found) END;

CREATE VIEW latest_score AS
SELECT *
FROM score
QUALIFY row_number() OVER (
    PARTITION BY model, revision, step, name
    ORDER BY
        coalesce(scored_at, imported_at) DESC, imported_at DESC, value DESC,
        std_error DESC NULLS LAST, source
) = 1;

CREATE MACRO course_name(moves) AS
CASE moves
    WHEN '' THEN 'flat'
    WHEN '+' THEN 'rises only'
    WHEN '-' THEN 'falls only'
    WHEN '+-' THEN 'two phases'
    WHEN '-+' THEN 'falls, then rises'
    WHEN '-+-' THEN 'three phases'
    WHEN '+-+' THEN 'rises, falls, rises again'
    ELSE 'open' END;

CREATE MACRO highest(points) AS
list_reduce(points, lambda best, point: CASE WHEN point.value > best.value THEN point ELSE best END);

CREATE MACRO lowest(points) AS
list_reduce(points, lambda best, point: CASE WHEN point.value < best.value THEN point ELSE best END);

CREATE VIEW current_metrics AS
SELECT
    run.run_id,
    CASE WHEN derived.versions IS NULL THEN run.metric_versions
        ELSE json_merge_patch(run.metric_versions, derived.versions)::VARCHAR
    END AS metric_versions
FROM run
LEFT JOIN (
    SELECT derivation.run_id, json_group_object(derivation.metric, derivation.version) AS versions
    FROM derivation
    GROUP BY derivation.run_id
) AS derived ON derived.run_id = run.run_id;

CREATE VIEW run_tag AS
SELECT run_id, key, value
FROM (
    SELECT
        run.run_id, given.key, json_extract_string(given.value, '$') AS value,
        run.created_at AS said_at, false AS later
    FROM run, json_each(run.tags) AS given
    UNION ALL
    SELECT tag_change.run_id, tag_change.key, tag_change.value, tag_change.tagged_at, true
    FROM tag_change
    WHERE tag_change.run_id IN (SELECT run.run_id FROM run)
)
QUALIFY row_number() OVER (
    PARTITION BY run_id, key ORDER BY later DESC, said_at DESC, value DESC NULLS LAST
) = 1 AND value IS NOT NULL;

CREATE MACRO depth_grid(intervals, n_layers) AS
list_transform(range(intervals::BIGINT + 1), lambda mark: {
    'depth': mark / intervals,
    'layer_below': mark * n_layers // intervals,
    'layer_above': (mark * n_layers + intervals - 1) // intervals,
    'part': (mark * n_layers % intervals) / intervals
});

CREATE MACRO effects_of(point) AS (point::STRUCT(error DOUBLE, effects DOUBLE[])).effects;

CREATE VIEW display_name AS
SELECT
    model_id,
    name AS model,
    name || CASE WHEN count(*) OVER (PARTITION BY name) > 1
        THEN ' ' || left(model_id, 8) ELSE '' END AS display_name
FROM model;

CREATE MACRO least_errors(z, n_steps) AS
sqrt(z * z + 2 * ln(greatest(1, n_steps * (n_steps - 1) / 2)));

CREATE MACRO student_errors(errors, freedom) AS
sqrt(freedom * (exp((errors * (8 * freedom + 3) / (8 * freedom + 1)) ** 2 / freedom) - 1));

CREATE MACRO windows_counted(one, other) AS
CASE WHEN list_contains(one, 0) AND list_contains(other, 0)
    THEN coalesce(nullif(len(list_filter(
        list_zip(one, other), lambda pair: pair[1] <> 0 OR pair[2] <> 0
    )), 0), len(one))
    ELSE len(one) END;

CREATE VIEW failure_status AS
SELECT
    failure.*,
    EXISTS (
        SELECT 1
        FROM run
        JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
        JOIN model ON model.model_id = checkpoint.model_id
        WHERE model.name = failure.model
            AND checkpoint.revision = failure.revision
            AND run.created_at > failure.failed_at
    ) AS resolved
FROM failure;

CREATE MACRO is_chosen(models, model, seed_group) AS
models IS NULL OR list_contains(models, model)
    OR coalesce(list_contains(models, seed_group), false);

CREATE MACRO is_untrained(revision) AS starts_with(revision, 'random-init-');

CREATE VIEW latest_control AS
SELECT
    run.run_id,
    model.name AS model,
    model.kind,
    checkpoint.revision,
    checkpoint.step,
    checkpoint.tokens_seen,
    corpus.name AS corpus,
    run.corpus_id,
    run.configuration_id,
    run.repeat,
    run.created_at,
    run.shuffle
FROM run
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
JOIN corpus ON corpus.corpus_id = run.corpus_id
WHERE run.shuffle <> 'none'
QUALIFY row_number() OVER (
    PARTITION BY run.checkpoint_id, run.corpus_id, run.shuffle
    ORDER BY run.created_at DESC, run.run_id DESC
) = 1;

CREATE VIEW latest_metric AS
SELECT * FROM metric QUALIFY row_number() OVER (PARTITION BY name ORDER BY version DESC) = 1;

CREATE OR REPLACE VIEW latest_run AS
SELECT
    run.run_id,
    model.name AS model,
    model.kind,
    checkpoint.revision,
    checkpoint.step,
    checkpoint.tokens_seen,
    corpus.name AS corpus,
    run.corpus_id,
    run.configuration_id,
    run.repeat,
    run.created_at
FROM run
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
JOIN corpus ON corpus.corpus_id = run.corpus_id
WHERE coalesce(run.shuffle, 'none') = 'none'
QUALIFY row_number() OVER (
    PARTITION BY run.checkpoint_id, run.corpus_id
    ORDER BY run.created_at DESC, run.run_id DESC
) = 1;

CREATE MACRO mean_list(lists) AS
CASE WHEN list_count(lists) = len(lists)
    THEN [list_avg([numbers[place] for numbers in lists]) for place in range(1, len(lists[1]) + 1)]
END;

CREATE VIEW model_group AS
SELECT checkpoint.model_id, said.seed_group
FROM (
    SELECT
        run.run_id, json_extract_string(run.tags, '$.seed_group') AS seed_group,
        run.created_at AS said_at, false AS later
    FROM run
    WHERE contains(run.tags, '"seed_group"')
        AND run.run_id NOT IN (
            SELECT changed.run_id FROM tag_change AS changed WHERE changed.key = 'seed_group'
        )
    UNION ALL
    SELECT tag_change.run_id, tag_change.value, tag_change.tagged_at, true
    FROM tag_change
    WHERE tag_change.key = 'seed_group'
) AS said
JOIN run ON run.run_id = said.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
WHERE said.later OR said.seed_group IS NOT NULL
QUALIFY row_number() OVER (
    PARTITION BY checkpoint.model_id
    ORDER BY said.said_at DESC, said.later DESC, said.seed_group DESC NULLS LAST
) = 1 AND said.seed_group IS NOT NULL;

CREATE VIEW n_stack_layers AS
SELECT run_id, stack, max(layer) AS n_layers FROM layer GROUP BY run_id, stack;

CREATE MACRO paired_points(points) AS
CASE WHEN len(list_distinct([point.token_ids for point in points])) = 1
    AND list_count([point.effects for point in points]) = len(points)
    AND len(list_distinct([len(point.effects) for point in points])) = 1
    THEN points
    ELSE [struct_update(point, effects := NULL::DOUBLE[]) for point in points]
END;

CREATE MACRO partial_correlation(xy, xz, yz) AS
CASE WHEN abs(xz) < 1 - 1e-9 AND abs(yz) < 1 - 1e-9
    THEN greatest(-1, least(1, (xy - xz * yz) / sqrt((1 - xz ** 2) * (1 - yz ** 2)))) END;

CREATE VIEW published_value AS
SELECT
    source, found_in, protocol, scope, windows, first_token_marker, model, n_layers, hidden_size,
    step::BIGINT AS step, metric,
    unnest(range(first_layer, first_layer + len(listed)))::INTEGER AS layer,
    unnest(listed) AS value
FROM (VALUES
    ('arXiv:2602.04081', 'the authors'' llm_audio_ids.json (github.com/chengemily1/brain-id-abstract)', 'last tokens of five times 10,000 passages of 20 words of The Pile, weights in 8 bits', 'last', 'documents', NULL, 'EleutherAI/pythia-160m', 12, 768, 143000, 'participation_ratio', 1, [7.503100e+01, 8.463900e+01, 2.732300e+01, 4.006000e+00, 3.630000e+00, 3.841000e+00, 4.115000e+00, 4.906000e+00, 7.127000e+00, 1.588900e+01, 2.888200e+01, 1.205660e+02]),
    ('arXiv:2602.04081', 'the authors'' llm_audio_ids.json (github.com/chengemily1/brain-id-abstract)', 'last tokens of five times 10,000 passages of 20 words of The Pile, weights in 8 bits (of components one more than published, which is how many stay below 99 %)', 'last', 'documents', NULL, 'EleutherAI/pythia-160m', 12, 768, 143000, 'pca_dim_99', 1, [6.942000e+02, 7.162000e+02, 7.068000e+02, 6.718000e+02, 6.718000e+02, 6.738000e+02, 6.790000e+02, 6.798000e+02, 6.812000e+02, 6.866000e+02, 7.070000e+02, 7.282000e+02]),
    ('arXiv:2602.04081', 'the authors'' llm_audio_ids.json (github.com/chengemily1/brain-id-abstract)', 'last tokens of five times 10,000 passages of 20 words of The Pile, weights in 8 bits', 'last', 'documents', NULL, 'EleutherAI/pythia-410m', 24, 1024, 143000, 'participation_ratio', 1, [6.556900e+01, 6.323400e+01, 5.822700e+01, 1.234130e+02, 1.657110e+02, 2.016570e+02, 2.288850e+02, 2.302980e+02, 2.036180e+02, 1.972840e+02, 1.938220e+02, 1.598090e+02, 1.489110e+02, 8.925700e+01, 1.243980e+02, 1.558740e+02, 1.292590e+02, 9.998100e+01, 7.633600e+01, 3.816800e+01, 2.566300e+01, 1.934000e+01, 3.504200e+01, 6.251700e+01]),
    ('arXiv:2602.04081', 'the authors'' llm_audio_ids.json (github.com/chengemily1/brain-id-abstract)', 'last tokens of five times 10,000 passages of 20 words of The Pile, weights in 8 bits', 'last', 'documents', NULL, 'facebook/opt-125m', 12, 768, NULL, 'participation_ratio', 1, [3.855900e+01, 5.509200e+01, 7.849300e+01, 9.709300e+01, 1.258600e+02, 1.513530e+02, 1.705560e+02, 1.749650e+02, 1.719940e+02, 1.401680e+02, 1.074320e+02, 9.499300e+01]),
    ('arXiv:2503.22329', 'the authors'' check_has_massive_activations.txt (github.com/bluorion-com/refine_massive_activations)', 'mean over 10 sequences of RedPajama, 1,024 tokens each, of the largest |x|; no first-token marker', 'all', 'tokens', false, 'openai-community/gpt2', 12, 768, NULL, 'largest_activation', 3, [2.480000e+03, 2.656000e+03, 2.800000e+03, 2.896000e+03, 2.960000e+03, 2.992000e+03, 3.008000e+03, 3.024000e+03]),
    ('arXiv:2503.22329', 'the authors'' check_has_massive_activations.txt (github.com/bluorion-com/refine_massive_activations)', 'mean over 10 sequences of RedPajama, 1,024 tokens each, of the largest |x|; with a first-token marker', 'all', 'tokens', true, 'openai-community/gpt2', 12, 768, NULL, 'largest_activation', 3, [2.480000e+03, 2.672000e+03, 2.816000e+03, 2.912000e+03, 2.976000e+03, 3.008000e+03, 3.024000e+03, 3.040000e+03]),
    ('arXiv:2503.22329', 'the authors'' check_has_massive_activations.txt (github.com/bluorion-com/refine_massive_activations)', 'mean over 10 sequences of RedPajama, 4,096 tokens each, of the largest |x|; no first-token marker', 'all', 'tokens', false, 'meta-llama/Llama-2-7b-hf', 32, 4096, NULL, 'largest_activation', 2, [2.496000e+03, 2.496000e+03, 2.496000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.512000e+03, 2.464000e+03]),
    ('arXiv:2503.22329', 'the authors'' check_has_massive_activations.txt (github.com/bluorion-com/refine_massive_activations)', 'mean over 10 sequences of RedPajama, 4,096 tokens each, of the largest |x|; with a first-token marker', 'all', 'tokens', true, 'meta-llama/Llama-2-7b-hf', 32, 4096, NULL, 'largest_activation', 2, [2.400000e+03, 2.400000e+03, 2.400000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.416000e+03, 2.368000e+03]),
    ('arXiv:2503.22329', 'the authors'' check_has_massive_activations.txt (github.com/bluorion-com/refine_massive_activations)', 'mean over 10 sequences of RedPajama, 4,096 tokens each, of the largest |x|; no first-token marker', 'all', 'tokens', false, 'mistralai/Mistral-7B-v0.3', 32, 4096, NULL, 'largest_activation', 2, [3.240000e+02, 3.240000e+02, 3.240000e+02, 3.240000e+02, 3.240000e+02, 3.240000e+02, 3.240000e+02, 3.240000e+02, 3.240000e+02, 3.240000e+02, 3.240000e+02, 3.240000e+02, 3.240000e+02, 3.240000e+02, 3.240000e+02, 3.240000e+02, 3.240000e+02, 3.220000e+02, 3.260000e+02, 3.260000e+02, 3.260000e+02, 3.260000e+02, 3.260000e+02, 3.260000e+02, 3.260000e+02, 3.260000e+02, 3.260000e+02, 3.240000e+02, 3.220000e+02]),
    ('arXiv:2503.22329', 'the authors'' check_has_massive_activations.txt (github.com/bluorion-com/refine_massive_activations)', 'mean over 10 sequences of RedPajama, 4,096 tokens each, of the largest |x|; with a first-token marker', 'all', 'tokens', true, 'mistralai/Mistral-7B-v0.3', 32, 4096, NULL, 'largest_activation', 2, [2.740000e+02, 2.740000e+02, 2.740000e+02, 2.740000e+02, 2.740000e+02, 2.740000e+02, 2.740000e+02, 2.740000e+02, 2.780000e+02, 2.780000e+02, 2.780000e+02, 2.780000e+02, 2.780000e+02, 2.900000e+02, 2.900000e+02, 2.900000e+02, 2.900000e+02, 2.900000e+02, 2.940000e+02, 2.940000e+02, 2.940000e+02, 2.940000e+02, 2.940000e+02, 2.940000e+02, 2.940000e+02, 2.940000e+02, 2.920000e+02, 2.920000e+02, 2.880000e+02]),
    ('arXiv:2503.22329', 'the authors'' check_has_massive_activations.txt (github.com/bluorion-com/refine_massive_activations)', 'mean over 10 sequences of RedPajama, 4,096 tokens each, of the largest |x|; no first-token marker', 'all', 'tokens', false, 'meta-llama/Llama-3.2-1B', 16, 2048, NULL, 'largest_activation', 2, [3.840000e+02, 3.840000e+02, 3.840000e+02, 3.840000e+02, 3.840000e+02, 3.840000e+02, 3.840000e+02, 3.840000e+02, 3.840000e+02, 3.840000e+02, 3.840000e+02, 3.840000e+02, 3.840000e+02, 3.820000e+02]),
    ('arXiv:2503.22329', 'the authors'' check_has_massive_activations.txt (github.com/bluorion-com/refine_massive_activations)', 'mean over 10 sequences of RedPajama, 4,096 tokens each, of the largest |x|; with a first-token marker', 'all', 'tokens', true, 'meta-llama/Llama-3.2-1B', 16, 2048, NULL, 'largest_activation', 2, [2.170000e+02, 2.170000e+02, 2.170000e+02, 2.170000e+02, 2.170000e+02, 2.170000e+02, 2.170000e+02, 2.170000e+02, 2.170000e+02, 2.170000e+02, 2.170000e+02, 2.170000e+02, 2.170000e+02]),
    ('arXiv:2503.22329', 'the authors'' check_has_massive_activations.txt (github.com/bluorion-com/refine_massive_activations)', 'mean over 10 sequences of RedPajama, 4,096 tokens each, of the largest |x|; with a first-token marker', 'all', 'tokens', true, 'google/gemma-2-2b', 26, 2304, NULL, 'largest_activation', 5, [7.280000e+02, 8.320000e+02, 8.840000e+02, 9.040000e+02, 9.200000e+02, 1.136000e+03, 1.296000e+03, 1.496000e+03, 1.680000e+03, 1.888000e+03, 2.048000e+03, 2.240000e+03, 2.416000e+03, 2.544000e+03])
) AS published (
    source, found_in, protocol, scope, windows, first_token_marker, model, n_layers,
    hidden_size, step, metric, first_layer, listed
);

CREATE MACRO rank_correlation_bound(correlation, n, z) AS
CASE WHEN n > 3 AND abs(correlation) < 1 - 1e-9
    THEN tanh(atanh(correlation) + z * sqrt((1 + correlation ** 2 / 2) / (n - 3))) END;

CREATE MACRO rms_distance(one, other) AS list_distance(one, other) / sqrt(len(one));

CREATE MACRO seed_high(seeds, seed_values) AS
CASE WHEN list_count(seed_values) < 2 THEN NULL
    WHEN seeds = 'quartiles' THEN list_aggregate(seed_values, 'quantile_cont', 0.75)
    ELSE list_max(seed_values) END;

CREATE MACRO seed_line(band, value, ci_low, ci_high, std_error, run_id) AS {
    'value': median(value),
    'ci_low': min(ci_low) FILTER (band IS NULL),
    'ci_high': min(ci_high) FILTER (band IS NULL),
    'std_error': min(std_error) FILTER (band IS NULL),
    'seed_values': list(value) FILTER (band IS NOT NULL),
    'run_ids': list(run_id ORDER BY run_id) FILTER (band IS NOT NULL)
};

CREATE MACRO seed_low(seeds, seed_values) AS
CASE WHEN list_count(seed_values) < 2 THEN NULL
    WHEN seeds = 'quartiles' THEN list_aggregate(seed_values, 'quantile_cont', 0.25)
    ELSE list_min(seed_values) END;

CREATE OR REPLACE MACRO unequal_settings(settings) AS
concat_ws(
    ', ',
    CASE WHEN len(list_distinct([s.tokens for s in settings])) > 1 THEN 'tokens' END,
    CASE WHEN len(list_distinct([s.window_size for s in settings])) > 1 THEN 'window_size' END,
    CASE WHEN len(list_distinct([s.windows for s in settings])) > 1 THEN 'windows' END,
    CASE WHEN len(list_distinct([s.sample_size for s in settings])) > 1 THEN 'sample_size' END,
    CASE WHEN len(list_distinct([s.seed for s in settings])) > 1 THEN 'seed' END,
    CASE WHEN len(list_distinct([s.dtype for s in settings])) > 1 THEN 'dtype' END
);

CREATE MACRO seeds_in_words(band, n_seeds) AS
CASE WHEN band IS NULL THEN ''
    ELSE ' · ' || n_seeds || CASE WHEN n_seeds = 1 THEN ' seed' ELSE ' seeds' END END;

CREATE MACRO shuffle_in_words(shuffle) AS
CASE
    WHEN shuffle = 'none' OR shuffle IS NULL THEN ''
    WHEN contains(shuffle, ':') THEN 'blocks of ' || split_part(shuffle, ':', 2) || ' '
        || split_part(shuffle, ':', 1) || ' shuffled'
    ELSE shuffle || ' shuffled' END;

CREATE MACRO shown_band(seeds, band, model_id) AS
CASE WHEN seeds <> 'single'
    AND min(model_id) OVER (PARTITION BY band) < max(model_id) OVER (PARTITION BY band)
    THEN band END;

CREATE MACRO training_stage(revision) AS
coalesce(try_cast(regexp_extract(
    lower(revision), '(?:^|[^a-z])stage[-_]?([0-9]{1,40})', 1
) AS DOUBLE), 0);

CREATE MACRO from_peak(points) AS points[list_position(points, highest(points)):];

CREATE MACRO until_peak(points) AS points[:list_position(points, highest(points))];

CREATE OR REPLACE MACRO turns(points, walked) AS
CASE walked.moves
    WHEN '+' THEN [walked.turns[1], walked.high]
    WHEN '-' THEN [walked.turns[1], walked.low]
    ELSE list_sort(list_distinct([points[1], points[-1]] || CASE WHEN walked.moves = ''
        THEN [lowest(points), highest(points)] ELSE walked.turns[2:] END)) END;

CREATE VIEW current_tags AS
SELECT
    run.run_id,
    CASE WHEN run.run_id IN (SELECT tag_change.run_id FROM tag_change)
        THEN '{' || coalesce(changed.pairs, '') || '}' ELSE run.tags END AS tags
FROM run
LEFT JOIN (
    SELECT
        run_tag.run_id,
        string_agg(
            to_json(run_tag.key)::VARCHAR || ':' || to_json(run_tag.value)::VARCHAR, ','
            ORDER BY run_tag.key
        ) AS pairs
    FROM run_tag
    WHERE run_tag.run_id IN (SELECT tag_change.run_id FROM tag_change)
    GROUP BY run_tag.run_id
) AS changed ON changed.run_id = run.run_id;

CREATE OR REPLACE MACRO errors_of_a_move(z, points) AS
list_transform(
    [{
        'least': least_errors(z, len(points)),
        'freedom': nullif(list_min(list_transform(
            [effects_of(point) for point in points],
            lambda effects: windows_counted(effects, effects)
        )) - 1, 0)
    }],
    lambda known: coalesce(student_errors(known.least, known.freedom), known.least)
)[1];

CREATE OR REPLACE MACRO paired_error(one, other) AS
CASE WHEN len(one) = len(other) AND len(one) > 1
    THEN sqrt(1 + 1 / nullif(windows_counted(one, other) - 1, 0)) * greatest(
        list_distance(one::DOUBLE[], other::DOUBLE[]),
        0.001 * sqrt(list_inner_product(one::DOUBLE[], one::DOUBLE[])
            + list_inner_product(other::DOUBLE[], other::DOUBLE[]))
    ) END;

CREATE MACRO training_course(revision) AS
CASE WHEN is_untrained(revision) THEN revision
    ELSE rtrim(regexp_extract(
        lower(revision), '^(.*?)(?:global_?)?(?:step|checkpoint|ckpt|iter)', 1
    ), '-_/. ') END;

CREATE MACRO training_series(display_name, course, corpus, corpus_id, kind, stack) AS
display_name
|| CASE WHEN course <> '' AND (
    min(course) OVER (PARTITION BY display_name) < max(course) OVER (PARTITION BY display_name)
    OR is_untrained(course)
) THEN ' · ' || course ELSE '' END
|| CASE WHEN min(corpus_id) OVER (PARTITION BY display_name)
    < max(corpus_id) OVER (PARTITION BY display_name)
    THEN ' · ' || corpus ELSE '' END
|| CASE WHEN min(corpus_id) OVER (PARTITION BY display_name, corpus)
    < max(corpus_id) OVER (PARTITION BY display_name, corpus)
    THEN ' ' || left(corpus_id, 8) ELSE '' END
|| CASE WHEN kind = 'encoder-decoder' THEN ' · ' || stack ELSE '' END;

CREATE OR REPLACE MACRO series(
    model, revision := '', corpus := '', run_id := '', kind := '', stack := '',
    shuffle := 'none'
) AS
model
|| CASE WHEN min(revision) OVER (PARTITION BY model) < max(revision) OVER (PARTITION BY model)
    OR is_untrained(revision)
    THEN '@' || revision ELSE '' END
|| CASE WHEN min(corpus) OVER (PARTITION BY model) < max(corpus) OVER (PARTITION BY model)
    THEN ' · ' || corpus ELSE '' END
|| CASE WHEN shuffle <> 'none' THEN ' · ' || shuffle_in_words(shuffle) ELSE '' END
|| CASE WHEN min(run_id) OVER (PARTITION BY model, revision, corpus, shuffle)
    < max(run_id) OVER (PARTITION BY model, revision, corpus, shuffle)
    THEN ' · run ' || left(run_id, 8) ELSE '' END
|| CASE WHEN kind = 'encoder-decoder' THEN ' · ' || stack ELSE '' END;

CREATE MACRO training_order(revision, step) AS
CASE WHEN step IS NULL THEN ['infinity'::DOUBLE]
    ELSE [training_stage(revision), step::DOUBLE] END;

CREATE OR REPLACE VIEW curve_profile AS
SELECT
    c.run_id,
    model.name AS model,
    model.kind,
    model.architecture,
    model.n_parameters,
    checkpoint.revision,
    checkpoint.step,
    checkpoint.tokens_seen,
    corpus.name AS corpus,
    c.stack,
    c.layer,
    c.site,
    l.depth,
    model.n_layers,
    l.hidden_size,
    c.scope,
    c.rank,
    c.dimension,
    c.std_error,
    c.ci_low,
    c.ci_high,
    c.mean_distance,
    c.n,
    run.tokens,
    run.window_size,
    run.sample_size,
    run.seed,
    run.dtype,
    run.repeat,
    current_tags.tags,
    run.created_at,
    coalesce(run.windows, 'tokens') AS windows,
    coalesce(run.shuffle, 'none') AS shuffle
FROM dimension_curve AS c
JOIN layer AS l
    ON l.run_id = c.run_id AND l.stack = c.stack AND l.layer = c.layer AND l.site = c.site
JOIN run ON run.run_id = c.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
JOIN corpus ON corpus.corpus_id = run.corpus_id
JOIN current_tags ON current_tags.run_id = c.run_id;

CREATE OR REPLACE VIEW profile AS
SELECT
    m.run_id,
    model.name AS model,
    model.kind,
    model.architecture,
    model.n_parameters,
    checkpoint.revision,
    checkpoint.step,
    checkpoint.tokens_seen,
    corpus.name AS corpus,
    m.stack,
    m.layer,
    m.site,
    l.depth,
    model.n_layers,
    l.hidden_size,
    m.scope,
    m.metric,
    m.value,
    m.std_error,
    m.ci_low,
    m.ci_high,
    m.n,
    m.reason,
    run.tokens,
    run.window_size,
    run.sample_size,
    run.seed,
    run.dtype,
    run.repeat,
    current_tags.tags,
    run.created_at,
    coalesce(run.windows, 'tokens') AS windows,
    coalesce(run.shuffle, 'none') AS shuffle
FROM measurement AS m
JOIN layer AS l
    ON l.run_id = m.run_id AND l.stack = m.stack AND l.layer = m.layer AND l.site = m.site
JOIN run ON run.run_id = m.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
JOIN corpus ON corpus.corpus_id = run.corpus_id
JOIN current_tags ON current_tags.run_id = m.run_id;

CREATE OR REPLACE MACRO difference_error(one, other) AS
coalesce(
    list_transform(
        [{'one': effects_of(one), 'other': effects_of(other)}],
        lambda effects: paired_error(effects.one, effects.other)
    )[1],
    sqrt(one.error * one.error + other.error * other.error)
);

CREATE VIEW named_checkpoint AS
SELECT
    c.checkpoint_id,
    c.model_id,
    display_name.display_name,
    display_name.model,
    c.revision,
    c.step,
    c.tokens_seen,
    training_course(c.revision) AS course,
    is_untrained(c.revision) AS untrained,
    first_stored.revision AS duplicate_of,
    coalesce(min(c.step) OVER same_weights < max(c.step) OVER same_weights, false)
        AS shares_weights,
    c.weights_sha256,
    c.weights_bytes
FROM checkpoint AS c
JOIN display_name ON display_name.model_id = c.model_id
LEFT JOIN checkpoint AS first_stored ON first_stored.checkpoint_id = c.duplicate_of
WINDOW same_weights AS (PARTITION BY c.model_id, c.weights_sha256);

CREATE VIEW scored_checkpoint AS
WITH scored_model AS (
    SELECT said.model, d.model_id, said.model IN (d.model, d.display_name) AS whole
    FROM (SELECT DISTINCT model FROM score) AS said
    JOIN display_name AS d
        ON said.model IN (d.model, d.display_name)
        OR (
            lower(split_part(said.model, '/', -1)) = lower(split_part(d.model, '/', -1))
            AND (
                NOT contains(said.model, '/') OR NOT contains(d.model, '/')
                OR lower(said.model) = lower(d.model)
            )
        )
),
one_model AS (
    SELECT * EXCLUDE whole
    FROM scored_model
    QUALIFY rank() OVER (PARTITION BY model ORDER BY whole DESC) = 1
        AND (whole OR count(*) OVER (PARTITION BY model, whole) = 1)
),
fitting AS (
    SELECT
        said.model, said.revision, said.step, c.checkpoint_id,
        CASE
            WHEN c.revision = said.revision THEN 1
            WHEN is_untrained(c.revision) THEN NULL
            WHEN said.step IS NOT NULL THEN CASE
                WHEN c.step = said.step AND (
                    said.revision IS NULL
                    OR training_course(said.revision) = training_course(c.revision)
                ) THEN 2 END
            WHEN said.revision <> 'main' THEN NULL
            WHEN c.revision = 'main' THEN 3
            WHEN c.revision = 'local' THEN 4
            WHEN said.revision IS NULL AND (c.revision = 'final' OR c.step IS NULL) THEN 5
        END AS fit
    FROM (SELECT DISTINCT model, revision, step FROM score) AS said
    JOIN one_model ON one_model.model = said.model
    JOIN checkpoint AS c ON c.model_id = one_model.model_id
)
SELECT model, revision, step, checkpoint_id
FROM fitting
WHERE fit IS NOT NULL
QUALIFY rank() OVER (PARTITION BY model, revision, step ORDER BY fit) = 1
    AND count(*) OVER (PARTITION BY model, revision, step, fit) = 1;

CREATE VIEW seed_run AS
WITH of_groups AS (
    SELECT
        run.run_id, checkpoint.model_id, run.created_at, checkpoint.revision,
        {
            'seed_group': model_group.seed_group,
            'corpus_id': run.corpus_id,
            'shuffle': coalesce(run.shuffle, 'none'),
            'course': training_course(checkpoint.revision)
        } AS band,
        coalesce('step ' || checkpoint.step, checkpoint.revision) AS moment,
        {
            'kind': model.kind, 'architecture': model.architecture, 'n_layers': model.n_layers,
            'hidden_size': model.hidden_size, 'tokens': run.tokens,
            'window_size': run.window_size, 'windows': coalesce(run.windows, 'tokens'),
            'sample_size': run.sample_size, 'seed': run.seed, 'dtype': run.dtype,
            'token_ids': run.token_ids_sha256
        } AS settings
    FROM run
    JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
    JOIN model ON model.model_id = checkpoint.model_id
    JOIN model_group ON model_group.model_id = checkpoint.model_id
    WHERE NOT is_untrained(checkpoint.revision)
        AND (run.run_id IN (SELECT latest_run.run_id FROM latest_run)
            OR run.run_id IN (SELECT latest_control.run_id FROM latest_control))
    QUALIFY row_number() OVER (
        PARTITION BY band, moment, checkpoint.model_id
        ORDER BY run.created_at DESC, run.run_id DESC
    ) = 1
),
counted AS (
    SELECT *, count(*) OVER (PARTITION BY band, moment, settings) AS n_alike FROM of_groups
),
compared AS (
    SELECT
        *,
        first_value(settings) OVER (
            PARTITION BY band, moment ORDER BY n_alike DESC, created_at DESC, run_id DESC
        ) AS usual,
        max(n_alike) OVER (PARTITION BY band) AS most,
        min(revision) OVER (PARTITION BY band, moment, settings) AS band_revision
    FROM counted
)
SELECT
    run.run_id,
    checkpoint.model_id,
    model_group.seed_group,
    CASE WHEN compared.settings = compared.usual AND compared.most > 1 THEN compared.band END
        AS band,
    compared.band_revision,
    CASE WHEN compared.settings <> compared.usual THEN concat_ws(
        ', ',
        CASE WHEN compared.settings.kind <> compared.usual.kind THEN 'kind' END,
        CASE WHEN compared.settings.architecture <> compared.usual.architecture
            THEN 'architecture' END,
        CASE WHEN compared.settings.n_layers <> compared.usual.n_layers THEN 'n_layers' END,
        CASE WHEN compared.settings.hidden_size <> compared.usual.hidden_size
            THEN 'hidden_size' END,
        nullif(unequal_settings([{
            'tokens': compared.settings.tokens, 'window_size': compared.settings.window_size,
            'windows': compared.settings.windows, 'sample_size': compared.settings.sample_size,
            'seed': compared.settings.seed, 'dtype': compared.settings.dtype
        }, {
            'tokens': compared.usual.tokens, 'window_size': compared.usual.window_size,
            'windows': compared.usual.windows, 'sample_size': compared.usual.sample_size,
            'seed': compared.usual.seed, 'dtype': compared.usual.dtype
        }]), ''),
        CASE WHEN compared.settings.token_ids <> compared.usual.token_ids
            THEN 'the tokens that were read' END
    ) END AS differs
FROM run
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model_group ON model_group.model_id = checkpoint.model_id
LEFT JOIN compared ON compared.run_id = run.run_id;

CREATE OR REPLACE VIEW profile_latest AS
SELECT * FROM profile WHERE run_id IN (SELECT run_id FROM latest_run);

CREATE MACRO next_move(course, point, least_errors) AS
CASE
    WHEN right(course.moves, 1) <> '+' AND point.value - course.low.value
        > least_errors * difference_error(point, course.low) THEN '+'
    WHEN right(course.moves, 1) <> '-' AND course.high.value - point.value
        > least_errors * difference_error(point, course.high) THEN '-'
    ELSE '' END;

CREATE OR REPLACE VIEW named_run AS
SELECT
    latest_run.run_id,
    c.checkpoint_id,
    c.model_id,
    c.display_name,
    latest_run.model,
    latest_run.kind,
    latest_run.revision,
    latest_run.step,
    latest_run.tokens_seen,
    c.course,
    c.untrained,
    c.duplicate_of,
    c.shares_weights,
    latest_run.corpus,
    latest_run.corpus_id,
    {
        'tokens': run.tokens, 'window_size': run.window_size, 'sample_size': run.sample_size,
        'seed': run.seed, 'dtype': run.dtype,
        'windows': coalesce(run.windows, 'tokens')
    } AS settings,
    latest_run.created_at,
    run.token_ids_sha256
FROM latest_run
JOIN run ON run.run_id = latest_run.run_id
JOIN named_checkpoint AS c ON c.checkpoint_id = run.checkpoint_id;

CREATE VIEW checkpoint_score AS
SELECT
    c.checkpoint_id,
    c.model_id,
    c.display_name,
    c.model,
    c.revision,
    c.step,
    c.tokens_seen,
    c.course,
    c.untrained,
    s.name,
    s.value,
    s.std_error,
    s.model AS said_model,
    s.revision AS said_revision,
    s.step AS said_step,
    s.source,
    s.scored_at,
    s.imported_at
FROM latest_score AS s
JOIN scored_checkpoint AS found
    ON found.model = s.model
    AND found.revision IS NOT DISTINCT FROM s.revision
    AND found.step IS NOT DISTINCT FROM s.step
JOIN named_checkpoint AS c ON c.checkpoint_id = found.checkpoint_id
QUALIFY row_number() OVER (
    PARTITION BY c.checkpoint_id, s.name
    ORDER BY
        coalesce(s.scored_at, s.imported_at) DESC, s.imported_at DESC, s.value DESC,
        s.std_error DESC NULLS LAST, s.source
) = 1;

CREATE VIEW seed_profile AS
SELECT
    profile.*, seed_run.model_id, seed_run.seed_group, seed_run.band, seed_run.band_revision
FROM profile
LEFT JOIN seed_run ON seed_run.run_id = profile.run_id;

CREATE MACRO walk(points, least_errors) AS
list_reduce(
    [{'moves': '', 'turns': points[:0], 'high': point, 'low': point} for point in points],
    lambda course, next: list_transform(
        [next_move(course, next.high, least_errors)],
        lambda move: {
            'moves': course.moves || move,
            'turns': CASE move WHEN '+' THEN list_append(course.turns, course.low)
                WHEN '-' THEN list_append(course.turns, course.high) ELSE course.turns END,
            'high': CASE WHEN move = '' AND course.high.value >= next.high.value
                THEN course.high ELSE next.high END,
            'low': CASE WHEN move = '' AND course.low.value <= next.low.value
                THEN course.low ELSE next.low END
        }
    )[1]
);

CREATE OR REPLACE VIEW named_profile AS
SELECT
    r.run_id,
    r.model_id,
    r.display_name,
    r.model,
    r.kind,
    r.revision,
    r.step,
    r.tokens_seen,
    r.course,
    r.untrained,
    r.duplicate_of,
    r.shares_weights,
    r.corpus,
    r.corpus_id,
    m.stack,
    m.layer,
    m.site,
    l.depth,
    m.scope,
    m.metric,
    m.value,
    m.std_error,
    m.ci_low,
    m.ci_high,
    m.n,
    m.reason,
    r.settings,
    r.created_at,
    r.token_ids_sha256,
    m.window_effects
FROM measurement AS m
JOIN layer AS l
    ON l.run_id = m.run_id AND l.stack = m.stack AND l.layer = m.layer AND l.site = m.site
JOIN named_run AS r ON r.run_id = m.run_id;

CREATE OR REPLACE MACRO course_shape(points, z) AS
list_transform(
    [{'errors': errors_of_a_move(z, points), 'high': highest(points)}],
    lambda found: list_transform(
        [walk(points, found.errors)],
        lambda walked: {
            'n_steps': len(points),
            'least_errors': found.errors,
            'moves': walked.moves,
            'first_step': points[1].step,
            'peak_step': found.high.step,
            'last_step': points[-1].step,
            'first_value': points[1].value,
            'peak_value': found.high.value,
            'last_value': points[-1].value,
            'rise': found.high.value - lowest(until_peak(points)).value,
            'rise_error': difference_error(found.high, lowest(until_peak(points))),
            'fall': found.high.value - lowest(from_peak(points)).value,
            'fall_error': difference_error(found.high, lowest(from_peak(points))),
            'share_down': list_avg([
                CASE WHEN pair[2] < pair[1] THEN 1.0 ELSE 0.0 END
                for pair in list_zip(
                    [point.value for point in from_peak(points)],
                    [point.value for point in from_peak(points)][2:], true
                )
            ]),
            'turn_steps': [turn.step for turn in turns(points, walked)],
            'turn_values': [turn.value for turn in turns(points, walked)]
        }
    )[1]
)[1];

CREATE OR REPLACE VIEW training_profile AS
SELECT *
FROM named_profile
WHERE step IS NOT NULL
QUALIFY row_number() OVER (
    PARTITION BY
        model, model_id, course, untrained, corpus_id, stack, scope, metric, layer, site, step
    ORDER BY created_at DESC, run_id DESC
) = 1;
