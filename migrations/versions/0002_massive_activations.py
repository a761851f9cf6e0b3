"""Massive activations: the largest single coordinates of every layer."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "massive_activation",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("stack", sa.String, nullable=False),
        sa.Column("layer", sa.Integer, nullable=False),
        sa.Column("site", sa.String, nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("window_index", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("token_id", sa.BigInteger, nullable=False),
        sa.Column("token", sa.String),
        sa.Column("coordinate", sa.Integer, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("massive_activation")
