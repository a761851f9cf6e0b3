"""Says where windows are so short that heads seem to have a sink which attend to all alike."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from embstore.metrics.conventions import SINK_SHARE
from embstore.store.quoting import quoted_ids

if TYPE_CHECKING:
    from embstore.store.database import Database

_SINK_RATE = "sink_rate"
# Of documents the mean is known, and not how long each is.
_LENGTHS = """
SELECT run.tokens / run.n_windows AS length, model.kind <> 'encoder' AS causal
FROM run
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
WHERE run.run_id IN (SELECT unnest(string_split({runs}, ',')))
GROUP BY ALL
ORDER BY ALL
"""


def short_windows_note(
    database: "Database",
    metrics: Iterable[str],
    runs: Iterable[str | None],
    scopes: Iterable[str | None] = (),
) -> str | None:
    """Return that sink rates of some runs are those of windows too short for them, or None.

    Args:
        database: the store.
        metrics: which are shown.
        runs: of which runs.
        scopes: in which scopes; none if that is not known.

    Raises:
        StoreError: the store cannot be read.
    """
    if _SINK_RATE not in metrics:
        return None
    with_first = not (of_scopes := set(scopes)) or "all" in of_scopes
    for row in database.select(_LENGTHS.format(runs=quoted_ids(runs))).to_pylist():
        least = tokens_for_a_sink(causal=row["causal"], with_first=with_first)
        if row["length"] is not None and row["length"] < least:
            return (
                f"{_SINK_RATE} tells little about windows of {row['length']:.3g} tokens on "
                f"average: below {least} tokens attention spread evenly already gives the first "
                f"more than {SINK_SHARE}."
            )
    return None


def tokens_for_a_sink(*, causal: bool, with_first: bool) -> int:
    """Return how many tokens a window needs so that attention spread evenly is no sink.

    A token attends to itself and to those before it, or without a direction to all. With T tokens
    the first gets a mean of (1 + 1/2 + … + 1/T)/T, or 1/T.

    Args:
        causal: whether tokens attend only to those before them.
        with_first: whether what the first token gives itself counts, as in scope ``all``.

    >>> tokens_for_a_sink(causal=True, with_first=True)
    10
    >>> tokens_for_a_sink(causal=True, with_first=False)
    6
    >>> tokens_for_a_sink(causal=False, with_first=True)
    4
    """
    n = 2
    while True:
        given = [1 / (place if causal else n) for place in range(1 if with_first else 2, n + 1)]
        if sum(given) / len(given) <= SINK_SHARE:
            return n
        n += 1
