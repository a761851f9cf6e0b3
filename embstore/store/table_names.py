"""The names of the tables, sorted by what they hold; known without importing SQLAlchemy."""

# What runs share, and what is said of them: small.
FACTS = (
    *("model", "checkpoint", "corpus", "run", "metric", "failure", "tag_change", "derivation"),
    "score",
)
# The numbers of runs: many rows, and nothing that two runs share.
NUMBERS = (
    *("layer", "measurement", "spectrum", "massive_activation", "dimension_curve"),
    "angular_distance",
)

# Which facts are left without a run, in an order in which each follows from the one before.
ORPHANS = {
    "tag_change": "run_id NOT IN (SELECT run_id FROM run)",
    "derivation": "run_id NOT IN (SELECT run_id FROM run)",
    "checkpoint": "checkpoint_id NOT IN (SELECT checkpoint_id FROM run)",
    "model": "model_id NOT IN (SELECT model_id FROM checkpoint)",
    "corpus": "corpus_id NOT IN (SELECT corpus_id FROM run)",
    "metric": "(name, version) NOT IN (SELECT (measured.key, CAST(measured.value AS INTEGER)) "
    "FROM (SELECT metric_versions FROM run WHERE json_valid(metric_versions)) AS asked, "
    "json_each(asked.metric_versions) AS measured) "
    "AND (name, version) NOT IN (SELECT (metric, version) FROM derivation)",
}
