"""Runs say which configuration their model had, and courses of training are told more exactly.

The same weights under another configuration are another model; what older runs do not say stays
unknown. A course with one move is told from where that begins to where it ends, windows without a
number lend an error no certainty, and of several stages of a training the last one is last.
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

NEW_MACROS = {
    # As embstore/checkpoints/revisions.py reads it.
    "training_stage": """(revision) AS
coalesce(try_cast(regexp_extract(
    lower(revision), '(?:^|[^a-z])stage[-_]?([0-9]{1,40})', 1
) AS DOUBLE), 0)
""",
    # Larger is later. Without a step it is the finished model, of which none is later.
    "training_order": """(revision, step) AS
CASE WHEN step IS NULL THEN ['infinity'::DOUBLE]
    ELSE [training_stage(revision), step::DOUBLE] END
""",
    # Of two lists of effects. Most have no 0, which is found out in a fraction of the time.
    "windows_counted": """(one, other) AS
CASE WHEN list_contains(one, 0) AND list_contains(other, 0)
    THEN coalesce(nullif(len(list_filter(
        list_zip(one, other), lambda pair: pair[1] <> 0 OR pair[2] <> 0
    )), 0), len(one))
    ELSE len(one) END
""",
}

# Each as it was, and as it is now.
CHANGED_MACROS = {
    # Where a course begins, turns and ends. Between its ends a course with one move may go the
    # other way: that is told from where the move begins to where it ends.
    "turns": (
        """(points, walked) AS
list_sort(list_distinct([points[1], points[-1]] || CASE WHEN walked.moves = ''
    THEN [lowest(points), highest(points)] ELSE walked.turns[2:] END))
""",
        """(points, walked) AS
CASE walked.moves
    WHEN '+' THEN [walked.turns[1], walked.high]
    WHEN '-' THEN [walked.turns[1], walked.low]
    ELSE list_sort(list_distinct([points[1], points[-1]] || CASE WHEN walked.moves = ''
        THEN [lowest(points), highest(points)] ELSE walked.turns[2:] END)) END
""",
    ),
    # G / (G - 1) as 1 + 1 / (G - 1): what a macro uses twice is written into the query twice.
    "paired_error": (
        """(one, other) AS
CASE WHEN len(one) = len(other) AND len(one) > 1
    THEN sqrt(len(one) / (len(one) - 1)) * greatest(
        list_distance(one::DOUBLE[], other::DOUBLE[]),
        0.001 * sqrt(list_inner_product(one::DOUBLE[], one::DOUBLE[])
            + list_inner_product(other::DOUBLE[], other::DOUBLE[]))
    ) END
""",
        """(one, other) AS
CASE WHEN len(one) = len(other) AND len(one) > 1
    THEN sqrt(1 + 1 / nullif(windows_counted(one, other) - 1, 0)) * greatest(
        list_distance(one::DOUBLE[], other::DOUBLE[]),
        0.001 * sqrt(list_inner_product(one::DOUBLE[], one::DOUBLE[])
            + list_inner_product(other::DOUBLE[], other::DOUBLE[]))
    ) END
""",
    ),
    # The fewest windows of any step: of two steps there are no fewer.
    "errors_of_a_move": (
        """(z, points) AS
list_transform(
    [least_errors(z, len(points))],
    lambda least: coalesce(student_errors(least, len(effects_of(points[1])) - 1), least)
)[1]
""",
        """(z, points) AS
list_transform(
    [{
        'least': least_errors(z, len(points)),
        'freedom': nullif(list_min(list_transform(
            [effects_of(point) for point in points],
            lambda effects: windows_counted(effects, effects)
        )) - 1, 0)
    }],
    lambda known: coalesce(student_errors(known.least, known.freedom), known.least)
)[1]
""",
    ),
}


def upgrade() -> None:
    op.add_column("run", sa.Column("model_config", sa.String))
    op.execute(FILL)
    for name, definition in NEW_MACROS.items():
        _execute(f"CREATE MACRO {name}{definition}")
    for name, (_before, now) in CHANGED_MACROS.items():
        _execute(f"CREATE OR REPLACE MACRO {name}{now}")


def downgrade() -> None:
    for name, (before, _now) in CHANGED_MACROS.items():
        _execute(f"CREATE OR REPLACE MACRO {name}{before}")
    for name in NEW_MACROS:
        _execute(f"DROP MACRO {name}")
    op.drop_column("run", "model_config")


def _execute(sql: str) -> None:
    # Not op.execute, which would take what follows a colon for a parameter.
    op.get_bind().exec_driver_sql(sql)
