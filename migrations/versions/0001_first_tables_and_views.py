"""The first tables and views.

Frozen: a later change to a table or view is a migration of its own.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PROFILE = """
CREATE VIEW profile AS
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
    run.tags,
    run.created_at
FROM measurement AS m
JOIN layer AS l
    ON l.run_id = m.run_id AND l.stack = m.stack AND l.layer = m.layer AND l.site = m.site
JOIN run ON run.run_id = m.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
JOIN corpus ON corpus.corpus_id = run.corpus_id
"""

LATEST_RUN = """
CREATE VIEW latest_run AS
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
QUALIFY row_number() OVER (
    PARTITION BY run.checkpoint_id, run.corpus_id
    ORDER BY run.created_at DESC, run.run_id DESC
) = 1
"""

PROFILE_LATEST = """
CREATE VIEW profile_latest AS
SELECT * FROM profile WHERE run_id IN (SELECT run_id FROM latest_run)
"""


def upgrade() -> None:
    op.create_table(
        "model",
        sa.Column("model_id", sa.String, primary_key=True, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("architecture", sa.String, nullable=False),
        sa.Column("n_layers", sa.Integer, nullable=False),
        sa.Column("hidden_size", sa.Integer, nullable=False),
        sa.Column("n_parameters", sa.BigInteger, nullable=False),
        sa.Column("vocab_size", sa.Integer, nullable=False),
        sa.Column("context_length", sa.Integer),
    )
    op.create_table(
        "checkpoint",
        sa.Column("checkpoint_id", sa.String, primary_key=True, nullable=False),
        sa.Column("model_id", sa.String, nullable=False),
        sa.Column("revision", sa.String, nullable=False),
        sa.Column("step", sa.BigInteger),
        sa.Column("tokens_seen", sa.BigInteger),
        sa.Column("weights_sha256", sa.String, nullable=False),
        sa.Column("weights_bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "corpus",
        sa.Column("corpus_id", sa.String, primary_key=True, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("n_documents", sa.BigInteger, nullable=False),
        sa.Column("n_chars", sa.BigInteger, nullable=False),
        sa.Column("n_bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "run",
        sa.Column("run_id", sa.String, primary_key=True, nullable=False),
        sa.Column("configuration_id", sa.String, nullable=False),
        sa.Column("repeat", sa.Integer, nullable=False),
        sa.Column("checkpoint_id", sa.String, nullable=False),
        sa.Column("corpus_id", sa.String, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("window_size", sa.Integer, nullable=False),
        sa.Column("n_windows", sa.Integer, nullable=False),
        sa.Column("sample_size", sa.Integer, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("dtype", sa.String, nullable=False),
        sa.Column("sink_threshold", sa.Double, nullable=False),
        sa.Column("n_special_tokens", sa.Integer, nullable=False),
        sa.Column("tokenizer_sha256", sa.String, nullable=False),
        sa.Column("token_ids_sha256", sa.String, nullable=False),
        sa.Column("metric_versions", sa.String, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("embstore_version", sa.String, nullable=False),
        sa.Column("git_commit", sa.String),
        sa.Column("git_dirty", sa.Boolean),
        sa.Column("python_version", sa.String, nullable=False),
        sa.Column("torch_version", sa.String, nullable=False),
        sa.Column("transformers_version", sa.String, nullable=False),
        sa.Column("duckdb_version", sa.String, nullable=False),
        sa.Column("numpy_version", sa.String, nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("attention", sa.String, nullable=False),
        sa.Column("accumulation_dtype", sa.String, nullable=False),
        sa.Column("batch_size", sa.Integer, nullable=False),
        sa.Column("wall_seconds", sa.Double, nullable=False),
        sa.Column("forward_seconds", sa.Double, nullable=False),
        sa.Column("geometry_seconds", sa.Double, nullable=False),
        sa.Column("peak_memory_bytes", sa.BigInteger, nullable=False),
        sa.Column("tags", sa.String, nullable=False),
    )
    op.create_table(
        "layer",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("stack", sa.String, nullable=False),
        sa.Column("layer", sa.Integer, nullable=False),
        sa.Column("site", sa.String, nullable=False),
        sa.Column("depth", sa.Double, nullable=False),
        sa.Column("hidden_size", sa.Integer, nullable=False),
        sa.Column("n_tokens", sa.BigInteger, nullable=False),
        sa.Column("n_first", sa.BigInteger, nullable=False),
        sa.Column("n_sinks", sa.BigInteger, nullable=False),
        sa.Column("n_sample", sa.BigInteger, nullable=False),
        sa.Column("n_duplicates", sa.BigInteger, nullable=False),
        sa.Column("n_zero", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "metric",
        sa.Column("name", sa.String, primary_key=True, nullable=False),
        sa.Column("version", sa.Integer, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("symbol", sa.String, nullable=False),
        sa.Column("formula", sa.String, nullable=False),
        sa.Column("unit", sa.String, nullable=False),
        sa.Column("lower", sa.String, nullable=False),
        sa.Column("upper", sa.String, nullable=False),
        sa.Column("citation", sa.String, nullable=False),
    )
    op.create_table(
        "measurement",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("stack", sa.String, nullable=False),
        sa.Column("layer", sa.Integer, nullable=False),
        sa.Column("site", sa.String, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("metric", sa.String, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("std_error", sa.Double),
        sa.Column("ci_low", sa.Double),
        sa.Column("ci_high", sa.Double),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String),
    )
    op.create_table(
        "spectrum",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("stack", sa.String, nullable=False),
        sa.Column("layer", sa.Integer, nullable=False),
        sa.Column("site", sa.String, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("eigenvalues", sa.ARRAY(sa.Double), nullable=False),
        sa.Column("trace", sa.Double, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False),
    )
    for view in (PROFILE, LATEST_RUN, PROFILE_LATEST):
        op.execute(view)


def downgrade() -> None:
    for view in ("profile_latest", "latest_run", "profile"):
        op.execute(f"DROP VIEW {view}")
    for table in (
        "spectrum",
        "measurement",
        "metric",
        "layer",
        "run",
        "corpus",
        "checkpoint",
        "model",
    ):
        op.drop_table(table)
