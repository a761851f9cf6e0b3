"""Which of several layers have vectors of one width."""

from collections.abc import Sequence

from embstore.geometry.arithmetic.protocol import Vectors


def by_width(layers: Sequence[Vectors]) -> dict[int, list[int]]:
    """Return the places of layers, (n, d) each, by their width d."""
    found: dict[int, list[int]] = {}
    for place, layer in enumerate(layers):
        found.setdefault(int(layer.shape[1]), []).append(place)
    return found
