"""Runs whose model, checkpoint or text is missing: no question shows them, so none may spread."""

from collections.abc import Callable, Iterable, Sequence

from embstore.common.messages import listed
from embstore.errors import StoreError

_LOST = """
SELECT run.run_id
FROM {source}run AS run
LEFT JOIN {source}checkpoint AS checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
LEFT JOIN {source}model AS model ON model.model_id = checkpoint.model_id
LEFT JOIN {source}corpus AS corpus ON corpus.corpus_id = run.corpus_id
WHERE model.model_id IS NULL OR corpus.corpus_id IS NULL
ORDER BY run.run_id
"""


def check_references(
    place: str, ask: Callable[[str], Iterable[Sequence[object]]], source: str = ""
) -> None:
    """Refuse to pass on the runs of a store if one refers to what is not there.

    Args:
        place: the store, for the message.
        ask: runs a statement.
        source: what stands before the names of its tables, such as ``store.``.

    Raises:
        StoreError: naming the runs, and what says how to mend them.
    """
    lost = [str(run_id)[:12] for (run_id,) in ask(_LOST.format(source=source))]
    if lost:
        raise StoreError(
            f"{place} has runs whose model, checkpoint or text is missing ({listed(lost)}), and "
            f"nothing was taken from it: `embstore verify --store {place}` says what mends it"
        )
