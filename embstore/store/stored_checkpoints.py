"""The checkpoints that a store has, and which of them have the weights of one that is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embstore.store import ids
from embstore.store.writing import fingerprints
from embstore.types import Checkpoint

if TYPE_CHECKING:
    from embstore.store.database import Database

# Of checkpoints with equal weights the first measured is no copy.
_ALL = """
SELECT c.checkpoint_id, m.name, c.revision, c.weights_sha256, c.duplicate_of IS NULL AS is_original
FROM checkpoint AS c JOIN model AS m ON m.model_id = c.model_id
LEFT JOIN run AS r ON r.checkpoint_id = c.checkpoint_id
GROUP BY ALL
ORDER BY min(r.created_at), c.checkpoint_id
"""
# Checkpoints of a training mostly have the same one.
_CONFIGS = """
SELECT model_config, list(checkpoint_id) AS checkpoints
FROM (
    SELECT checkpoint_id, arg_max(model_config, (created_at, run_id)) AS model_config
    FROM run WHERE model_config IS NOT NULL GROUP BY checkpoint_id
)
GROUP BY model_config
"""


@dataclass(frozen=True)
class StoredCheckpoints:
    """What is asked of all checkpoints of a store.

    Attributes:
        weights: the fingerprint of each one's weights, by its id.
        originals: the revisions with certain weights that are no copies, by model and fingerprint;
            each with its place in the order in which all were measured.
    """

    weights: Mapping[str, str]
    originals: Mapping[tuple[str, str], Sequence[tuple[int, str]]]

    def fingerprint(self, model: str, checkpoint: Checkpoint) -> str | None:
        """Return the fingerprint of a checkpoint's weights as it is stored; None if it is not."""
        return self.weights.get(ids.checkpoint_id(model, checkpoint))

    def original(self, model: str, checkpoint: Checkpoint) -> str | None:
        """Return the revision of a model that was measured first with a checkpoint's weights.

        None where only itself has them.
        """
        found = (
            measured
            for sha256 in fingerprints(checkpoint)
            for measured in self.originals.get((model, sha256), ())
            if measured[1] != checkpoint.revision
        )
        first = min(found, default=None)
        return first[1] if first else None


def stored_checkpoints(database: "Database") -> StoredCheckpoints:
    """Read them all.

    Raises:
        StoreError: the store cannot be read.
    """
    rows = database.select(_ALL).to_pylist() if database.exists() else []
    originals: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for place, row in enumerate(rows):
        if row["is_original"]:
            key = (row["name"], row["weights_sha256"])
            originals.setdefault(key, []).append((place, row["revision"]))
    return StoredCheckpoints(
        {row["checkpoint_id"]: row["weights_sha256"] for row in rows}, originals
    )


def configs_of_checkpoints(database: "Database") -> dict[str, str]:
    """Return the configuration that each checkpoint's newest run was made with, by its id.

    Checkpoints whose runs do not say it are left out.

    Raises:
        StoreError: the store cannot be read.
    """
    rows = database.select(_CONFIGS).to_pylist() if database.exists() else []
    return {each: row["model_config"] for row in rows for each in row["checkpoints"]}
