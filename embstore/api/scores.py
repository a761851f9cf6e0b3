"""Scores in whatever Python holds them: files, tables, dictionaries, a harness's results."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from embstore.errors import UsageError
from embstore.inputs.scores.files import (
    ReadScores,
    read_scores,
    scores_of_dictionaries,
    scores_of_results,
    scores_of_table,
)
from embstore.inputs.scores.lm_eval import is_results


def read_any(scores: object) -> ReadScores:
    """Read scores from files, a table, dictionaries or what ``simple_evaluate`` returns.

    Raises:
        ScoreError: they cannot be read; says where.
        UsageError: it is nothing of the kind.
    """
    if isinstance(scores, str | Path):
        return read_scores([scores])
    if isinstance(scores, Mapping):
        if is_results(scores):
            return scores_of_results(scores, "simple_evaluate")
        return ReadScores(scores_of_dictionaries([scores], "dictionaries"))
    if hasattr(scores, "__arrow_c_stream__") or hasattr(scores, "iterrows"):
        import pyarrow as pa

        # A data frame's own conversion knows which of its cells are missing.
        frame = hasattr(scores, "iterrows") and not hasattr(scores, "iter_rows")
        table = pa.Table.from_pandas(scores) if frame else pa.table(scores)
        return ReadScores(scores_of_table(table, type(scores).__name__))
    if isinstance(scores, Iterable):
        given = list(scores)
        if given and all(isinstance(each, str | Path) for each in given):
            return read_scores(given)
        if given and any(isinstance(each, str | Path) for each in given):
            raise UsageError("scores are given as files and as rows; give one of the two")
        return ReadScores(scores_of_dictionaries(given, "dictionaries"))
    raise UsageError(
        f"scores are a file, a folder, a table or dictionaries, not {type(scores).__name__}"
    )
