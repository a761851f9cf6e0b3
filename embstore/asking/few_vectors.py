"""Says which numbers of an answer are biased for want of tokens or windows."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from embstore.choices import WINDOW_SCOPES
from embstore.common.messages import listed
from embstore.metrics.conventions import TOKENS_PER_DIMENSION
from embstore.metrics.names import NEED_MANY
from embstore.store.quoting import quoted_ids

if TYPE_CHECKING:
    from embstore.store.database import Database

_N_SHOWN = 4

# By how many tokens, or windows, were read: the widest layer of runs with few for each of its
# dimensions.
_FEW = """
SELECT run.{vectors} AS n, max(layer.hidden_size) AS hidden_size
FROM run
JOIN layer ON layer.run_id = run.run_id
WHERE run.run_id IN (SELECT unnest(string_split({runs}, ',')))
    AND run.{vectors} < {least} * layer.hidden_size
GROUP BY run.{vectors}
ORDER BY run.{vectors}
LIMIT 1
"""


def few_tokens_note(
    database: "Database",
    metrics: Iterable[str],
    runs: Iterable[str | None],
    scopes: Iterable[str | None] = (),
) -> str | None:
    """Return which of some metrics are biased in some runs for want of vectors, or None.

    Args:
        database: the store.
        metrics: which are shown.
        runs: of which runs.
        scopes: in which scopes; none if that is not known, which then are those of tokens.

    Raises:
        StoreError: the store cannot be read.
    """
    biased = NEED_MANY.intersection(metrics)
    if not biased:
        return None
    of_windows = {scope in WINDOW_SCOPES for scope in scopes} or {False}
    chosen = quoted_ids(runs)
    # Of both the windows: there are fewer of them.
    for each in sorted(of_windows, reverse=True):
        query = _FEW.format(
            runs=chosen, vectors="n_windows" if each else "tokens", least=TOKENS_PER_DIMENSION
        )
        if found := database.select(query).to_pylist():
            unit = "windows" if each else "tokens"
            return describe_few(biased, found[0]["n"], found[0]["hidden_size"], unit=unit)
    return None


def describe_few(names: Iterable[object], n: int, d: int, *, unit: str = "tokens") -> str | None:
    """Say which of some metrics n vectors of d dimensions are too few for, or None.

    >>> describe_few(["stable_rank", "mean_cosine"], 8192, 2048)
    'stable_rank is biased: 8,192 tokens are fewer than 10 for each of 2,048 dimensions.'
    """
    biased = sorted(NEED_MANY.intersection(names))
    if n >= TOKENS_PER_DIMENSION * d or not biased:
        return None
    are = "is" if len(biased) == 1 else "are"
    return (
        f"{listed(biased, most=_N_SHOWN)} {are} biased: {n:,} {unit} "
        f"are fewer than {TOKENS_PER_DIMENSION} for each of {d:,} dimensions."
    )
