"""What is measured of a stack: its tokens in some scopes, and its windows as one vector each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from embstore.choices import WINDOW_SCOPES, Scope
from embstore.common.workers import Workers
from embstore.geometry.arithmetic.choose import vectors_of
from embstore.measuring.collect import LayerRecord
from embstore.measuring.evaluate import LayerResult
from embstore.measuring.layer_distances import distances_for
from embstore.measuring.scopes import same_tokens
from embstore.measuring.stack import StackRecord
from embstore.measuring.token_numbers import WindowMeans
from embstore.measuring.window_vectors import WindowVectors
from embstore.measuring.within_windows import WithinWindows
from embstore.metrics.selection import Selection
from embstore.models.hidden_states import HiddenBatch
from embstore.types import CurvePoint, LayerDistance, LayerKey, Measurement, Spectrum, Stack

Scoped = TypeVar("Scoped", Measurement, Spectrum, CurvePoint, LayerDistance)


@dataclass(frozen=True, eq=False)
class Part:
    """Vectors of a stack that are measured together.

    Attributes:
        stack: what was collected of them.
        same: by each scope that is measured all scopes that hold the same vectors.
        results: of each layer, once it is measured.
        of_pairs: the numbers of each layer and the next, once they are measured.
    """

    stack: StackRecord
    same: Mapping[Scope, list[Scope]]
    results: dict[LayerKey, LayerResult] = field(default_factory=dict)
    of_pairs: list[Measurement] = field(default_factory=list)

    @property
    def scopes(self) -> list[Scope]:
        """The scopes that are measured."""
        return list(self.same)

    @property
    def distances(self) -> list[LayerDistance]:
        """How far every two layers are apart, in every scope."""
        return [
            found for scope in self.same for found in self.in_all(self.stack.distances_in(scope))
        ]

    def in_all(self, found: Iterable[Scoped]) -> list[Scoped]:
        """Repeat what was found in one scope for those that hold the same vectors."""
        return [replace(item, scope=scope) for item in found for scope in self.same[item.scope]]


class StackParts:
    """One stack while batches go by: its tokens, and where asked its windows.

    Attributes:
        tokens: what is collected of its tokens.
    """

    def __init__(
        self,
        widths: Mapping[LayerKey, int],
        positions: NDArray[np.int64],
        windows: NDArray[np.int64],
        scopes: Iterable[Scope],
        selection: Selection,
    ) -> None:
        """Make room.

        Args:
            widths: of each layer.
            positions: windows of the kept tokens, ascending.
            windows: the windows that are kept, each as one vector, ascending.
            scopes: which are measured.
            selection: which metrics.
        """
        self._scopes = [scope for scope in scopes if scope not in WINDOW_SCOPES]
        # Without a scope of tokens there is still to know which are first, and which sinks.
        wanted = selection if self._scopes else Selection(())
        self.tokens = StackRecord(
            [
                LayerRecord(key, d, len(positions), covariance=wanted.needs("covariance"))
                for key, d in widths.items()
            ],
            positions,
            pairs=bool(wanted.of_pair),
            joint=wanted.needs("joint covariance"),
            within=WithinWindows(self._scopes, selection),
            means=WindowMeans(self._scopes, selection),
            distances=distances_for(widths, self._scopes, selection),
        )
        self._windows = [
            WindowVectors(scope, widths, windows, selection)
            for scope in WINDOW_SCOPES
            if scope in scopes
        ]

    def add(
        self,
        stack: Stack,
        batch: HiddenBatch,
        sampled: NDArray[np.int64],
        at: slice | NDArray[np.int64],
        *,
        sink_threshold: float,
        pool: Workers,
    ) -> None:
        """Take in one batch.

        Args:
            stack: which of the batch's stacks.
            batch: the hidden states.
            sampled: flat positions in the batch that are kept.
            at: the rows of the sample that they become.
            sink_threshold: see ``token_groups``.
            pool: workers.
        """
        states = {key: state for key, state in batch.states.items() if key.stack == stack}
        groups = self.tokens.add(
            *(states, batch.mask, batch.ids[stack], batch.windows, batch.places, sampled, at),
            sink_threshold=sink_threshold,
            pool=pool,
        )
        whole = {key: states[key] for key in states if not self.tokens.layers[key].n_bad}
        self.tokens.within.add(whole, batch.mask, groups, batch.windows, pool)
        self.tokens.means.add(whole, batch.token_numbers, batch.mask, groups, batch.windows)
        if self.tokens.distances.wanted:
            vectors = {key: vectors_of(state) for key, state in whole.items()}
            self.tokens.distances.add(vectors, batch.mask, groups, pool)
        for windows in self._windows:
            windows.add(states, batch.mask, groups, batch.windows, pool)

    def finish(self) -> list[Part]:
        """Return what is to be measured, the tokens first; there are no more batches."""
        # An encoder has no sinks, so two of its scopes are one: each is measured once.
        tokens = Part(self.tokens, same_tokens(self.tokens.counts, self._scopes))
        return [
            tokens,
            *(Part(part.finish(), {part.scope: [part.scope]}) for part in self._windows),
        ]
