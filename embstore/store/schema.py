"""The tables, as SQLAlchemy sees them; ``migrations/`` creates the same ones.

DuckDB cannot alter a table that a foreign key refers to, and DuckLake has no
keys at all, so relationships are declared here and left out of the DDL
(``ddl_if``). Primary keys stand on the small tables only: on ``measurement``,
``spectrum`` and ``dimension_curve`` they double load time and file size.
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
)

metadata = MetaData()


def _refers(column: str, target: str) -> ForeignKeyConstraint:
    """Declare a relationship without emitting a constraint."""
    constraint = ForeignKeyConstraint([column], [target])
    constraint.ddl_if(callable_=lambda *_args, **_kwargs: False)
    return constraint


def _needed(name: str, type_: Any, **kwargs: Any) -> Column[Any]:
    return Column(name, type_, nullable=False, **kwargs)


def _key(name: str) -> Column[Any]:
    return Column(name, String, primary_key=True, nullable=False)


model = Table(
    "model",
    metadata,
    _key("model_id"),
    _needed("name", String),
    _needed("source", String),
    _needed("kind", String),
    _needed("architecture", String),
    _needed("n_layers", Integer),
    _needed("hidden_size", Integer),
    _needed("n_parameters", BigInteger),
    Column("vocab_size", Integer),
    Column("context_length", Integer),
    Column("modality", String),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    _key("checkpoint_id"),
    _needed("model_id", String),
    _needed("revision", String),
    Column("step", BigInteger),
    Column("tokens_seen", BigInteger),
    _needed("weights_sha256", String),
    _needed("weights_bytes", BigInteger),
    # Of the checkpoint of the same model that was stored before with the same weights.
    Column("duplicate_of", String),
    _refers("model_id", "model.model_id"),
)

corpus = Table(
    "corpus",
    metadata,
    _key("corpus_id"),
    _needed("name", String),
    _needed("source", String),
    _needed("sha256", String),
    _needed("n_documents", BigInteger),
    _needed("n_chars", BigInteger),
    _needed("n_bytes", BigInteger),
)

run = Table(
    "run",
    metadata,
    _key("run_id"),
    _needed("configuration_id", String),
    _needed("repeat", Integer),
    _needed("checkpoint_id", String),
    _needed("corpus_id", String),
    # Configuration: decides the numbers.
    _needed("tokens", BigInteger),
    _needed("window_size", Integer),
    _needed("n_windows", Integer),
    _needed("sample_size", Integer),
    _needed("seed", BigInteger),
    _needed("dtype", String),
    _needed("sink_threshold", Double),
    _needed("n_special_tokens", Integer),
    _needed("tokenizer_sha256", String),
    _needed("token_ids_sha256", String),
    _needed("metric_versions", String),
    # Provenance: tells how they were made.
    _needed("created_at", DateTime(timezone=True)),
    _needed("embstore_version", String),
    Column("git_commit", String),
    Column("git_dirty", Boolean),
    _needed("python_version", String),
    _needed("torch_version", String),
    _needed("transformers_version", String),
    _needed("duckdb_version", String),
    _needed("numpy_version", String),
    _needed("device", String),
    _needed("attention", String),
    _needed("accumulation_dtype", String),
    _needed("batch_size", Integer),
    _needed("wall_seconds", Double),
    _needed("forward_seconds", Double),
    _needed("geometry_seconds", Double),
    _needed("peak_memory_bytes", BigInteger),
    _needed("tags", String),
    # Added later, so at the end and nullable: DuckDB adds no other columns.
    Column("scopes", String),
    Column("linear", String),
    Column("study", String),
    Column("study_sha256", String),
    Column("intervals", Boolean),
    Column("windows", String),
    Column("shuffle", String),
    Column("model_config", String),
    _refers("checkpoint_id", "checkpoint.checkpoint_id"),
    _refers("corpus_id", "corpus.corpus_id"),
)

layer = Table(
    "layer",
    metadata,
    _needed("run_id", String),
    _needed("stack", String),
    _needed("layer", Integer),
    _needed("site", String),
    _needed("depth", Double),
    _needed("hidden_size", Integer),
    _needed("n_tokens", BigInteger),
    _needed("n_first", BigInteger),
    _needed("n_sinks", BigInteger),
    _needed("n_sample", BigInteger),
    _needed("n_duplicates", BigInteger),
    _needed("n_zero", BigInteger),
    Column("neighbor_method", String),
    Column("neighbor_recall", Double),
    _refers("run_id", "run.run_id"),
)

metric = Table(
    "metric",
    metadata,
    Column("name", String, primary_key=True, nullable=False),
    Column("version", Integer, primary_key=True, nullable=False, autoincrement=False),
    _needed("title", String),
    _needed("symbol", String),
    _needed("formula", String),
    _needed("unit", String),
    _needed("lower", String),
    _needed("upper", String),
    _needed("citation", String),
    Column("uncertainty", String),
)

measurement = Table(
    "measurement",
    metadata,
    _needed("run_id", String),
    _needed("stack", String),
    _needed("layer", Integer),
    _needed("site", String),
    _needed("scope", String),
    _needed("metric", String),
    Column("value", Double),
    Column("std_error", Double),
    Column("ci_low", Double),
    Column("ci_high", Double),
    _needed("n", BigInteger),
    Column("reason", String),
    Column("window_effects", ARRAY(REAL)),
    _refers("run_id", "run.run_id"),
)

spectrum = Table(
    "spectrum",
    metadata,
    _needed("run_id", String),
    _needed("stack", String),
    _needed("layer", Integer),
    _needed("site", String),
    _needed("scope", String),
    _needed("eigenvalues", ARRAY(Double)),
    _needed("trace", Double),
    _needed("n", BigInteger),
    _refers("run_id", "run.run_id"),
)

massive_activation = Table(
    "massive_activation",
    metadata,
    _needed("run_id", String),
    _needed("stack", String),
    _needed("layer", Integer),
    _needed("site", String),
    _needed("rank", Integer),
    _needed("window_index", Integer),
    _needed("position", Integer),
    _needed("token_id", BigInteger),
    Column("token", String),
    _needed("coordinate", Integer),
    _needed("value", Double),
    _refers("run_id", "run.run_id"),
)

dimension_curve = Table(
    "dimension_curve",
    metadata,
    _needed("run_id", String),
    _needed("stack", String),
    _needed("layer", Integer),
    _needed("site", String),
    _needed("scope", String),
    _needed("rank", Integer),
    Column("dimension", Double),
    Column("std_error", Double),
    Column("ci_low", Double),
    Column("ci_high", Double),
    Column("mean_distance", Double),
    _needed("n", BigInteger),
    Column("window_effects", ARRAY(REAL)),
    _refers("run_id", "run.run_id"),
)

# One row for each two layers of a stack, apart by one or more.
angular_distance = Table(
    "angular_distance",
    metadata,
    _needed("run_id", String),
    _needed("stack", String),
    _needed("layer", Integer),
    _needed("site", String),
    _needed("other_layer", Integer),
    _needed("scope", String),
    Column("distance", Double),
    Column("std_error", Double),
    Column("ci_low", Double),
    Column("ci_high", Double),
    _needed("n", BigInteger),
    _refers("run_id", "run.run_id"),
)

failure = Table(
    "failure",
    metadata,
    _needed("model", String),
    _needed("revision", String),
    _needed("stage", String),
    _needed("reason", String),
    _needed("corpus", String),
    _needed("failed_at", DateTime(timezone=True)),
    _needed("embstore_version", String),
    Column("study", String),
)

# What was said of a run's tags after it was measured: the last row of a key counts, and one
# without a value takes the tag away.
tag_change = Table(
    "tag_change",
    metadata,
    _needed("run_id", String),
    _needed("key", String),
    Column("value", String),
    _needed("tagged_at", DateTime(timezone=True)),
    _refers("run_id", "run.run_id"),
)

# Which numbers of a run were not measured but computed later, from its spectra.
derivation = Table(
    "derivation",
    metadata,
    _needed("run_id", String),
    _needed("metric", String),
    _needed("version", Integer),
    _needed("derived_at", DateTime(timezone=True)),
    _needed("embstore_version", String),
    _refers("run_id", "run.run_id"),
)

# What evaluations elsewhere say of models, named as they do; of models that are not stored, too.
score = Table(
    "score",
    metadata,
    _needed("model", String),
    Column("revision", String),
    Column("step", BigInteger),
    _needed("name", String),
    _needed("value", Double),
    Column("std_error", Double),
    _needed("source", String),
    Column("scored_at", DateTime(timezone=True)),
    _needed("imported_at", DateTime(timezone=True)),
    _needed("embstore_version", String),
)
