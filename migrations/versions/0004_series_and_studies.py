"""Checkpoint series: copies among them, failures, studies, and models that read images."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COLUMNS = (
    ("model", "modality"),
    ("checkpoint", "duplicate_of"),
    ("run", "study"),
    ("run", "study_sha256"),
)


def upgrade() -> None:
    op.create_table(
        "failure",
        sa.Column("model", sa.String, nullable=False),
        sa.Column("revision", sa.String, nullable=False),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("corpus", sa.String, nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("embstore_version", sa.String, nullable=False),
        sa.Column("study", sa.String),
    )
    for table, name in COLUMNS:
        op.add_column(table, sa.Column(name, sa.String))
    op.execute("UPDATE model SET modality = 'text'")
    # A model that reads images has no vocabulary.
    op.alter_column("model", "vocab_size", nullable=True)


def downgrade() -> None:
    op.execute("UPDATE model SET vocab_size = 0 WHERE vocab_size IS NULL")
    op.alter_column("model", "vocab_size", nullable=False)
    for table, name in reversed(COLUMNS):
        op.drop_column(table, name)
    op.drop_table("failure")
