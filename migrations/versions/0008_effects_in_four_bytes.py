"""Window effects in four bytes each: they were half of a store, to digits that nobody reads.

The errors computed from them are known to a tenth, and differences below a thousandth of an error
count as rounding. Views that show the column are made anew: DuckDB keeps the types that they had.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = ("measurement", "dimension_curve")

NAMED_PROFILE = """
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
JOIN named_run AS r ON r.run_id = m.run_id
"""

TRAINING_PROFILE = """
SELECT *
FROM named_profile
WHERE step IS NOT NULL
QUALIFY row_number() OVER (
    PARTITION BY
        model, model_id, course, untrained, corpus_id, stack, scope, metric, layer, site, step
    ORDER BY created_at DESC, run_id DESC
) = 1
"""

VIEWS = {"named_profile": NAMED_PROFILE, "training_profile": TRAINING_PROFILE}


def upgrade() -> None:
    _store_effects_as("FLOAT[]")


def downgrade() -> None:
    _store_effects_as("DOUBLE[]")


def _store_effects_as(type_: str) -> None:
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN window_effects TYPE {type_}")
    for name, definition in VIEWS.items():
        op.execute(f"CREATE OR REPLACE VIEW {name} AS {definition}")
