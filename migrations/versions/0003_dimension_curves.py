"""Dimension by scale, and how neighbours, model runs and intervals came about."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Nullable, since DuckDB refuses to add a column that is not. The value is the one that
# every run stored before this migration was made with.
COLUMNS = (
    ("layer", "neighbor_method", sa.String, "'exact'"),
    ("layer", "neighbor_recall", sa.Double, "1.0"),
    ("run", "scopes", sa.String, "'all,no_first,no_sinks'"),
    ("run", "linear", sa.String, "'torch'"),
    ("metric", "uncertainty", sa.String, "'none'"),
)

CURVE_PROFILE = """
CREATE VIEW curve_profile AS
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
    run.tags,
    run.created_at
FROM dimension_curve AS c
JOIN layer AS l
    ON l.run_id = c.run_id AND l.stack = c.stack AND l.layer = c.layer AND l.site = c.site
JOIN run ON run.run_id = c.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
JOIN corpus ON corpus.corpus_id = run.corpus_id
"""


def upgrade() -> None:
    op.create_table(
        "dimension_curve",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("stack", sa.String, nullable=False),
        sa.Column("layer", sa.Integer, nullable=False),
        sa.Column("site", sa.String, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("dimension", sa.Double),
        sa.Column("std_error", sa.Double),
        sa.Column("ci_low", sa.Double),
        sa.Column("ci_high", sa.Double),
        sa.Column("mean_distance", sa.Double),
        sa.Column("n", sa.BigInteger, nullable=False),
    )
    for table, name, type_, value in COLUMNS:
        # The default fills the rows there are; a later row states its own.
        op.add_column(table, sa.Column(name, type_, server_default=sa.text(value)))
        op.alter_column(table, name, server_default=None)
    op.execute(CURVE_PROFILE)


def downgrade() -> None:
    op.execute("DROP VIEW curve_profile")
    for table, name, _type, _value in reversed(COLUMNS):
        op.drop_column(table, name)
    op.drop_table("dimension_curve")
