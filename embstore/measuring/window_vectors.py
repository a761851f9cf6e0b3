"""Windows as one vector each: its last token's, or the mean of its ordinary ones.

They are collected beside the tokens, in the same pass, as if each were a token in a window of its
own: so every metric and every error is that of independent vectors.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embstore.choices import Scope
from embstore.common.workers import Workers
from embstore.geometry.arithmetic.choose import arithmetic_of, vectors_of
from embstore.geometry.arithmetic.protocol import Vectors
from embstore.measuring.collect import N_GROUPS, BatchTokens, LayerRecord
from embstore.measuring.layer_distances import distances_for
from embstore.measuring.scopes import REST
from embstore.measuring.stack import StackRecord
from embstore.metrics.registry import N_NEIGHBORS
from embstore.metrics.selection import Selection

if TYPE_CHECKING:
    from torch import Tensor

    from embstore.types import LayerKey

# As many as the neighbours that are searched for, and the point itself.
LEAST_VECTORS = N_NEIGHBORS + 1


class WindowVectors:
    """One stack's windows while batches go by, each window one vector.

    Attributes:
        scope: which vector of a window that is.
        record: what was collected so far.
    """

    def __init__(
        self,
        scope: Scope,
        widths: Mapping["LayerKey", int],
        kept: NDArray[np.int64],
        selection: Selection,
    ) -> None:
        """Make room.

        Args:
            scope: ``last`` or ``mean``.
            widths: of each layer.
            kept: the windows whose vectors are kept, ascending.
            selection: what is measured.
        """
        self.scope = scope
        covariance = selection.needs("covariance")
        self.record = StackRecord(
            [LayerRecord(key, d, len(kept), covariance=covariance) for key, d in widths.items()],
            kept,
            pairs=bool(selection.of_pair),
            joint=selection.needs("joint covariance"),
            unit="windows",
            distances=distances_for(widths, (scope,), selection),
        )
        self._kept = kept
        self._has_one = np.zeros(len(kept), dtype=np.bool_)

    def add(
        self,
        states: "Mapping[LayerKey, Tensor]",
        mask: NDArray[np.bool_],
        groups: NDArray[np.int8],
        numbers: NDArray[np.int64],
        pool: Workers,
    ) -> None:
        """Take in one batch.

        Args:
            states: hidden states of each layer, (windows, window, d).
            mask: which positions are tokens, (windows, window).
            groups: each token's group, (windows, window).
            numbers: of the windows in the order of the draw, (windows,).
            pool: workers.
        """
        chosen = _last(mask) if self.scope == "last" else mask & (groups == REST)
        has_one = chosen.any(axis=1)
        windows = numbers[has_one]
        # A mean of ordinary tokens is ordinary; a last token is what it is.
        of_windows = groups[has_one, chosen[has_one].argmax(axis=1)]
        counted = np.zeros((len(mask), N_GROUPS), dtype=np.int64)
        counted[has_one, of_windows] = 1
        self.record.by_window.append(counted)
        self.record.read.add(numbers, np.zeros((len(numbers), 0), dtype=np.int64), 1)
        if not len(windows):
            return
        kept = np.flatnonzero(np.isin(windows, self._kept))
        at = np.searchsorted(self._kept, windows[kept])
        self._has_one[at] = True
        batch = BatchTokens(
            mask=np.ones(len(windows), dtype=np.bool_),
            groups=of_windows,
            kept=kept,
            at=at,
            also_kept=np.flatnonzero(self.record.is_kept(of_windows, windows)),
            tokens=windows,
        )
        rows = np.flatnonzero(chosen)
        ends = np.cumsum(chosen.sum(axis=1)[has_one])
        # Made once: layers ask for them alone and with their neighbours.
        means = pool.map(partial(_means, rows=rows, ends=ends), states.values())
        vectors = dict(zip(states, means, strict=True))
        self.record.take(vectors.__getitem__, batch, windows, pool)
        whole = {key: X for key, X in vectors.items() if not self.record.layers[key].n_bad}
        each = np.ones((len(windows), 1), dtype=np.bool_)
        self.record.distances.add(whole, each, of_windows[:, np.newaxis], pool)

    def finish(self) -> StackRecord:
        """Return what was collected; there are no more windows, and some may have had no vector."""
        record = self.record
        if not self._has_one.all():
            record.cut_sample(np.flatnonzero(self._has_one))
        n = int(record.counts.sum())
        if n < LEAST_VECTORS:
            record.why_nothing = (
                f"{n} windows with one vector each, at least {LEAST_VECTORS} needed; feed more "
                "tokens or take shorter windows"
            )
        return record


def _last(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the last token of each window that has one."""
    last = np.zeros_like(mask)
    some = mask.any(axis=1)
    last[some, mask.shape[1] - 1 - mask[some, ::-1].argmax(axis=1)] = True
    return last


def _means(state: "Tensor", rows: NDArray[np.int64], ends: NDArray[np.int64]) -> Vectors:
    vectors = vectors_of(state)
    return arithmetic_of(vectors).means(vectors, rows, ends)
