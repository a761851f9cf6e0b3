"""The angle between any two layers of a stack, not only a layer and the next.

Older runs have none.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "angular_distance",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("stack", sa.String, nullable=False),
        sa.Column("layer", sa.Integer, nullable=False),
        sa.Column("site", sa.String, nullable=False),
        sa.Column("other_layer", sa.Integer, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("distance", sa.Double),
        sa.Column("std_error", sa.Double),
        sa.Column("ci_low", sa.Double),
        sa.Column("ci_high", sa.Double),
        sa.Column("n", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("angular_distance")
