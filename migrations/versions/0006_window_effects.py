"""Differences between runs over the same tokens: how much each window moves each number.

Views whose columns grow are made anew, and so are those that show all columns of one: DuckDB
keeps the list that it had. Macros find one another by name when they are used, so only those
that change are replaced.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Nullable, since DuckDB adds no other columns: runs stored before have none.
TABLES = ("measurement", "dimension_curve")

MACROS = {
    # Of two lists of effects, by window. They sum to 0, so their differences need no centring.
    # Below a thousandth of the error of independent runs it is rounding that makes two differ.
    "paired_error": """(one, other) AS
CASE WHEN len(one) = len(other) AND len(one) > 1
    THEN sqrt(len(one) / (len(one) - 1)) * greatest(
        list_distance(one::DOUBLE[], other::DOUBLE[]),
        0.001 * sqrt(list_inner_product(one::DOUBLE[], one::DOUBLE[])
            + list_inner_product(other::DOUBLE[], other::DOUBLE[]))
    ) END
""",
    # As far out in the tails of Student's t as that many errors are in the normal's: by the
    # approximation of Wallace (1959), which is at most 4 % too large from 7 degrees of freedom on.
    "student_errors": """(errors, freedom) AS
sqrt(freedom * (exp((errors * (8 * freedom + 3) / (8 * freedom + 1)) ** 2 / freedom) - 1))
""",
    # Place by place, of lists of equal length; NULL where one of them is.
    "mean_list": """(lists) AS
CASE WHEN list_count(lists) = len(lists)
    THEN [list_avg([numbers[place] for numbers in lists]) for place in range(1, len(lists[1]) + 1)]
END
""",
    # Points with their effects where all have as many and read the same tokens, else without.
    "paired_points": """(points) AS
CASE WHEN len(list_distinct([point.token_ids for point in points])) = 1
    AND list_count([point.effects for point in points]) = len(points)
    AND len(list_distinct([len(point.effects) for point in points])) = 1
    THEN points
    ELSE [struct_update(point, effects := NULL::DOUBLE[]) for point in points]
END
""",
    # Of a point, which need not have any.
    "effects_of": "(point) AS (point::STRUCT(error DOUBLE, effects DOUBLE[])).effects",
    # How many errors a move must exceed, of points that all have effects, or none of them.
    "errors_of_a_move": """(z, points) AS
list_transform(
    [least_errors(z, len(points))],
    lambda least: coalesce(student_errors(least, len(effects_of(points[1])) - 1), least)
)[1]
""",
}

# Of migration 0005, replaced: what they were, and what they are now. Lambdas bind what a macro
# uses more than once: DuckDB would write it into the query as often, and plan that for long.
CHANGED_MACROS = {
    "difference_error": (
        """(one, other) AS
sqrt(one.error * one.error + other.error * other.error)
""",
        """(one, other) AS
coalesce(
    list_transform(
        [{'one': effects_of(one), 'other': effects_of(other)}],
        lambda effects: paired_error(effects.one, effects.other)
    )[1],
    sqrt(one.error * one.error + other.error * other.error)
)
""",
    ),
    "course_shape": (
        """(points, z) AS
{
    'n_steps': len(points),
    'least_errors': least_errors(z, len(points)),
    'moves': walk(points, least_errors(z, len(points))).moves,
    'first_step': points[1].step,
    'peak_step': highest(points).step,
    'last_step': points[-1].step,
    'first_value': points[1].value,
    'peak_value': highest(points).value,
    'last_value': points[-1].value,
    'rise': highest(points).value - lowest(until_peak(points)).value,
    'rise_error': difference_error(highest(points), lowest(until_peak(points))),
    'fall': highest(points).value - lowest(from_peak(points)).value,
    'fall_error': difference_error(highest(points), lowest(from_peak(points))),
    'share_down': list_avg([
        CASE WHEN from_peak(points)[i].value < from_peak(points)[i - 1].value THEN 1.0 ELSE 0.0 END
        for i in range(2, len(from_peak(points)) + 1)
    ]),
    'turn_steps': [
        turn.step for turn in turns(points, walk(points, least_errors(z, len(points))))
    ],
    'turn_values': [
        turn.value for turn in turns(points, walk(points, least_errors(z, len(points))))
    ]
}
""",
        """(points, z) AS
list_transform(
    [{'errors': errors_of_a_move(z, points), 'high': highest(points)}],
    lambda found: list_transform(
        [walk(points, found.errors)],
        lambda walked: {
            'n_steps': len(points),
            'least_errors': found.errors,
            'moves': walked.moves,
            'first_step': points[1].step,
            'peak_step': found.high.step,
            'last_step': points[-1].step,
            'first_value': points[1].value,
            'peak_value': found.high.value,
            'last_value': points[-1].value,
            'rise': found.high.value - lowest(until_peak(points)).value,
            'rise_error': difference_error(found.high, lowest(until_peak(points))),
            'fall': found.high.value - lowest(from_peak(points)).value,
            'fall_error': difference_error(found.high, lowest(from_peak(points))),
            'share_down': list_avg([
                CASE WHEN pair[2] < pair[1] THEN 1.0 ELSE 0.0 END
                for pair in list_zip(
                    [point.value for point in from_peak(points)],
                    [point.value for point in from_peak(points)][2:], true
                )
            ]),
            'turn_steps': [turn.step for turn in turns(points, walked)],
            'turn_values': [turn.value for turn in turns(points, walked)]
        }
    )[1]
)[1]
""",
    ),
}

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
        'seed': run.seed, 'dtype': run.dtype
    }} AS settings,
    latest_run.created_at{more}
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
    r.created_at{more}
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

# Each with what this migration adds to it.
VIEWS = (
    ("named_run", NAMED_RUN, ",\n    run.token_ids_sha256"),
    ("named_profile", NAMED_PROFILE, ",\n    r.token_ids_sha256,\n    m.window_effects"),
    ("training_profile", TRAINING_PROFILE, ""),
)


def upgrade() -> None:
    # Not op.execute, which would take what follows a colon for a parameter.
    execute = op.get_bind().exec_driver_sql
    for table in TABLES:
        op.add_column(table, sa.Column("window_effects", sa.ARRAY(sa.Float)))
    for name, definition in MACROS.items():
        execute(f"CREATE MACRO {name}{definition}")
    for name, (_before, now) in CHANGED_MACROS.items():
        execute(f"CREATE OR REPLACE MACRO {name}{now}")
    _replace_views(grown=True)


def downgrade() -> None:
    _replace_views(grown=False)
    for name, (before, _now) in CHANGED_MACROS.items():
        op.execute(f"CREATE OR REPLACE MACRO {name}{before}")
    for name in reversed(MACROS):
        op.execute(f"DROP MACRO {name}")
    for table in TABLES:
        op.drop_column(table, "window_effects")


def _replace_views(*, grown: bool) -> None:
    for name, _definition, _more in reversed(VIEWS):
        op.execute(f"DROP VIEW {name}")
    for name, definition, more in VIEWS:
        columns = definition.format(more=more if grown else "")
        op.get_bind().exec_driver_sql(f"CREATE VIEW {name} AS {columns}")
