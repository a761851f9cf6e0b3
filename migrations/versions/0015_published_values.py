"""Numbers from the literature, to lay beside a store's own: a view that has them.

A later list takes the place of this one in a migration of its own, so that a store says which
numbers it was compared with.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# Of the last tokens of texts, by layer from 1; at the last layer after the final norm.
_LAST_TOKENS = (
    "arXiv:2602.04081",
    "the authors' llm_audio_ids.json (github.com/chengemily1/brain-id-abstract)",
    "last tokens of five times 10,000 passages of 20 words of The Pile, weights in 8 bits",
    "last",
    "documents",
    None,
)
_ONE_MORE = " (of components one more than published, which is how many stay below 99 %)"


def _largest(marker: bool, tokens: str = "4,096") -> tuple[object, ...]:
    """Describe the outputs of blocks, by layer."""
    return (
        "arXiv:2503.22329",
        "the authors' check_has_massive_activations.txt "
        "(github.com/bluorion-com/refine_massive_activations)",
        f"mean over 10 sequences of RedPajama, {tokens} tokens each, of the largest |x|; "
        f"{'with a' if marker else 'no'} first-token marker",
        "all",
        "tokens",
        marker,
    )


# Source, where there, how measured, scope, windows, whether the first token is a marker; model,
# its blocks and dimensions, step, metric, first layer, values.
PUBLISHED: tuple[tuple[object, ...], ...] = (
    (*_LAST_TOKENS, "EleutherAI/pythia-160m", 12, 768, 143000, "participation_ratio", 1,
     (75.031, 84.639, 27.323, 4.006, 3.630, 3.841, 4.115, 4.906, 7.127, 15.889, 28.882, 120.566)),
    (*_LAST_TOKENS[:2], f"{_LAST_TOKENS[2]}{_ONE_MORE}", *_LAST_TOKENS[3:],
     "EleutherAI/pythia-160m", 12, 768, 143000, "pca_dim_99", 1,
     (694.2, 716.2, 706.8, 671.8, 671.8, 673.8, 679.0, 679.8, 681.2, 686.6, 707.0, 728.2)),
    (*_LAST_TOKENS, "EleutherAI/pythia-410m", 24, 1024, 143000, "participation_ratio", 1,
     (65.569, 63.234, 58.227, 123.413, 165.711, 201.657, 228.885, 230.298, 203.618, 197.284,
      193.822, 159.809, 148.911, 89.257, 124.398, 155.874, 129.259, 99.981, 76.336, 38.168, 25.663,
      19.340, 35.042, 62.517)),
    (*_LAST_TOKENS, "facebook/opt-125m", 12, 768, None, "participation_ratio", 1,
     (38.559, 55.092, 78.493, 97.093, 125.860, 151.353, 170.556, 174.965, 171.994, 140.168, 107.432,
      94.993)),
    (*_largest(False, "1,024"), "openai-community/gpt2", 12, 768, None, "largest_activation", 3,
     (2480, 2656, 2800, 2896, 2960, 2992, 3008, 3024)),
    (*_largest(True, "1,024"), "openai-community/gpt2", 12, 768, None, "largest_activation", 3,
     (2480, 2672, 2816, 2912, 2976, 3008, 3024, 3040)),
    (*_largest(False), "meta-llama/Llama-2-7b-hf", 32, 4096, None, "largest_activation", 2,
     (2496,) * 3 + (2512,) * 25 + (2464,)),
    (*_largest(True), "meta-llama/Llama-2-7b-hf", 32, 4096, None, "largest_activation", 2,
     (2400,) * 3 + (2416,) * 25 + (2368,)),
    (*_largest(False), "mistralai/Mistral-7B-v0.3", 32, 4096, None, "largest_activation", 2,
     (324,) * 17 + (322,) + (326,) * 9 + (324, 322)),
    (*_largest(True), "mistralai/Mistral-7B-v0.3", 32, 4096, None, "largest_activation", 2,
     (274,) * 8 + (278,) * 5 + (290,) * 5 + (294,) * 8 + (292,) * 2 + (288,)),
    (*_largest(False), "meta-llama/Llama-3.2-1B", 16, 2048, None, "largest_activation", 2,
     (384,) * 13 + (382,)),
    (*_largest(True), "meta-llama/Llama-3.2-1B", 16, 2048, None, "largest_activation", 2,
     (217,) * 13),
    (*_largest(True), "google/gemma-2-2b", 26, 2304, None, "largest_activation", 5,
     (728, 832, 884, 904, 920, 1136, 1296, 1496, 1680, 1888, 2048, 2240, 2416, 2544)),
)  # fmt: skip


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, tuple):
        # As doubles without a cast, which DuckDB would word anew when it opens the file.
        return "[" + ", ".join(f"{number:.6e}" for number in value) + "]"
    return str(value).lower()


def _view() -> str:
    rows = ",\n    ".join("(" + ", ".join(map(_literal, row)) + ")" for row in PUBLISHED)
    return f"""CREATE VIEW published_value AS
SELECT
    source, found_in, protocol, scope, windows, first_token_marker, model, n_layers, hidden_size,
    step::BIGINT AS step, metric,
    unnest(range(first_layer, first_layer + len(listed)))::INTEGER AS layer,
    unnest(listed) AS value
FROM (VALUES
    {rows}
) AS published (
    source, found_in, protocol, scope, windows, first_token_marker, model, n_layers,
    hidden_size, step, metric, first_layer, listed
)"""  # noqa: S608 - our own numbers


def upgrade() -> None:
    # Not op.execute, which would take what follows a colon for a parameter.
    op.get_bind().exec_driver_sql(_view())


def downgrade() -> None:
    op.execute("DROP VIEW published_value")
