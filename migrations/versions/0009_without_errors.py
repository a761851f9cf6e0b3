"""Runs may be measured without errors, for those who only scan: a column says which were.

All older runs have them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Migration 0016 fills it.
    op.add_column("run", sa.Column("intervals", sa.Boolean()))


def downgrade() -> None:
    op.drop_column("run", "intervals")
