"""What is kept of a layer, and of two, while batches go by: sums, a sample, and little else.

Memory does not grow with the number of tokens. First tokens and sinks are few and decide
much, so their vectors are kept whole, behind the sample: up to d/2 of them stand in the
place of a (d, d) sum, and errors look at as many as a quarter of the sample.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embstore.common.cached_attribute import cached_attribute
from embstore.geometry.arithmetic.choose import HOST, arithmetic_of, vectors_of
from embstore.geometry.arithmetic.protocol import Vectors
from embstore.geometry.cross_moments import CrossMoments, slopes_between
from embstore.geometry.largest_coordinates import LargestCoordinates
from embstore.geometry.moments import Moments
from embstore.measuring.scopes import REST
from embstore.metrics.two_layers import Steps
from embstore.types import FloatArray, LayerKey

if TYPE_CHECKING:
    from torch import Tensor

N_GROUPS = 3

# By group without sums of its own: where its vectors stand among a layer's units.
Few = Mapping[int, NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class BatchTokens:
    """The tokens of one batch of one stack.

    Attributes:
        mask: which positions are tokens, flat.
        groups: each token's group, (n,).
        kept: which of the tokens are sampled, (n_kept,).
        at: the rows of the sample that they become.
        also_kept: which of the tokens are kept beside the sample, (n_also_kept,).
        tokens: flat position of each token among all windows, (n,).
    """

    mask: NDArray[np.bool_]
    groups: NDArray[np.int8]
    kept: NDArray[np.int64]
    at: slice | NDArray[np.int64]
    also_kept: NDArray[np.int64]
    tokens: NDArray[np.int64]

    def of(self, state: "Tensor") -> Vectors:
        """Return the tokens' vectors, (n, d), where they are."""
        vectors = vectors_of(state)
        return vectors if self.mask.all() else vectors[self.mask]

    @cached_attribute
    def by_group(self) -> dict[int, NDArray[np.int64]]:
        """Which of the tokens are in each group that occurs."""
        return {
            group: np.flatnonzero(self.groups == group) for group in np.unique(self.groups).tolist()
        }


class LayerRecord:
    """One layer: moments by group, the sample, further vectors, the largest coordinates.

    Attributes:
        covariance: whether the moments have a scatter.
        moments: of each group that has sums.
        n_bad: tokens with a value that is not finite.
    """

    def __init__(
        self,
        key: LayerKey,
        d: int,
        n_sample: int,
        dtype: type[np.float32] | type[np.float64] = np.float32,
        *,
        covariance: bool = True,
    ) -> None:
        self.key = key
        self.d = d
        self.covariance = covariance
        self.moments: dict[int, Moments] = {REST: self._no_vectors()}
        self.n_sample = n_sample
        self._room = np.empty((n_sample, d), dtype=dtype)
        self._used = n_sample
        self.largest = LargestCoordinates()
        self.n_bad = 0

    def add(self, vectors: Vectors, batch: BatchTokens) -> None:
        """Take in a batch's vectors, (n, d); after one that is not finite nothing more."""
        arithmetic = arithmetic_of(vectors)
        self.n_bad += arithmetic.n_bad(vectors)
        if self.n_bad:
            return
        for group, chosen in batch.by_group.items():
            if group in self.moments:
                self.moments[group].add(vectors, chosen)
        if isinstance(batch.at, slice):
            arithmetic.take(vectors, batch.kept, self._room[batch.at])
        else:
            sampled = np.empty((len(batch.kept), self.d), self._room.dtype)
            arithmetic.take(vectors, batch.kept, sampled)
            self._room[batch.at] = sampled
        self._keep(vectors, batch)
        self.largest.add(vectors, batch.tokens)

    def _keep(self, vectors: Vectors, batch: BatchTokens) -> None:
        first, self._used = self._used, self._used + len(batch.also_kept)
        if self._used > len(self._room):
            # Room for as many again; what is not written to takes no memory.
            room = np.empty((self._used + self.n_sample, self.d), self._room.dtype)
            room[:first] = self._room[:first]
            self._room = room
        arithmetic_of(vectors).take(vectors, batch.also_kept, self._room[first : self._used])

    @property
    def units(self) -> NDArray[np.floating]:
        """The sample, then the vectors kept beside it, (n_units, d)."""
        return self._room[: self._used]

    @property
    def sample(self) -> NDArray[np.floating]:
        """The sample's vectors, (n_sample, d)."""
        return self._room[: self.n_sample]

    def cut_sample(self, kept: NDArray[np.int64]) -> None:
        """Take some rows for all of the sample; nothing was kept beside it."""
        self._room = self._room[kept]
        self.n_sample = self._used = len(kept)

    def settle(self, group: int, rows: NDArray[np.int64]) -> None:
        """Turn a group's vectors, which ``units`` has at those rows, into moments."""
        self.moments[group] = self._no_vectors()
        self.moments[group].add(self.units, rows)

    def _no_vectors(self) -> Moments:
        return Moments.empty(self.d, scatter=self.covariance, packed=True)

    def merged(self, groups: Iterable[int], few: Few) -> Moments:
        """Return the moments of all vectors of some groups, the rest among them.

        Args:
            groups: which.
            few: the rows of ``units`` of groups without sums.
        """
        others = [group for group in groups if group != REST]
        merged = self.moments[REST].whole()
        for group in others:
            if group in self.moments:
                merged.take_in(self.moments[group].whole())
            elif group in few:
                merged.add(self.units, few[group])
        return merged


class PairRecord:
    """A layer and the next: their joint moments by group, and how far tokens move.

    Attributes:
        cross: the joint moments; of no group where they are not wanted.
    """

    def __init__(self, x: LayerRecord, y: LayerRecord, *, joint: bool = True) -> None:
        self.x = x
        self.y = y
        self.cross: dict[int, CrossMoments] = {}
        if joint:
            self.cross[REST] = CrossMoments.empty(x.d, y.d)
        self._slopes: FloatArray | None = None
        # By group: sum and number of update ratios, sum and number of cosines.
        self.steps = np.zeros((N_GROUPS, 4))

    def add(self, x: Vectors, y: Vectors, batch: BatchTokens) -> None:
        """Take in the same tokens' vectors in both layers, (n, d_x) and (n, d_y)."""
        if self.x.n_bad or self.y.n_bad or not batch.by_group:
            return
        if self.cross and self._slopes is None:
            # Ordinary tokens tell them best. All groups have the same, so that they can be merged.
            some = batch.by_group.get(REST, next(iter(batch.by_group.values())))
            self._slopes = slopes_between(x, y, some)
            self.cross[REST] = self._no_tokens()
        for group, chosen in batch.by_group.items():
            if group in self.cross:
                # Sinks are a hundred times as long as other tokens.
                single = group == REST and x.dtype.itemsize == y.dtype.itemsize == 4
                self.cross[group].add(x, y, chosen, single=single)
            if self.x.d == self.y.d:
                ratios, cosines = arithmetic_of(x).compare(x, y, chosen)
                self.steps[group] += [
                    *(np.nansum(ratios), np.isfinite(ratios).sum()),
                    *(np.nansum(cosines), np.isfinite(cosines).sum()),
                ]

    def _no_tokens(self) -> CrossMoments:
        return CrossMoments.empty(self.x.d, self.y.d, self._slopes)

    def settle(self, group: int, rows: NDArray[np.int64]) -> None:
        """Turn a group's vectors, which its layers have at those rows, into moments."""
        if self.cross:
            self.cross[group] = self._no_tokens()
            self.cross[group].add(self.x.units[rows], self.y.units[rows])

    def merged(self, groups: Iterable[int], few: Few) -> CrossMoments:
        """Return the joint moments of all tokens of some groups, the rest among them."""
        if not self.cross:
            return CrossMoments.empty(0, 0)
        others = [group for group in groups if group != REST]
        rest = self.cross[REST].on_host()
        merged = rest.copy() if others else rest
        for group in others:
            if group in self.cross:
                merged.take_in(self.cross[group].on_host())
            elif group in few:
                merged.add(self.x.units[few[group]], self.y.units[few[group]])
        return merged

    def few(
        self, groups: Iterable[int], few: Few
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]] | None:
        """Return both layers' vectors of some groups but the rest; None if some are sums."""
        others = [group for group in groups if group != REST]
        if any(group in self.cross for group in others):
            return None
        rows = [few[group] for group in others if group in few]
        chosen = np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)
        return self.x.units[chosen], self.y.units[chosen]

    @cached_attribute
    def _kept(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return HOST.compare(self.x.units, self.y.units, np.arange(len(self.x.units)))

    def merged_steps(self, groups: Iterable[int]) -> Steps | None:
        """Return how far the tokens of some groups move, and each kept token."""
        if self.x.d != self.y.d:
            return None
        ratio, n_ratios, cosine, n_cosines = self.steps[list(groups)].sum(axis=0)
        ratios, cosines = self._kept
        return Steps(
            ratios,
            cosines,
            mean_ratio=ratio / n_ratios if n_ratios else float("nan"),
            mean_cosine=cosine / n_cosines if n_cosines else float("nan"),
            n_ratios=int(n_ratios),
            n_cosines=int(n_cosines),
        )
