"""Refuses to answer questions that only several models or sizes can answer."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from embstore.asking.parameters import ParameterValue
from embstore.asking.question import Question
from embstore.common.messages import listed
from embstore.errors import QueryError

if TYPE_CHECKING:
    import pyarrow as pa

# Of two, each is the nearest of the other.
_LEAST_MODELS = 3


def check_enough(
    question: Question, values: Mapping[str, ParameterValue], table: "pa.Table"
) -> None:
    """Refuse an answer that has rows but tells nothing, for a query as for a chart.

    Args:
        question: what was asked; those of a user's own folder are never refused.
        values: of all its parameters.
        table: the answer.

    Raises:
        QueryError: too little was measured; says what to measure or to ask instead.
    """
    check = _CHECKS.get(question.name)
    lacking = check(values, table) if check and question.built_in and table.num_rows else ""
    if lacking:
        raise QueryError(f"question {question.name}: {lacking}")


def _too_few_models(values: Mapping[str, ParameterValue], table: "pa.Table") -> str:
    # An encoder-decoder has two series; of all checkpoints each is one to choose.
    who = "run_id" if values["checkpoints"] == "all" else "model_id"
    found = {each for name in (who, f"neighbor_{who}") for each in table.column(name).to_pylist()}
    # Where one neighbour of each was asked for, there may be more.
    if len(found) >= _LEAST_MODELS or max(table.column("rank").to_pylist()) == values["nearest"]:
        return ""
    pairs = [table.column(name).to_pylist() for name in ("series", "neighbor")]
    names = list(dict.fromkeys(name for column in pairs for name in column))
    return (
        f"fewer than {_LEAST_MODELS} models were measured alike ({listed(names)}), so that there "
        "is nothing to choose from; see how two differ: embstore compare A B"
    )


def _one_size(_values: Mapping[str, ParameterValue], table: "pa.Table") -> str:
    sizes: dict[str, set[int]] = {}
    for row in table.select(["series", "tokens"]).to_pylist():
        sizes.setdefault(row["series"], set()).add(row["tokens"])
    if any(len(found) > 1 for found in sizes.values()):
        return ""
    every = sorted(set().union(*sizes.values()))
    read = listed([f"{n:,}" for n in every], most=3)
    return (
        f"each checkpoint was measured with one number of tokens ({read}), so that there is "
        "nothing to compare; measure one again with other --tokens (in Python tokens)"
    )


_CHECKS: dict[str, Callable[[Mapping[str, ParameterValue], "pa.Table"], str]] = {
    "nearest_models": _too_few_models,
    "value_by_tokens": _one_size,
}
