"""What tokens have beside their vectors, averaged over each window while batches go by."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embstore.choices import Scope
from embstore.measuring.scopes import GROUPS
from embstore.metrics.conventions import SINK_SHARE
from embstore.metrics.metric import Need
from embstore.metrics.selection import Selection
from embstore.types import FloatArray, LayerKey, TokenNumber

if TYPE_CHECKING:
    from torch import Tensor

    from embstore.models.hidden_states import TokenNumbers

_NEEDS: Mapping[TokenNumber, Need] = {
    "loss": "head",
    "lens entropy": "head",
    "lens divergence": "head",
    "attention entropy": "attention",
    "attention to first": "attention",
    "first norm": "first norms",
}


class WindowMeans:
    """Each window's mean of what its tokens have, by layer and scope."""

    def __init__(self, scopes: Sequence[Scope], selection: Selection) -> None:
        """Note which are wanted.

        Args:
            scopes: of tokens.
            selection: which metrics.
        """
        self._scopes = scopes
        self._wanted = [what for what, need in _NEEDS.items() if selection.needs(need)]
        # The windows of each batch, and by layer, number and scope the mean of each.
        self._windows: list[NDArray[np.int64]] = []
        self._found: dict[tuple[LayerKey, TokenNumber, Scope], list[FloatArray]] = {}
        self._why_not: dict[LayerKey, dict[str, str]] = {}

    def add(
        self,
        states: "Mapping[LayerKey, Tensor]",
        numbers: "TokenNumbers",
        mask: NDArray[np.bool_],
        groups: NDArray[np.int8],
        windows: NDArray[np.int64],
    ) -> None:
        """Take in one batch of the layers that are not broken.

        Args:
            states: hidden states of each layer, (windows, window, d).
            numbers: of each token, or why there are none, by layer.
            mask: which positions are tokens, (windows, window).
            groups: each token's group, (windows, window).
            windows: their numbers in the order of the draw, (windows,).
        """
        if not self._wanted:
            return
        self._windows.append(windows)
        chosen = {scope: mask & np.isin(groups, GROUPS[scope]) for scope in self._scopes}
        for key, state in states.items():
            of_layer = dict(numbers.get(key, {}))
            if "first norm" in self._wanted:
                of_layer["first norm"] = _first_norms(state)
            for what in self._wanted:
                found = of_layer.get(what)
                if isinstance(found, str):
                    self._why_not.setdefault(key, {})[what] = found
                elif found is not None:
                    for scope, tokens in chosen.items():
                        means = _means(found, tokens, what)
                        self._found.setdefault((key, what, scope), []).append(means)

    def of(self, key: LayerKey, scope: Scope) -> Mapping[str, FloatArray]:
        """Return each window's means, (n_windows,), in a layer and a scope."""
        # Batches may bring windows in another order than that of the draw.
        order = np.argsort(np.concatenate(self._windows)) if self._windows else slice(0)
        return {
            what: np.concatenate(self._found[key, what, scope])[order]
            for what in self._wanted
            if (key, what, scope) in self._found
        }

    def why_not(self, key: LayerKey) -> Mapping[str, str]:
        """Return why a layer lacks some of them."""
        return self._why_not.get(key, {})


def _first_norms(state: "Tensor") -> FloatArray:
    """Return the length of the first vector of each window, NaN at all others."""
    lengths = np.full(tuple(state.shape[:2]), np.nan)
    lengths[:, 0] = state[:, 0].double().norm(dim=-1).cpu().numpy()
    return lengths


def _means(numbers: FloatArray, tokens: NDArray[np.bool_], what: TokenNumber) -> FloatArray:
    """Average over the chosen tokens of each window, NaN for a window without any, (windows,).

    Args:
        numbers: of each token, NaN where it has none, (windows, window), or of each head,
            (windows, window, heads).
        tokens: which are chosen, (windows, window).
        what: the number.
    """
    known = tokens & ~np.isnan(numbers.reshape(*tokens.shape, -1)).any(axis=-1)
    places = known.reshape(known.shape + (1,) * (numbers.ndim - 2))
    counts = places.sum(axis=1)
    sums = np.where(places, numbers, 0.0).sum(axis=1)
    means: FloatArray = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    if what != "attention to first":
        return means
    share: FloatArray = (means > SINK_SHARE).mean(axis=1)
    return np.where(known.any(axis=1), share, np.nan)
