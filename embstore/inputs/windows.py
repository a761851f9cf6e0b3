"""Windows of token ids: what is fed to a model of text, and its fingerprint."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# What stands behind the end of a window that is shorter than others: any id that models have.
_PADDING = 0


@dataclass(frozen=True, eq=False)
class Windows:
    """Token ids to feed, one sequence per row, and their fingerprint.

    Rows are in the order of the draw; a shorter one is padded behind its end.

    Attributes:
        ids: (n_windows, window).
        attention_mask: (n_windows, window), False where a token is padding.
        n_special_tokens: how many of each window's tokens the tokenizer added.
        sha256: of the shape and the ids as little-endian 64-bit integers; of windows of unequal
            lengths, or that are texts, also of the lengths.
        n_texts: how many texts the corpus has, as far as is known without those that are blank,
            where each window is one of them.
    """

    ids: NDArray[np.int64]
    attention_mask: NDArray[np.bool_]
    n_special_tokens: int
    sha256: str
    n_texts: int | None = None

    @property
    def n_windows(self) -> int:
        """Number of sequences."""
        return int(self.ids.shape[0])

    @property
    def window(self) -> int:
        """Tokens of the longest sequence."""
        return int(self.ids.shape[1])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each sequence, (n_windows,)."""
        lengths: NDArray[np.int64] = self.attention_mask.sum(axis=1)
        return lengths

    @property
    def n_tokens(self) -> int:
        """Number of tokens that are not padding."""
        return int(self.attention_mask.sum())

    @property
    def texts(self) -> tuple[int, int] | None:
        """How many texts are read, and of how many; None where windows are no texts."""
        return None if self.n_texts is None else (self.n_windows, self.n_texts)

    def inputs(self, rows: slice | NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        """Return what a model is called with for these sequences, by name.

        They are cut behind the end of the longest.
        """
        mask = self.attention_mask[rows]
        longest = int(mask.sum(axis=1).max(initial=0))
        return {
            "input_ids": self.ids[rows, :longest],
            "attention_mask": mask[:, :longest].astype(np.int64),
        }


def padded(
    rows: Sequence[Sequence[int]], n_special_tokens: int, *, n_texts: int | None = None
) -> Windows:
    """Put windows of any lengths into one array, in their order.

    Args:
        rows: the ids of each.
        n_special_tokens: how many of each the tokenizer added.
        n_texts: how many texts there are, where each window is one of them.
    """
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    mask = np.arange(lengths.max()) < lengths[:, np.newaxis]
    ids = np.full(mask.shape, _PADDING, dtype=np.int64)
    ids[mask] = np.concatenate([np.asarray(row, dtype=np.int64) for row in rows])
    unequal = n_texts is not None or not mask.all()
    sha256 = _sha256(ids, lengths) if unequal else _sha256(ids)
    return Windows(ids, mask, n_special_tokens, sha256, n_texts)


def _sha256(ids: NDArray[np.int64], *more: NDArray[np.int64]) -> str:
    digest = hashlib.sha256(np.array(ids.shape, dtype="<i8").tobytes())
    for numbers in (ids, *more):
        digest.update(numbers.astype("<i8").tobytes())
    return digest.hexdigest()
