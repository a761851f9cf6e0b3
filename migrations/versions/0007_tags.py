"""Tags that are given and taken away after a run was measured.

A run keeps the tags it was measured with; what is said of it later is a row of its own, so that
nothing is overwritten and stores with different tags can be merged.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

VIEWS = {
    # Of what was said about one tag, the last counts; without a value the tag is taken away.
    "run_tag": """
SELECT run_id, key, value
FROM (
    SELECT
        run.run_id, given.key, json_extract_string(given.value, '$') AS value,
        run.created_at AS said_at, false AS later
    FROM run, json_each(run.tags) AS given
    UNION ALL
    SELECT tag_change.run_id, tag_change.key, tag_change.value, tag_change.tagged_at, true
    FROM tag_change
    WHERE tag_change.run_id IN (SELECT run.run_id FROM run)
)
QUALIFY row_number() OVER (
    PARTITION BY run_id, key ORDER BY later DESC, said_at DESC, value DESC NULLS LAST
) = 1 AND value IS NOT NULL
""",
    "current_tags": """
SELECT
    run.run_id,
    CASE WHEN run.run_id IN (SELECT tag_change.run_id FROM tag_change)
        THEN '{' || coalesce(changed.pairs, '') || '}' ELSE run.tags END AS tags
FROM run
LEFT JOIN (
    SELECT
        run_tag.run_id,
        string_agg(
            to_json(run_tag.key)::VARCHAR || ':' || to_json(run_tag.value)::VARCHAR, ','
            ORDER BY run_tag.key
        ) AS pairs
    FROM run_tag
    WHERE run_tag.run_id IN (SELECT tag_change.run_id FROM tag_change)
    GROUP BY run_tag.run_id
) AS changed ON changed.run_id = run.run_id
""",
}

PROFILE = """
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
    {tags},
    run.created_at
FROM measurement AS m
JOIN layer AS l
    ON l.run_id = m.run_id AND l.stack = m.stack AND l.layer = m.layer AND l.site = m.site
JOIN run ON run.run_id = m.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
JOIN corpus ON corpus.corpus_id = run.corpus_id{more}
"""

CURVE_PROFILE = """
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
    {tags},
    run.created_at
FROM dimension_curve AS c
JOIN layer AS l
    ON l.run_id = c.run_id AND l.stack = c.stack AND l.layer = c.layer AND l.site = c.site
JOIN run ON run.run_id = c.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
JOIN corpus ON corpus.corpus_id = run.corpus_id{more}
"""

# Each with the alias of the table that it has a row for each row of.
PROFILES = (("profile", PROFILE, "m"), ("curve_profile", CURVE_PROFILE, "c"))


def upgrade() -> None:
    op.create_table(
        "tag_change",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("value", sa.String),
        sa.Column("tagged_at", sa.DateTime(timezone=True), nullable=False),
    )
    for name, definition in VIEWS.items():
        _execute(f"CREATE VIEW {name} AS {definition}")
    for name, definition, each in PROFILES:
        more = f"JOIN current_tags ON current_tags.run_id = {each}.run_id"
        columns = definition.format(tags="current_tags.tags", more=f"\n{more}")
        _execute(f"CREATE OR REPLACE VIEW {name} AS {columns}")


def downgrade() -> None:
    for name, definition, _each in PROFILES:
        columns = definition.format(tags="run.tags", more="")
        _execute(f"CREATE OR REPLACE VIEW {name} AS {columns}")
    for name in reversed(VIEWS):
        _execute(f"DROP VIEW {name}")
    op.drop_table("tag_change")


def _execute(sql: str) -> None:
    # Not op.execute, which would take what follows a colon for a parameter.
    op.get_bind().exec_driver_sql(sql)
