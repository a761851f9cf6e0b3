"""Texts fed one by one, and text that is shuffled as a control, with a view of its own.

Runs of shuffled text are in no view that has runs of the text as it is, but for ``profile`` and
``curve_profile``, which have every run: there columns say what a run read.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COLUMNS = ("windows", "shuffle")

NEW_MACROS = {
    # Of text that is not shuffled nothing.
    "shuffle_in_words": """(shuffle) AS
CASE
    WHEN shuffle = 'none' OR shuffle IS NULL THEN ''
    WHEN contains(shuffle, ':') THEN 'blocks of ' || split_part(shuffle, ':', 2) || ' '
        || split_part(shuffle, ':', 1) || ' shuffled'
    ELSE shuffle || ' shuffled' END
""",
}

# Each as it was, and as it is now.
CHANGED_MACROS = {
    "series": (
        """(model, revision := '', corpus := '', run_id := '', kind := '', stack := '') AS
model
|| CASE WHEN min(revision) OVER (PARTITION BY model) < max(revision) OVER (PARTITION BY model)
    THEN '@' || revision ELSE '' END
|| CASE WHEN min(corpus) OVER (PARTITION BY model) < max(corpus) OVER (PARTITION BY model)
    THEN ' · ' || corpus ELSE '' END
|| CASE WHEN min(run_id) OVER (PARTITION BY model, revision, corpus)
    < max(run_id) OVER (PARTITION BY model, revision, corpus)
    THEN ' · run ' || left(run_id, 8) ELSE '' END
|| CASE WHEN kind = 'encoder-decoder' THEN ' · ' || stack ELSE '' END
""",
        """(
    model, revision := '', corpus := '', run_id := '', kind := '', stack := '',
    shuffle := 'none'
) AS
model
|| CASE WHEN min(revision) OVER (PARTITION BY model) < max(revision) OVER (PARTITION BY model)
    THEN '@' || revision ELSE '' END
|| CASE WHEN min(corpus) OVER (PARTITION BY model) < max(corpus) OVER (PARTITION BY model)
    THEN ' · ' || corpus ELSE '' END
|| CASE WHEN shuffle <> 'none' THEN ' · ' || shuffle_in_words(shuffle) ELSE '' END
|| CASE WHEN min(run_id) OVER (PARTITION BY model, revision, corpus, shuffle)
    < max(run_id) OVER (PARTITION BY model, revision, corpus, shuffle)
    THEN ' · run ' || left(run_id, 8) ELSE '' END
|| CASE WHEN kind = 'encoder-decoder' THEN ' · ' || stack ELSE '' END
""",
    ),
    "unequal_settings": (
        """(settings) AS
concat_ws(
    ', ',
    CASE WHEN len(list_distinct([s.tokens for s in settings])) > 1 THEN 'tokens' END,
    CASE WHEN len(list_distinct([s.window_size for s in settings])) > 1 THEN 'window_size' END,
    CASE WHEN len(list_distinct([s.sample_size for s in settings])) > 1 THEN 'sample_size' END,
    CASE WHEN len(list_distinct([s.seed for s in settings])) > 1 THEN 'seed' END,
    CASE WHEN len(list_distinct([s.dtype for s in settings])) > 1 THEN 'dtype' END
)
""",
        """(settings) AS
concat_ws(
    ', ',
    CASE WHEN len(list_distinct([s.tokens for s in settings])) > 1 THEN 'tokens' END,
    CASE WHEN len(list_distinct([s.window_size for s in settings])) > 1 THEN 'window_size' END,
    CASE WHEN len(list_distinct([s.windows for s in settings])) > 1 THEN 'windows' END,
    CASE WHEN len(list_distinct([s.sample_size for s in settings])) > 1 THEN 'sample_size' END,
    CASE WHEN len(list_distinct([s.seed for s in settings])) > 1 THEN 'seed' END,
    CASE WHEN len(list_distinct([s.dtype for s in settings])) > 1 THEN 'dtype' END
)
""",
    ),
}

LATEST_RUN = """
SELECT
    run.run_id,
    model.name AS model,
    model.kind,
    checkpoint.revision,
    checkpoint.step,
    checkpoint.tokens_seen,
    corpus.name AS corpus,
    run.corpus_id,
    run.configuration_id,
    run.repeat,
    run.created_at
FROM run
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
JOIN corpus ON corpus.corpus_id = run.corpus_id
{which}QUALIFY row_number() OVER (
    PARTITION BY run.checkpoint_id, run.corpus_id
    ORDER BY run.created_at DESC, run.run_id DESC
) = 1
"""

LATEST_CONTROL = """
SELECT
    run.run_id,
    model.name AS model,
    model.kind,
    checkpoint.revision,
    checkpoint.step,
    checkpoint.tokens_seen,
    corpus.name AS corpus,
    run.corpus_id,
    run.configuration_id,
    run.repeat,
    run.created_at,
    run.shuffle
FROM run
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
JOIN corpus ON corpus.corpus_id = run.corpus_id
WHERE run.shuffle <> 'none'
QUALIFY row_number() OVER (
    PARTITION BY run.checkpoint_id, run.corpus_id, run.shuffle
    ORDER BY run.created_at DESC, run.run_id DESC
) = 1
"""

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
    current_tags.tags,
    run.created_at{more}
FROM measurement AS m
JOIN layer AS l
    ON l.run_id = m.run_id AND l.stack = m.stack AND l.layer = m.layer AND l.site = m.site
JOIN run ON run.run_id = m.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
JOIN corpus ON corpus.corpus_id = run.corpus_id
JOIN current_tags ON current_tags.run_id = m.run_id
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
    current_tags.tags,
    run.created_at{more}
FROM dimension_curve AS c
JOIN layer AS l
    ON l.run_id = c.run_id AND l.stack = c.stack AND l.layer = c.layer AND l.site = c.site
JOIN run ON run.run_id = c.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
JOIN corpus ON corpus.corpus_id = run.corpus_id
JOIN current_tags ON current_tags.run_id = c.run_id
"""

PROFILE_LATEST = """
SELECT * FROM profile WHERE run_id IN (SELECT run_id FROM latest_run)
"""

NAMED_RUN = """
SELECT
    latest_run.run_id,
    c.checkpoint_id,
    c.model_id,
    c.display_name,
    latest_run.model,
    latest_run.kind,
    latest_run.revision,
    latest_run.step,
    latest_run.tokens_seen,
    c.course,
    c.untrained,
    c.duplicate_of,
    c.shares_weights,
    latest_run.corpus,
    latest_run.corpus_id,
    {{
        'tokens': run.tokens, 'window_size': run.window_size, 'sample_size': run.sample_size,
        'seed': run.seed, 'dtype': run.dtype{more}
    }} AS settings,
    latest_run.created_at,
    run.token_ids_sha256
FROM latest_run
JOIN run ON run.run_id = latest_run.run_id
JOIN named_checkpoint AS c ON c.checkpoint_id = run.checkpoint_id
"""

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

AS_IT_IS = "WHERE coalesce(run.shuffle, 'none') = 'none'\n"
_COLUMNS = """,
    coalesce(run.windows, 'tokens') AS windows,
    coalesce(run.shuffle, 'none') AS shuffle"""

# In the order in which one is made of the other, each with what this migration adds to it.
VIEWS = (
    ("latest_run", LATEST_RUN, {"which": AS_IT_IS}),
    ("profile", PROFILE, {"more": _COLUMNS}),
    ("curve_profile", CURVE_PROFILE, {"more": _COLUMNS}),
    ("profile_latest", PROFILE_LATEST, {}),
    ("named_run", NAMED_RUN, {"more": ",\n        'windows': coalesce(run.windows, 'tokens')"}),
    ("named_profile", NAMED_PROFILE, {}),
    ("training_profile", TRAINING_PROFILE, {}),
)


def upgrade() -> None:
    # Migration 0016 fills them.
    for name in COLUMNS:
        op.add_column("run", sa.Column(name, sa.String))
    for name, definition in NEW_MACROS.items():
        _execute(f"CREATE MACRO {name}{definition}")
    for name, (_before, now) in CHANGED_MACROS.items():
        _execute(f"CREATE OR REPLACE MACRO {name}{now}")
    for name, definition, added in VIEWS:
        _execute(f"CREATE OR REPLACE VIEW {name} AS {definition.format(**added)}")
    _execute(f"CREATE VIEW latest_control AS {LATEST_CONTROL}")


def downgrade() -> None:
    _execute("DROP VIEW latest_control")
    for name, definition, added in VIEWS:
        without = dict.fromkeys(added, "")
        _execute(f"CREATE OR REPLACE VIEW {name} AS {definition.format(**without)}")
    for name, (before, _now) in CHANGED_MACROS.items():
        _execute(f"CREATE OR REPLACE MACRO {name}{before}")
    for name in NEW_MACROS:
        _execute(f"DROP MACRO {name}")
    for name in COLUMNS:
        op.drop_column("run", name)


def _execute(sql: str) -> None:
    # Not op.execute, which would take what follows a colon for a parameter.
    op.get_bind().exec_driver_sql(sql)
