"""Each window alone: numbers that look at the tokens of one window, window after window."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embstore.choices import Scope
from embstore.common.workers import Workers
from embstore.geometry.arithmetic.choose import arithmetic_of, vectors_of
from embstore.geometry.arithmetic.protocol import Arithmetic, Rows, Vectors
from embstore.geometry.neighbors.in_groups import two_nearest
from embstore.measuring.scopes import GROUPS
from embstore.metrics.families.within_windows import NEEDS
from embstore.metrics.of_one_layer.window_twonn_ml import dimension_of_window
from embstore.metrics.selection import Selection
from embstore.types import FloatArray, LayerKey, WindowNumber

if TYPE_CHECKING:
    from torch import Tensor

Numbers = Mapping[str, FloatArray]


class WithinWindows:
    """Numbers of each window alone, by layer and scope, while batches go by."""

    def __init__(self, scopes: Sequence[Scope], selection: Selection) -> None:
        """Note which are wanted.

        Args:
            scopes: of tokens.
            selection: which metrics.
        """
        self._scopes = scopes
        self._wanted = [what for what, need in NEEDS.items() if selection.needs(need)]
        # The windows of each batch, and by layer and scope their numbers.
        self._windows: list[NDArray[np.int64]] = []
        self._found: dict[tuple[LayerKey, Scope], list[Numbers]] = {}

    def add(
        self,
        states: "Mapping[LayerKey, Tensor]",
        mask: NDArray[np.bool_],
        groups: NDArray[np.int8],
        windows: NDArray[np.int64],
        pool: Workers,
    ) -> None:
        """Take in one batch of the layers that are not broken.

        Args:
            states: hidden states of each layer, (windows, window, d).
            mask: which positions are tokens, (windows, window).
            groups: each token's group, (windows, window).
            windows: their numbers in the order of the draw, (windows,).
            pool: workers.
        """
        if not self._wanted:
            return
        self._windows.append(windows)
        chosen = [mask & np.isin(groups, GROUPS[scope]) for scope in self._scopes]
        measure = partial(_of_layer, chosen=chosen, wanted=self._wanted)
        found = pool.map(measure, map(vectors_of, states.values()))
        for key, by_scope in zip(states, found, strict=True):
            for scope, numbers in zip(self._scopes, by_scope, strict=True):
                self._found.setdefault((key, scope), []).append(numbers)

    def add_rows(self, key: LayerKey, X: Vectors, windows: NDArray[np.int64]) -> None:
        """Take in all vectors of a layer, (n, d), whose windows are ascending, (n,)."""
        ends = np.flatnonzero(np.diff(windows, append=windows[-1:] + 1)) + 1
        if len(ends) < len(windows):
            arithmetic, rows = arithmetic_of(X), np.arange(len(windows))
            found: Numbers = {
                what: _of_groups(arithmetic, X, rows, ends, what) for what in self._wanted
            }
            self._found[key, "all"] = [found]
            self._windows = [np.arange(len(ends))]

    def of(self, key: LayerKey, scope: Scope) -> Numbers:
        """Return each window's numbers, (n_windows,), in a layer and a scope."""
        found = self._found.get((key, scope), ())
        if not found:
            return {}
        # Batches may bring windows in another order than that of the draw.
        order = np.argsort(np.concatenate(self._windows))
        return {
            what: np.concatenate([numbers[what] for numbers in found])[order]
            for what in self._wanted
        }


def _of_layer(
    vectors: Vectors, chosen: Sequence[NDArray[np.bool_]], wanted: Iterable[WindowNumber]
) -> list[Numbers]:
    """Return a layer's numbers for each choice of tokens; equal choices are measured once."""
    known: dict[bytes, Numbers] = {}
    found = []
    arithmetic = arithmetic_of(vectors)
    for tokens in chosen:
        if (key := tokens.tobytes()) not in known:
            known[key] = {}
            (some,) = np.nonzero(tokens.any(axis=1))
            rows, ends = np.flatnonzero(tokens), np.cumsum(tokens.sum(axis=1)[some])
            for what in wanted:
                numbers = np.full(len(tokens), np.nan)
                if len(some):
                    numbers[some] = _of_groups(arithmetic, vectors, rows, ends, what)
                known[key] = {**known[key], what: numbers}
        found.append(known[key])
    return found


def _of_groups(
    arithmetic: Arithmetic[Any], X: Vectors, rows: Rows, ends: Rows, what: WindowNumber
) -> FloatArray:
    """Return a number of each window, (n_windows,), NaN where it is undefined."""
    if what == "dimension":
        return np.array([dimension_of_window(found) for found in two_nearest(X, rows, ends)])
    return arithmetic.within_groups(X, rows, ends, what)
