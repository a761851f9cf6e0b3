"""Runs say which configuration their model had: the same weights under another are another model.

What older runs do not say stays unknown.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# What older runs did, of what migrations 0009 and 0012 add. DuckDB alters no table that was
# updated in the same transaction: whatever alters this one later has to do this in its place.
FILL = """
UPDATE run SET
    intervals = coalesce(intervals, true),
    windows = coalesce(windows, 'tokens'),
    shuffle = coalesce(shuffle, 'none')
WHERE intervals IS NULL OR windows IS NULL OR shuffle IS NULL
"""


def upgrade() -> None:
    op.add_column("run", sa.Column("model_config", sa.String))
    op.execute(FILL)


def downgrade() -> None:
    op.drop_column("run", "model_config")
