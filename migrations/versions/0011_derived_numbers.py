"""Numbers computed later from a stored spectrum: a table says which of a run's they are."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# What a run was measured with decides its id, and stays; what it has now is more.
CURRENT_METRICS = """
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
) AS derived ON derived.run_id = run.run_id
"""


def upgrade() -> None:
    op.create_table(
        "derivation",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("metric", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("derived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("embstore_version", sa.String, nullable=False),
    )
    # Not op.execute, which would take what follows a colon for a parameter.
    op.get_bind().exec_driver_sql(f"CREATE VIEW current_metrics AS {CURRENT_METRICS}")


def downgrade() -> None:
    op.execute(
        "DELETE FROM measurement "
        "WHERE (run_id, metric) IN (SELECT (run_id, metric) FROM derivation)"
    )
    op.execute("DROP VIEW current_metrics")
    op.drop_table("derivation")
