"""One stack while its batches go by: its layers, its pairs of layers, and its tokens' groups."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embstore.choices import Scope
from embstore.common.workers import Workers
from embstore.geometry.arithmetic.protocol import Vectors
from embstore.measuring.collect import N_GROUPS, BatchTokens, Few, LayerRecord, PairRecord
from embstore.measuring.layer_distances import LayerDistances
from embstore.measuring.scopes import FIRST, REST, SINK, token_groups
from embstore.measuring.token_numbers import WindowMeans
from embstore.measuring.tokens_read import TokensRead
from embstore.measuring.within_windows import WithinWindows
from embstore.metrics.apart import ENOUGH
from embstore.metrics.clusters import N_DEALT, Clusters
from embstore.metrics.selection import Selection
from embstore.types import LayerDistance, LayerKey

if TYPE_CHECKING:
    from torch import Tensor

# Share of the sample that vectors of a group with sums of its own may take in addition.
MORE_KEPT = 0.25
# Fewer windows of such a group tell no error.
_LEAST_KEPT = 8


class StackRecord:
    """One stack: its layers, its pairs of adjacent layers, the groups of its tokens."""

    def __init__(
        self,
        layers: Iterable[LayerRecord],
        windows: NDArray[np.int64],
        *,
        pairs: bool,
        joint: bool = True,
        unit: str = "tokens",
        within: WithinWindows | None = None,
        means: WindowMeans | None = None,
        distances: LayerDistances | None = None,
    ) -> None:
        """Gather the empty records of a stack's layers.

        Args:
            layers: one record each, for the same sample.
            windows: of each token of the sample, ascending, (n_sample,).
            pairs: whether adjacent layers are compared.
            joint: whether that takes their joint moments.
            unit: what the vectors stand for, for messages.
            within: numbers of each window alone; None for none.
            means: each window's means of what its tokens have; None for none.
            distances: between all of its layers; None for none.
        """
        self.unit = unit
        self.within = within or WithinWindows((), Selection(()))
        self.means = means or WindowMeans((), Selection(()))
        self.distances = distances or LayerDistances((), ())
        # Why none of its numbers can be had; None if they can.
        self.why_nothing: str | None = None
        self.layers = {record.key: record for record in layers}
        # The state after the final norm is not a layer further on.
        blocks = [record for key, record in self.layers.items() if key.site != "final_norm"]
        blocks.sort(key=lambda record: record.key.layer)
        following = pairwise(blocks) if pairs else []
        self.pairs = [PairRecord(x, y, joint=joint) for x, y in following]
        self.counts = np.zeros(N_GROUPS, dtype=np.int64)
        self.sample_groups = np.zeros(len(windows), dtype=np.int8)
        self.sample_windows = windows
        # Of the vectors kept beside the sample: their groups and windows.
        self.kept_groups = np.zeros(0, dtype=np.int8)
        self.kept_windows = np.zeros(0, dtype=np.int64)
        # By group, the window from which on its vectors are no longer kept.
        self.kept_until: dict[int, int] = {}
        # Tokens of each window by group, a row per window.
        self.by_window: list[NDArray[np.int64]] = []
        self.read = TokensRead()
        self._settled: set[int] = set()
        self._few_limit = min(record.d for record in self.layers.values()) // 2

    def add(
        self,
        states: "dict[LayerKey, Tensor]",
        mask: NDArray[np.bool_],
        ids: NDArray[np.int64],
        numbers: NDArray[np.int64],
        places: int,
        sampled: NDArray[np.int64],
        at: slice | NDArray[np.int64],
        *,
        sink_threshold: float,
        pool: Workers,
    ) -> NDArray[np.int8]:
        """Take in one batch, its layers side by side.

        Args:
            states: hidden states of each layer, (windows, window, d).
            mask: which positions are tokens, (windows, window).
            ids: the token ids read, (windows, window).
            numbers: of the windows in the order of the draw, (windows,).
            places: of a window in flat positions among all windows.
            sampled: flat positions in the batch that are sampled.
            at: the rows of the sample that they become.
            sink_threshold: see ``token_groups``.
            pool: workers.

        Returns:
            Each token's group, (windows, window).
        """
        in_place = token_groups(states, mask, sink_threshold)
        groups = in_place[mask]
        flat = mask.ravel()
        windows = np.repeat(np.arange(len(mask)), mask.sum(axis=1))
        self.by_window.append(
            np.bincount(windows * N_GROUPS + groups, minlength=len(mask) * N_GROUPS).reshape(
                -1, N_GROUPS
            )
        )
        of_tokens = numbers[windows]
        batch = BatchTokens(
            mask=flat,
            groups=groups,
            # A position among all of the batch becomes a row among its tokens.
            kept=(np.cumsum(flat) - 1)[sampled],
            at=at,
            also_kept=np.flatnonzero(self.is_kept(groups, of_tokens)),
            tokens=np.flatnonzero(mask) % mask.shape[1] + of_tokens * places,
        )
        self.read.add(numbers, ids, places)
        # Of padded windows this is a copy: one for the layer and for both of its pairs.
        taken: dict[LayerKey, Vectors] = {}

        def vectors(key: LayerKey) -> Vectors:
            if key not in taken:
                taken[key] = batch.of(states[key])
            return taken[key]

        self.take(vectors, batch, of_tokens, pool)
        return in_place

    def take(
        self,
        vectors: Callable[["LayerKey"], Vectors],
        batch: BatchTokens,
        windows: NDArray[np.int64],
        pool: Workers,
    ) -> None:
        """Take in the vectors of some tokens, whose windows are counted already.

        Args:
            vectors: gives those of a layer, (n, d).
            batch: the tokens.
            windows: of each of them, (n,).
            pool: workers.
        """
        self.counts += np.bincount(batch.groups, minlength=N_GROUPS)
        self.sample_groups[batch.at] = batch.groups[batch.kept]
        kept = batch.also_kept
        self.kept_groups = np.concatenate([self.kept_groups, batch.groups[kept]])
        self.kept_windows = np.concatenate([self.kept_windows, windows[kept]])

        def add_layer(layer: LayerRecord) -> None:
            layer.add(vectors(layer.key), batch)

        def add_pair(pair: PairRecord) -> None:
            pair.add(vectors(pair.x.key), vectors(pair.y.key), batch)

        # Layers first: they find out which are broken.
        for _ in pool.map(add_layer, self.layers.values()):
            pass
        for _ in pool.map(add_pair, self.pairs):
            pass
        for group in range(N_GROUPS):
            if group != REST and self.counts[group] >= self._few_limit:
                self._settle(group)

    def cut_sample(self, kept: NDArray[np.int64]) -> None:
        """Take some rows for all of the sample; nothing may have been kept beside it."""
        self.sample_groups = self.sample_groups[kept]
        self.sample_windows = self.sample_windows[kept]
        for layer in self.layers.values():
            layer.cut_sample(kept)

    def is_kept(self, groups: NDArray[np.int8], windows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which tokens of a batch are kept beside the sample.

        Args:
            groups: of each token, (n,).
            windows: of each, (n,).
        """
        kept = np.zeros(len(groups), dtype=np.bool_)
        for group in (SINK, FIRST):
            if len(windows) and group in self._settled and self._is_full():
                self._limit(group, int(windows.min()))
            kept |= (groups == group) & (windows < self.kept_until.get(group, np.inf))
        return kept

    def _is_full(self) -> bool:
        """Tell whether what counts of the vectors beside the sample is as much as it may be.

        Those of a group without sums stand in the place of one, and have to be kept.
        """
        n = 0
        for group in self._settled:
            of_group = self.kept_windows[self.kept_groups == group]
            n += int((of_group < self.kept_until.get(group, np.inf)).sum())
        return n > MORE_KEPT * len(self.sample_groups)

    def _limit(self, group: int, unread: int) -> None:
        """Keep less of a group: of all windows below some number all of it, of others none.

        Args:
            group: which.
            unread: the lowest number of a window that comes now.
        """
        if not (self.kept_windows >= unread).any():
            # Windows come in their order: of all before this one all is kept.
            self.kept_until.setdefault(group, unread)
            return
        # They come in another order, such as by length. Which were drawn first is chance, so half
        # of them, those of lower numbers, are like the others.
        known = self.kept_windows[self.kept_windows < self.kept_until.get(group, np.inf)]
        below = np.unique(known)
        if len(below) >= 2 * _LEAST_KEPT:
            self.kept_until[group] = max(int(np.median(known)), int(below[_LEAST_KEPT]))

    def _settle(self, group: int) -> None:
        if group in self._settled:
            return
        rows = self.few[group]
        self._settled.add(group)
        for pair in self.pairs:
            if not (pair.x.n_bad or pair.y.n_bad):
                pair.settle(group, rows)
        for layer in self.layers.values():
            if not layer.n_bad:
                layer.settle(group, rows)

    @property
    def few(self) -> Few:
        """Where the vectors of groups without sums stand among a layer's units."""
        return {
            group: np.flatnonzero(self.kept_groups == group) + len(self.sample_groups)
            for group in (SINK, FIRST)
            if group not in self._settled and self.counts[group]
        }

    @property
    def unit_windows(self) -> NDArray[np.int64]:
        """Window of each of a layer's units, (n_units,)."""
        return np.concatenate([self.sample_windows, self.kept_windows])

    @property
    def n_windows(self) -> int:
        """Windows read so far."""
        return sum(map(len, self.by_window))

    def distances_in(self, scope: Scope) -> list[LayerDistance]:
        """Return how far every two of its layers are apart, but for broken ones."""
        return [
            found
            for found in ([] if self.why_nothing else self.distances.of(scope))
            if not any(
                layer.n_bad and layer.key.layer in (found.key.layer, found.other_layer)
                for layer in self.layers.values()
                if layer.key.site != "final_norm"
            )
        ]

    def clusters(self, groups: Sequence[int]) -> Clusters:
        """Return the windows of a layer's units in some groups, and what they stand for."""
        windows = self.unit_windows
        by_window = self.read.in_order(self.by_window)
        tokens = by_window[:, list(groups)].sum(axis=1)
        n_windows = int((tokens > 0).sum())
        sampled = np.isin(self.sample_groups, groups)
        kept = np.zeros(len(self.kept_groups), dtype=np.bool_)
        if len(self.sample_groups) == self.counts.sum():
            return self._all_kept(np.concatenate([sampled, kept]), n_windows)
        # All vectors of these groups were kept, up to some window: the sample's say no more.
        whole = [group for group in groups if group != REST]
        until = min([self.kept_until.get(group, len(tokens)) for group in whole] or [len(tokens)])
        kept = np.isin(self.kept_groups, whole) & (self.kept_windows < until)
        sampled &= (self.sample_groups == REST) & (self.sample_windows < until)
        return Clusters.of_sample(
            windows,
            np.concatenate([np.zeros_like(sampled), kept]),
            np.concatenate([sampled, np.zeros_like(kept)]),
            tokens - by_window[:, whole].sum(axis=1),
            n_windows=n_windows,
            whole=by_window[:, whole].sum(axis=1),
        )

    def _all_kept(self, counted: NDArray[np.bool_], n_windows: int) -> Clusters:
        """Return the windows of some units where the sample has all tokens.

        If it is large, ordinary tokens count as drawn, each for itself: what looks at pairs of
        them can then do with a part.
        """
        drawn = np.zeros(len(counted), dtype=np.bool_)
        ordinary = self.read.in_order(self.by_window)[:, REST]
        if ordinary.min(initial=0) > 2 * N_DEALT * ENOUGH:
            drawn[: len(self.sample_groups)] = self.sample_groups == REST
        else:
            ordinary = np.zeros_like(ordinary)
        alone, drawn = counted & ~drawn, counted & drawn
        return Clusters.of_sample(self.unit_windows, alone, drawn, ordinary, n_windows=n_windows)
