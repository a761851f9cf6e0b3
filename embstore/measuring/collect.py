"""What is kept of a stack while its batches go by: sums, a sample, and little else.

Memory does not grow with the number of tokens: a group of tokens too few for a (d, d)
sum of its own is kept as vectors until it has d/2 of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from embstore.common.cached_attribute import cached_attribute
from embstore.common.workers import Workers
from embstore.geometry.largest_coordinates import LargestCoordinates
from embstore.geometry.moments import CrossMoments, Moments
from embstore.geometry.row_loops import compare_rows
from embstore.measuring.scopes import REST, token_groups
from embstore.metrics.two_layers import Steps
from embstore.types import LayerKey

_N_GROUPS = 3


@dataclass(frozen=True, eq=False)
class BatchTokens:
    """The tokens of one batch of one stack.

    Attributes:
        mask: which positions are tokens, flat.
        groups: each token's group, (n,).
        kept: which of the tokens are sampled, (n_kept,).
        at: the rows of the sample that they become.
        tokens: flat position of each token among all windows, (n,).
    """

    mask: NDArray[np.bool_]
    groups: NDArray[np.int8]
    kept: NDArray[np.int64]
    at: slice
    tokens: NDArray[np.int64]

    def of(self, state: Tensor) -> NDArray[np.floating]:
        """Return the tokens' vectors, (n, d)."""
        vectors: NDArray[np.floating] = state.float().numpy().reshape(-1, state.shape[-1])
        return vectors if self.mask.all() else vectors[self.mask]

    @cached_attribute
    def by_group(self) -> dict[int, NDArray[np.int64]]:
        """Which of the tokens are in each group that occurs."""
        return {
            group: np.flatnonzero(self.groups == group) for group in np.unique(self.groups).tolist()
        }


class LayerRecord:
    """One layer: moments and few vectors by group, the sample, the largest coordinates."""

    def __init__(self, key: LayerKey, d: int, n_sample: int) -> None:
        self.key = key
        self.d = d
        self.moments: dict[int, Moments] = {REST: Moments.empty(d)}
        self.few: dict[int, list[NDArray[np.floating]]] = {}
        self.sample = np.empty((n_sample, d), dtype=np.float32)
        self.largest = LargestCoordinates()
        self.n_bad = 0

    def add(self, vectors: NDArray[np.floating], batch: BatchTokens) -> None:
        """Take in a batch's vectors, (n, d); after one that is not finite nothing more."""
        # One cheap pass first: a finite sum of squares proves that every value is finite. An
        # infinite one proves nothing, since the sum may have overflowed.
        if not np.isfinite(np.vdot(vectors, vectors)):
            self.n_bad += int((~np.isfinite(vectors).all(axis=1)).sum())
        if self.n_bad:
            return
        for group, chosen in batch.by_group.items():
            if group in self.moments:
                self.moments[group].add(vectors, chosen)
            else:
                self.few.setdefault(group, []).append(vectors[chosen])
        # Write into place: with mode "raise" NumPy would make a copy first.
        np.take(vectors, batch.kept, axis=0, out=self.sample[batch.at], mode="clip")
        self.largest.add(vectors, batch.tokens)

    def settle(self, group: int) -> None:
        """Turn a group's vectors into moments."""
        self.moments[group] = Moments.of(np.concatenate(self.few.pop(group)))

    def merged(self, groups: Iterable[int]) -> Moments:
        """Return the moments of all vectors of some groups, the rest among them."""
        others = [group for group in groups if group != REST]
        merged = self.moments[REST].copy() if others else self.moments[REST]
        for group in others:
            if group in self.moments:
                merged.take_in(self.moments[group])
            elif group in self.few:
                merged.add(np.concatenate(self.few[group]))
        return merged


class PairRecord:
    """A layer and the next: their joint moments by group, and how far tokens move."""

    def __init__(self, x: LayerRecord, y: LayerRecord) -> None:
        self.x = x
        self.y = y
        self.cross: dict[int, CrossMoments] = {REST: CrossMoments.empty(x.d, y.d)}
        # By group: sum and number of update ratios, sum and number of cosines.
        self.steps = np.zeros((_N_GROUPS, 4))

    def add(self, x: NDArray[np.floating], y: NDArray[np.floating], batch: BatchTokens) -> None:
        """Take in the same tokens' vectors in both layers, (n, d_x) and (n, d_y)."""
        if self.x.n_bad or self.y.n_bad:
            return
        for group, chosen in batch.by_group.items():
            if group in self.cross:
                # Sinks are a hundred times as long as other tokens.
                self.cross[group].add(x, y, chosen, single=group == REST)
            if self.x.d == self.y.d:
                ratios, cosines = _compare(x, y, chosen)
                self.steps[group] += [
                    *(np.nansum(ratios), np.isfinite(ratios).sum()),
                    *(np.nansum(cosines), np.isfinite(cosines).sum()),
                ]

    def settle(self, group: int) -> None:
        """Turn a group's vectors, which its layers still keep, into moments."""
        self.cross[group] = CrossMoments.empty(self.x.d, self.y.d)
        self.cross[group].add(*(np.concatenate(layer.few[group]) for layer in (self.x, self.y)))

    def merged(self, groups: Iterable[int]) -> CrossMoments:
        """Return the joint moments of all tokens of some groups, the rest among them."""
        others = [group for group in groups if group != REST]
        merged = self.cross[REST].copy() if others else self.cross[REST]
        for group in others:
            if group in self.cross:
                merged.take_in(self.cross[group])
            elif group in self.x.few:
                merged.add(*(np.concatenate(layer.few[group]) for layer in (self.x, self.y)))
        return merged

    def few(
        self, groups: Iterable[int]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]] | None:
        """Return both layers' vectors of some groups but the rest; None if some are sums."""
        others = [group for group in groups if group != REST]
        if any(group in self.cross for group in others):
            return None
        x, y = (
            [rows for group in others for rows in layer.few.get(group, [])]
            for layer in (self.x, self.y)
        )
        if not x:
            return np.empty((0, self.x.d)), np.empty((0, self.y.d))
        return np.concatenate(x), np.concatenate(y)

    @cached_attribute
    def _sampled(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return _compare(self.x.sample, self.y.sample, np.arange(len(self.x.sample)))

    def merged_steps(self, groups: Iterable[int], keep: NDArray[np.bool_]) -> Steps | None:
        """Return how far the tokens of some groups move; ``keep`` are those of the sample."""
        if self.x.d != self.y.d:
            return None
        ratio, n_ratios, cosine, n_cosines = self.steps[list(groups)].sum(axis=0)
        ratios, cosines = self._sampled
        return Steps(
            ratios[keep],
            cosines[keep],
            mean_ratio=ratio / n_ratios if n_ratios else float("nan"),
            mean_cosine=cosine / n_cosines if n_cosines else float("nan"),
            n_ratios=int(n_ratios),
            n_cosines=int(n_cosines),
        )


def _compare(
    X: NDArray[np.floating], Y: NDArray[np.floating], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ratios, cosines = np.empty(len(rows)), np.empty(len(rows))
    compare_rows(X, Y, rows, ratios, cosines)
    return ratios, cosines


class StackRecord:
    """One stack: its layers, its pairs of adjacent layers, the groups of its tokens."""

    def __init__(
        self,
        states: dict[LayerKey, Tensor],
        positions: NDArray[np.int64],
        window: int,
        *,
        pairs: bool,
    ) -> None:
        """Make empty records.

        Args:
            states: one batch of the stack, for the widths of its layers.
            positions: the sample, flat positions into (windows, window), ascending.
            window: tokens per window.
            pairs: whether adjacent layers are compared.
        """
        n_sample = len(positions)
        self.layers = {k: LayerRecord(k, s.shape[-1], n_sample) for k, s in states.items()}
        # The state after the final norm is not a layer further on.
        blocks = [record for key, record in self.layers.items() if key.site != "final_norm"]
        blocks.sort(key=lambda record: record.key.layer)
        following = pairwise(blocks) if pairs else []
        self.pairs = [PairRecord(x, y) for x, y in following]
        self.counts = np.zeros(_N_GROUPS, dtype=np.int64)
        self.sample_groups = np.zeros(n_sample, dtype=np.int8)
        self.sample_windows = positions // window
        # Token ids read so far, a row per window: 8 bytes a token.
        self.ids: list[NDArray[np.int64]] = []
        self._few_limit = min(record.d for record in self.layers.values()) // 2

    def add(
        self,
        states: dict[LayerKey, Tensor],
        mask: NDArray[np.bool_],
        ids: NDArray[np.int64],
        start: int,
        sampled: NDArray[np.int64],
        at: slice,
        *,
        sink_threshold: float,
        pool: Workers,
    ) -> None:
        """Take in one batch, its layers side by side.

        Args:
            states: hidden states of each layer, (windows, window, d).
            mask: which positions are tokens, (windows, window).
            ids: the token ids read, (windows, window).
            start: index of the batch's first window.
            sampled: flat positions in the batch that are sampled.
            at: the rows of the sample that they become.
            sink_threshold: see ``token_groups``.
            pool: workers.
        """
        groups = token_groups(states, mask, sink_threshold)[mask]
        flat = mask.ravel()
        batch = BatchTokens(
            mask=flat,
            groups=groups,
            # A position among all of the batch becomes a row among its tokens.
            kept=(np.cumsum(flat) - 1)[sampled],
            at=at,
            tokens=np.flatnonzero(flat) + start * mask.shape[1],
        )
        counts = np.bincount(groups, minlength=_N_GROUPS)
        self.counts += counts
        self.sample_groups[at] = groups[batch.kept]
        self.ids.append(ids)

        def add_layer(layer: LayerRecord) -> None:
            layer.add(batch.of(states[layer.key]), batch)

        def add_pair(pair: PairRecord) -> None:
            pair.add(batch.of(states[pair.x.key]), batch.of(states[pair.y.key]), batch)

        # Layers first: they find out which are broken.
        for _ in pool.map(add_layer, self.layers.values()):
            pass
        for _ in pool.map(add_pair, self.pairs):
            pass
        for group in range(_N_GROUPS):
            if group != REST and self.counts[group] >= self._few_limit:
                self._settle(group)

    def _settle(self, group: int) -> None:
        # Pairs first: they need the vectors that their layers still keep.
        for pair in self.pairs:
            if group in pair.x.few and group in pair.y.few:
                pair.settle(group)
        for layer in self.layers.values():
            if group in layer.few:
                layer.settle(group)
