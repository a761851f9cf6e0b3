"""Which checkpoints are copies of which: it follows from when each was first measured.

So it does not matter in which order runs were stored, or which store was merged into which.
``embstore.store.writing`` marks a copy when it is stored; all are marked anew here where a run
comes late, stores are merged or runs are removed.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa

Link = tuple[str, str]

# A checkpoint with what has the same weights: its fingerprint, and what it is marked as a copy of.
# Those that were stored by older versions have the same weights under another fingerprint.
_LINKS = """
SELECT c.checkpoint_id, concat(m.name, chr(0), c.weights_sha256)
FROM {source}checkpoint AS c JOIN {source}model AS m ON m.model_id = c.model_id
UNION ALL
SELECT checkpoint_id, duplicate_of FROM {source}checkpoint WHERE duplicate_of IS NOT NULL
"""
_CHECKPOINTS = """
SELECT c.checkpoint_id, c.revision, c.duplicate_of
FROM checkpoint AS c LEFT JOIN run AS r ON r.checkpoint_id = c.checkpoint_id
GROUP BY c.checkpoint_id, c.revision, c.duplicate_of
ORDER BY
    min(r.created_at) NULLS LAST,
    coalesce(list_position($1::VARCHAR[], c.checkpoint_id), 0),
    c.duplicate_of IS NOT NULL,
    c.checkpoint_id
"""
_UPDATE = "UPDATE checkpoint SET duplicate_of = ? WHERE checkpoint_id = ?"


def weights_of(model: str, sha256: str) -> str:
    """Return what ties a model's checkpoints with weights of this fingerprint together."""
    return f"{model}\0{sha256}"


def links(connection: "sa.Connection", source: str = "") -> list[Link]:
    """Return what ties the checkpoints of a store, or of a ``source.``, to equal weights."""
    return [(str(a), str(b)) for a, b in connection.exec_driver_sql(_LINKS.format(source=source))]


def mark(connection: "sa.Connection", changed: Iterable[Link], latest: Sequence[str] = ()) -> None:
    """Mark every copy among the checkpoints that ``changed`` names, or that share weights with one.

    Of checkpoints with the same weights the first measured is no copy, nor is one of the
    same revision; the others are copies of it.

    Args:
        connection: in a writing transaction.
        changed: the links of checkpoints that came from elsewhere, or that are gone.
        latest: ids of checkpoints that were just stored, in order: of those measured at the same
            moment they come last.
    """
    named = list(changed)
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while (above := root.setdefault(name, name)) != name:
            root[name] = root.setdefault(above, above)
            name = above
        return name

    for one, other in (*named, *links(connection)):
        root[find(one)] = find(other)
    touched = {find(one) for one, _ in named}
    first: dict[str, tuple[str, str]] = {}
    for checkpoint_id, revision, marked in connection.exec_driver_sql(
        _CHECKPOINTS, (list(latest),)
    ).fetchall():
        group = find(checkpoint_id)
        if group not in touched:
            continue
        original, its_revision = first.setdefault(group, (checkpoint_id, revision))
        copy_of = None if revision == its_revision else original
        if copy_of != marked:
            connection.exec_driver_sql(_UPDATE, (copy_of, checkpoint_id))
