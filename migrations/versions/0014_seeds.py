"""Models told to be seeds of one another are one series, with a band over the seeds."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# What a question says of the runs behind one row: of one run alone, or of the seeds of a group at
# one layer and step, whose values are given as a list.
MACROS = {
    "agreed": """(found) AS CASE WHEN len(list_distinct(found)) = 1 THEN list_max(found) END
""",
    "seed_low": """(seeds, seed_values) AS
CASE WHEN list_count(seed_values) < 2 THEN NULL
    WHEN seeds = 'quartiles' THEN list_aggregate(seed_values, 'quantile_cont', 0.25)
    ELSE list_min(seed_values) END
""",
    "seed_high": """(seeds, seed_values) AS
CASE WHEN list_count(seed_values) < 2 THEN NULL
    WHEN seeds = 'quartiles' THEN list_aggregate(seed_values, 'quantile_cont', 0.75)
    ELSE list_max(seed_values) END
""",
    # What the line of a group, or of a run alone, has where several runs are one row.
    "seed_line": """(band, value, ci_low, ci_high, std_error, run_id) AS {
    'value': median(value),
    'ci_low': min(ci_low) FILTER (band IS NULL),
    'ci_high': min(ci_high) FILTER (band IS NULL),
    'std_error': min(std_error) FILTER (band IS NULL),
    'seed_values': list(value) FILTER (band IS NOT NULL),
    'run_ids': list(run_id ORDER BY run_id) FILTER (band IS NOT NULL)
}
""",
    "seeds_in_words": """(band, n_seeds) AS
CASE WHEN band IS NULL THEN ''
    ELSE ' · ' || n_seeds || CASE WHEN n_seeds = 1 THEN ' seed' ELSE ' seeds' END END
""",
    # Of a group of which one model alone was asked for there is no band.
    "shown_band": """(seeds, band, model_id) AS
CASE WHEN seeds <> 'single'
    AND min(model_id) OVER (PARTITION BY band) < max(model_id) OVER (PARTITION BY band)
    THEN band END
""",
    "is_chosen": """(models, model, seed_group) AS
models IS NULL OR list_contains(models, model)
    OR coalesce(list_contains(models, seed_group), false)
""",
}

# As it was, and as it is now: the trained weights may stand beside a control under the name of
# their group.
SERIES = """(
    model, revision := '', corpus := '', run_id := '', kind := '', stack := '',
    shuffle := 'none'
) AS
model
|| CASE WHEN min(revision) OVER (PARTITION BY model) < max(revision) OVER (PARTITION BY model){more}
    THEN '@' || revision ELSE '' END
|| CASE WHEN min(corpus) OVER (PARTITION BY model) < max(corpus) OVER (PARTITION BY model)
    THEN ' · ' || corpus ELSE '' END
|| CASE WHEN shuffle <> 'none' THEN ' · ' || shuffle_in_words(shuffle) ELSE '' END
|| CASE WHEN min(run_id) OVER (PARTITION BY model, revision, corpus, shuffle)
    < max(run_id) OVER (PARTITION BY model, revision, corpus, shuffle)
    THEN ' · run ' || left(run_id, 8) ELSE '' END
|| CASE WHEN kind = 'encoder-decoder' THEN ' · ' || stack ELSE '' END
"""
_CONTROL = "\n    OR is_untrained(revision)"

# The tag of any of its runs says it, and what was said last counts. Few runs have it.
MODEL_GROUP = """
SELECT checkpoint.model_id, said.seed_group
FROM (
    SELECT
        run.run_id, json_extract_string(run.tags, '$.seed_group') AS seed_group,
        run.created_at AS said_at, false AS later
    FROM run
    WHERE contains(run.tags, '"seed_group"')
        AND run.run_id NOT IN (
            SELECT changed.run_id FROM tag_change AS changed WHERE changed.key = 'seed_group'
        )
    UNION ALL
    SELECT tag_change.run_id, tag_change.value, tag_change.tagged_at, true
    FROM tag_change
    WHERE tag_change.key = 'seed_group'
) AS said
JOIN run ON run.run_id = said.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
WHERE said.later OR said.seed_group IS NOT NULL
QUALIFY row_number() OVER (
    PARTITION BY checkpoint.model_id
    ORDER BY said.said_at DESC, said.later DESC, said.seed_group DESC NULLS LAST
) = 1 AND said.seed_group IS NOT NULL
"""

# A band holds what is alike: at each moment of training most of a group's models, and of equally
# many those measured last. Random weights are no seed of a training.
SEED_RUN = """
WITH of_groups AS (
    SELECT
        run.run_id, checkpoint.model_id, run.created_at, checkpoint.revision,
        {
            'seed_group': model_group.seed_group,
            'corpus_id': run.corpus_id,
            'shuffle': coalesce(run.shuffle, 'none'),
            'course': training_course(checkpoint.revision)
        } AS band,
        coalesce('step ' || checkpoint.step, checkpoint.revision) AS moment,
        {
            'kind': model.kind, 'architecture': model.architecture, 'n_layers': model.n_layers,
            'hidden_size': model.hidden_size, 'tokens': run.tokens,
            'window_size': run.window_size, 'windows': coalesce(run.windows, 'tokens'),
            'sample_size': run.sample_size, 'seed': run.seed, 'dtype': run.dtype,
            'token_ids': run.token_ids_sha256
        } AS settings
    FROM run
    JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
    JOIN model ON model.model_id = checkpoint.model_id
    JOIN model_group ON model_group.model_id = checkpoint.model_id
    WHERE NOT is_untrained(checkpoint.revision)
        AND (run.run_id IN (SELECT latest_run.run_id FROM latest_run)
            OR run.run_id IN (SELECT latest_control.run_id FROM latest_control))
    QUALIFY row_number() OVER (
        PARTITION BY band, moment, checkpoint.model_id
        ORDER BY run.created_at DESC, run.run_id DESC
    ) = 1
),
counted AS (
    SELECT *, count(*) OVER (PARTITION BY band, moment, settings) AS n_alike FROM of_groups
),
compared AS (
    SELECT
        *,
        first_value(settings) OVER (
            PARTITION BY band, moment ORDER BY n_alike DESC, created_at DESC, run_id DESC
        ) AS usual,
        max(n_alike) OVER (PARTITION BY band) AS most,
        min(revision) OVER (PARTITION BY band, moment, settings) AS band_revision
    FROM counted
)
SELECT
    run.run_id,
    checkpoint.model_id,
    model_group.seed_group,
    CASE WHEN compared.settings = compared.usual AND compared.most > 1 THEN compared.band END
        AS band,
    compared.band_revision,
    CASE WHEN compared.settings <> compared.usual THEN concat_ws(
        ', ',
        CASE WHEN compared.settings.kind <> compared.usual.kind THEN 'kind' END,
        CASE WHEN compared.settings.architecture <> compared.usual.architecture
            THEN 'architecture' END,
        CASE WHEN compared.settings.n_layers <> compared.usual.n_layers THEN 'n_layers' END,
        CASE WHEN compared.settings.hidden_size <> compared.usual.hidden_size
            THEN 'hidden_size' END,
        nullif(unequal_settings([{
            'tokens': compared.settings.tokens, 'window_size': compared.settings.window_size,
            'windows': compared.settings.windows, 'sample_size': compared.settings.sample_size,
            'seed': compared.settings.seed, 'dtype': compared.settings.dtype
        }, {
            'tokens': compared.usual.tokens, 'window_size': compared.usual.window_size,
            'windows': compared.usual.windows, 'sample_size': compared.usual.sample_size,
            'seed': compared.usual.seed, 'dtype': compared.usual.dtype
        }]), ''),
        CASE WHEN compared.settings.token_ids <> compared.usual.token_ids
            THEN 'the tokens that were read' END
    ) END AS differs
FROM run
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model_group ON model_group.model_id = checkpoint.model_id
LEFT JOIN compared ON compared.run_id = run.run_id
"""

SEED_PROFILE = """
SELECT
    profile.*, seed_run.model_id, seed_run.seed_group, seed_run.band, seed_run.band_revision
FROM profile
LEFT JOIN seed_run ON seed_run.run_id = profile.run_id
"""

VIEWS = {"model_group": MODEL_GROUP, "seed_run": SEED_RUN, "seed_profile": SEED_PROFILE}


def upgrade() -> None:
    for name, definition in MACROS.items():
        _execute(f"CREATE MACRO {name}{definition}")
    _execute(f"CREATE OR REPLACE MACRO series{SERIES.format(more=_CONTROL)}")
    for name, definition in VIEWS.items():
        _execute(f"CREATE VIEW {name} AS {definition}")


def downgrade() -> None:
    for name in reversed(VIEWS):
        _execute(f"DROP VIEW {name}")
    _execute(f"CREATE OR REPLACE MACRO series{SERIES.format(more='')}")
    for name in MACROS:
        _execute(f"DROP MACRO {name}")


def _execute(sql: str) -> None:
    # Not op.execute, which would take what follows a colon for a parameter.
    op.get_bind().exec_driver_sql(sql)
