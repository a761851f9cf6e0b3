"""Scores from elsewhere: what evaluations say of models, and which stored checkpoint each is of."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

VIEWS = {
    # Of several the newest counts: by when it was scored, as far as that is known, else by when it
    # was imported.
    "latest_score": """
SELECT *
FROM score
QUALIFY row_number() OVER (
    PARTITION BY model, revision, step, name
    ORDER BY
        coalesce(scored_at, imported_at) DESC, imported_at DESC, value DESC,
        std_error DESC NULLS LAST, source
) = 1
""",
    # A score names its model as a person or a harness does: by the whole name, else, where only
    # one of the two has an organisation before it, by what is behind it. Among a model's
    # checkpoints it means the one of its revision, else of its step in the same course; without
    # either the final one. What could be several is none.
    "scored_checkpoint": """
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
    AND count(*) OVER (PARTITION BY model, revision, step, fit) = 1
""",
    "checkpoint_score": """
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
) = 1
""",
}

MACROS = {
    # Fisher's z with the standard error of Bonett and Wright 2000; of n less the number of
    # things controlled for. Of ranks that agree wholly there is none.
    "rank_correlation_bound": """(correlation, n, z) AS
CASE WHEN n > 3 AND abs(correlation) < 1 - 1e-9
    THEN tanh(atanh(correlation) + z * sqrt((1 + correlation ** 2 / 2) / (n - 3))) END
""",
    "partial_correlation": """(xy, xz, yz) AS
CASE WHEN abs(xz) < 1 - 1e-9 AND abs(yz) < 1 - 1e-9
    THEN greatest(-1, least(1, (xy - xz * yz) / sqrt((1 - xz ** 2) * (1 - yz ** 2)))) END
""",
}


def upgrade() -> None:
    op.create_table(
        "score",
        sa.Column("model", sa.String, nullable=False),
        sa.Column("revision", sa.String),
        sa.Column("step", sa.BigInteger),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("std_error", sa.Double),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("scored_at", sa.DateTime(timezone=True)),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("embstore_version", sa.String, nullable=False),
    )
    for name, definition in MACROS.items():
        _execute(f"CREATE MACRO {name}{definition}")
    for name, definition in VIEWS.items():
        _execute(f"CREATE VIEW {name} AS {definition}")


def downgrade() -> None:
    for name in reversed(VIEWS):
        _execute(f"DROP VIEW {name}")
    for name in MACROS:
        _execute(f"DROP MACRO {name}")
    op.drop_table("score")


def _execute(sql: str) -> None:
    # Not op.execute, which would take what follows a colon for a parameter.
    op.get_bind().exec_driver_sql(sql)
