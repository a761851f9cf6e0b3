"""What questions have in common: names no two share, courses of training, labels for charts.

Views wherever no parameter is needed: a view shows its columns to whoever lists them, and it
still works where the store is attached beside another one. What depends on the rows of an
answer (a label names the revision only where a model has more than one of them there) is a
scalar macro, which DuckDB writes into the query before it plans it. No table macro: in an
attached store one does not find its tables, and ad-hoc SQL may call no unlisted table function.
DuckLake (of DuckDB 1.5.5) stores both views and scalar macros.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MACROS = {
    # Of a revision's name.
    "is_untrained": "(revision) AS starts_with(revision, 'random-init-')",
    # What stands before the step tells two trainings of one model apart: stage1-step1000.
    "training_course": """(revision) AS
CASE WHEN is_untrained(revision) THEN revision
    ELSE rtrim(regexp_extract(
        lower(revision), '^(.*?)(?:global_?)?(?:step|checkpoint|ckpt|iter)', 1
    ), '-_/. ') END
""",
    # The label of a line: the model, and what tells its lines apart among the rows asked for.
    "series": """(model, revision := '', corpus := '', run_id := '', kind := '', stack := '') AS
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
    # The same over the steps of training: a line is one course over one text.
    "training_series": """(display_name, course, corpus, corpus_id, kind, stack) AS
display_name
|| CASE WHEN course <> '' AND (
    min(course) OVER (PARTITION BY display_name) < max(course) OVER (PARTITION BY display_name)
    OR is_untrained(course)
) THEN ' · ' || course ELSE '' END
|| CASE WHEN min(corpus_id) OVER (PARTITION BY display_name)
    < max(corpus_id) OVER (PARTITION BY display_name)
    THEN ' · ' || corpus ELSE '' END
|| CASE WHEN min(corpus_id) OVER (PARTITION BY display_name, corpus)
    < max(corpus_id) OVER (PARTITION BY display_name, corpus)
    THEN ' ' || left(corpus_id, 8) ELSE '' END
|| CASE WHEN kind = 'encoder-decoder' THEN ' · ' || stack ELSE '' END
""",
    # Equally spaced depths, each with the layers below and above it and how far it lies between
    # them. Of whole numbers, so that a layer that lies on the grid keeps its own value.
    "depth_grid": """(intervals, n_layers) AS
list_transform(range(intervals::BIGINT + 1), lambda mark: {
    'depth': mark / intervals,
    'layer_below': mark * n_layers // intervals,
    'layer_above': (mark * n_layers + intervals - 1) // intervals,
    'part': (mark * n_layers % intervals) / intervals
})
""",
    # Of a list of {'value': …}: the first of those with the highest, or the lowest.
    "highest": """(points) AS
list_reduce(points, lambda best, point: CASE WHEN point.value > best.value THEN point ELSE best END)
""",
    "lowest": """(points) AS
list_reduce(points, lambda best, point: CASE WHEN point.value < best.value THEN point ELSE best END)
""",
    # Of two lists of numbers of equal length.
    "rms_distance": "(one, other) AS list_distance(one, other) / sqrt(len(one))",
    # Of two independent {'error': …}.
    "difference_error": """(one, other) AS
sqrt(one.error * one.error + other.error * other.error)
""",
    # '+' where a value exceeds the lowest since the last move by more than least_errors standard
    # errors of the difference, '-' where it falls so far below the highest; never twice the same.
    "next_move": """(course, point, least_errors) AS
CASE
    WHEN right(course.moves, 1) <> '+' AND point.value - course.low.value
        > least_errors * difference_error(point, course.low) THEN '+'
    WHEN right(course.moves, 1) <> '-' AND course.high.value - point.value
        > least_errors * difference_error(point, course.high) THEN '-'
    ELSE '' END
""",
    # Walks along a list of {'step': …, 'value': …, 'error': …} and notes the moves, such as '+-',
    # and where each began.
    "walk": """(points, least_errors) AS
list_reduce(
    [{'moves': '', 'turns': points[:0], 'high': point, 'low': point} for point in points],
    lambda course, next: list_transform(
        [next_move(course, next.high, least_errors)],
        lambda move: {
            'moves': course.moves || move,
            'turns': CASE move WHEN '+' THEN list_append(course.turns, course.low)
                WHEN '-' THEN list_append(course.turns, course.high) ELSE course.turns END,
            'high': CASE WHEN move = '' AND course.high.value >= next.high.value
                THEN course.high ELSE next.high END,
            'low': CASE WHEN move = '' AND course.low.value <= next.low.value
                THEN course.low ELSE next.low END
        }
    )[1]
)
""",
    # Where a course begins, turns and ends; the first move's start is no turn. Of a flat one,
    # where it is highest and lowest.
    "turns": """(points, walked) AS
list_sort(list_distinct([points[1], points[-1]] || CASE WHEN walked.moves = ''
    THEN [lowest(points), highest(points)] ELSE walked.turns[2:] END))
""",
    # How many errors a move must exceed. Bonferroni over the pairs of steps, for any two may
    # make one: the normal's tail beyond sqrt(z² + 2 ln p) is at most 1/p of that beyond z, since
    # the tail over the density falls with z.
    "least_errors": """(z, n_steps) AS
sqrt(z * z + 2 * ln(greatest(1, n_steps * (n_steps - 1) / 2)))
""",
    "until_peak": "(points) AS points[:list_position(points, highest(points))]",
    "from_peak": "(points) AS points[list_position(points, highest(points)):]",
    # Of a list of {'step': …, 'value': …, 'error': …} in the order of the steps.
    "course_shape": """(points, z) AS
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
    "course_name": """(moves) AS
CASE moves
    WHEN '' THEN 'flat'
    WHEN '+' THEN 'rises only'
    WHEN '-' THEN 'falls only'
    WHEN '+-' THEN 'two phases'
    WHEN '-+' THEN 'falls, then rises'
    WHEN '-+-' THEN 'three phases'
    WHEN '+-+' THEN 'rises, falls, rises again'
    ELSE 'open' END
""",
    # In which of their settings the runs differ; of a list of the settings of named_run.
    "unequal_settings": """(settings) AS
concat_ws(
    ', ',
    CASE WHEN len(list_distinct([s.tokens for s in settings])) > 1 THEN 'tokens' END,
    CASE WHEN len(list_distinct([s.window_size for s in settings])) > 1 THEN 'window_size' END,
    CASE WHEN len(list_distinct([s.sample_size for s in settings])) > 1 THEN 'sample_size' END,
    CASE WHEN len(list_distinct([s.seed for s in settings])) > 1 THEN 'seed' END,
    CASE WHEN len(list_distinct([s.dtype for s in settings])) > 1 THEN 'dtype' END
)
""",
}

VIEWS = {
    "display_name": """
SELECT
    model_id,
    name AS model,
    name || CASE WHEN count(*) OVER (PARTITION BY name) > 1
        THEN ' ' || left(model_id, 8) ELSE '' END AS display_name
FROM model
""",
    "named_checkpoint": """
SELECT
    c.checkpoint_id,
    c.model_id,
    display_name.display_name,
    display_name.model,
    c.revision,
    c.step,
    c.tokens_seen,
    training_course(c.revision) AS course,
    is_untrained(c.revision) AS untrained,
    first_stored.revision AS duplicate_of,
    coalesce(min(c.step) OVER same_weights < max(c.step) OVER same_weights, false)
        AS shares_weights,
    c.weights_sha256,
    c.weights_bytes
FROM checkpoint AS c
JOIN display_name ON display_name.model_id = c.model_id
LEFT JOIN checkpoint AS first_stored ON first_stored.checkpoint_id = c.duplicate_of
WINDOW same_weights AS (PARTITION BY c.model_id, c.weights_sha256)
""",
    "named_run": """
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
    {
        'tokens': run.tokens, 'window_size': run.window_size, 'sample_size': run.sample_size,
        'seed': run.seed, 'dtype': run.dtype
    } AS settings,
    latest_run.created_at
FROM latest_run
JOIN run ON run.run_id = latest_run.run_id
JOIN named_checkpoint AS c ON c.checkpoint_id = run.checkpoint_id
""",
    "named_profile": """
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
    r.created_at
FROM measurement AS m
JOIN layer AS l
    ON l.run_id = m.run_id AND l.stack = m.stack AND l.layer = m.layer AND l.site = m.site
JOIN named_run AS r ON r.run_id = m.run_id
""",
    # Everything that a question filters on is in the partition, so that DuckDB filters first.
    "training_profile": """
SELECT *
FROM named_profile
WHERE step IS NOT NULL
QUALIFY row_number() OVER (
    PARTITION BY
        model, model_id, course, untrained, corpus_id, stack, scope, metric, layer, site, step
    ORDER BY created_at DESC, run_id DESC
) = 1
""",
    "n_stack_layers": """
SELECT run_id, stack, max(layer) AS n_layers FROM layer GROUP BY run_id, stack
""",
    "latest_metric": """
SELECT * FROM metric QUALIFY row_number() OVER (PARTITION BY name ORDER BY version DESC) = 1
""",
    "failure_status": """
SELECT
    failure.*,
    EXISTS (
        SELECT 1
        FROM run
        JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
        JOIN model ON model.model_id = checkpoint.model_id
        WHERE model.name = failure.model
            AND checkpoint.revision = failure.revision
            AND run.created_at > failure.failed_at
    ) AS resolved
FROM failure
""",
}


def upgrade() -> None:
    # Not op.execute, which would take the (?:global_?) of a pattern for a parameter.
    execute = op.get_bind().exec_driver_sql
    for name, definition in MACROS.items():
        execute(f"CREATE MACRO {name}{definition}")
    for name, definition in VIEWS.items():
        execute(f"CREATE VIEW {name} AS {definition}")


def downgrade() -> None:
    for name in reversed(VIEWS):
        op.execute(f"DROP VIEW {name}")
    for name in reversed(MACROS):
        op.execute(f"DROP MACRO {name}")
