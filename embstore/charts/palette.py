"""Which colour and shape each series has: a model keeps its own in every chart of a store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embstore.charts.theme import SHAPES, Theme

if TYPE_CHECKING:
    import pyarrow as pa

# Columns whose names are lines of models, and what orders several lines of one model.
_OF_MODELS = {"model", "model_stack", "series", "state"}
_ORDERS = ("step", "layer")
# Once all colours are taken, they come again nearer to the ink, then nearer to the background (-).
_TONES = (0.0, 0.4, -0.5)
# How far towards the background the first of a model's ordered lines is, and the lines beside
# its first that have no order.
_FIRST, _BESIDE = 0.7, (0.0, 0.35, 0.55)

# Anchors of viridis, from dark to light.
_VIRIDIS = (
    *("#440154", "#482878", "#3e4989", "#31688e", "#26828e"),
    *("#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"),
)


@dataclass(frozen=True)
class Palette:
    """The looks of the categories of ``color``, by name.

    Attributes:
        colors: hexadecimal colours.
        shapes: Vega's names of shapes.
        ordered: groups of names whose colours show an order, such as the steps of a model.
    """

    colors: Mapping[str, str]
    shapes: Mapping[str, str]
    ordered: tuple[tuple[str, ...], ...] = ()


def palette_of(
    column: str, names: Sequence[str], table: "pa.Table", models: Sequence[str], theme: Theme
) -> Palette:
    """Give each name of a column its colour and its shape.

    Lines of models have the colour of their model; of several lines of one model the later
    steps, or the higher layers, are stronger. Where all lines are of one model, those in an
    order run through viridis, and others begin with the model's colour. Other categories take
    colours that no model has, one after the other.

    Args:
        column: of the names.
        names: in the order in which they are shown.
        table: the answer; its columns ``model``, ``step`` and ``layer`` say what a name is.
        models: all models of the store, in an order that stays as the store grows.
        theme: the colours to take.
    """
    of_model, orders = _models_and_orders(column, table)
    if column not in _OF_MODELS:
        return _one_after_the_other(names, theme.statuses if column == "status" else theme.others)
    if not of_model:
        return _one_after_the_other(names, theme.colors)
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(of_model.get(name, name), []).append(name)
    if len(groups) == 1 and len(names) > 2 and _is_ordered(names, orders):
        ranked = sorted(names, key=lambda name: orders[name] or 0)
        return Palette(
            _along_viridis(ranked, theme), dict.fromkeys(names, SHAPES[0]), (tuple(ranked),)
        )
    known = list(dict.fromkeys([*models, *groups]))
    if len(groups) == 1:
        first = known.index(next(iter(groups)))
        colors = {name: model_color(first + i, theme) for i, name in enumerate(names)}
        shapes = {name: SHAPES[(first + i) % len(SHAPES)] for i, name in enumerate(names)}
        return Palette(colors, shapes)
    colors, shapes, ordered = {}, {}, []
    for model, lines in groups.items():
        place = known.index(model)
        tints, own = _tints(lines, orders), model_color(place, theme)
        in_order = len(lines) > 1 and _is_ordered(lines, orders)
        if in_order:
            ordered.append(tuple(sorted(lines, key=lambda name: orders[name] or 0)))
        for beside, name in enumerate(lines):
            colors[name] = blended(own, theme.background, tints[name])
            # Where the order is told by colour, a shape for each line would only be noise.
            other = 0 if in_order else beside + beside // len(SHAPES)
            shapes[name] = SHAPES[(place + other) % len(SHAPES)]
    return Palette(colors, shapes, tuple(ordered))


def model_color(place: int, theme: Theme) -> str:
    """Return the colour of a store's ``place``-th model."""
    n = len(theme.colors)
    color, tone = theme.colors[place % n], _TONES[place // n % len(_TONES)]
    # The last colour is that of ink already.
    to_ink = tone > 0 and place % n < n - 1
    return blended(color, theme.ink if to_ink else theme.background, abs(tone))


def blended(color: str, other: str, share: float) -> str:
    """Mix two colours; ``share`` is that of the other.

    >>> blended("#000000", "#ffffff", 0.5)
    '#808080'
    """
    pairs = zip(_parts(color), _parts(other), strict=True)
    return "#" + "".join(f"{round(own + share * (far - own)):02x}" for own, far in pairs)


def _parts(color: str) -> list[int]:
    return [int(color[start : start + 2], 16) for start in (1, 3, 5)]


def _models_and_orders(
    column: str, table: "pa.Table"
) -> tuple[dict[str, str], dict[str, float | None]]:
    """Say which model each name is of, and where it comes in its order, if that is one place."""
    columns = table.column_names
    if column == "model":
        return {str(name): str(name) for name in table[column].unique().to_pylist()}, {}
    if "model" not in columns:
        return {}, {}
    names = list(map(str, table[column].to_pylist()))
    models = dict(zip(names, map(str, table["model"].to_pylist()), strict=True))
    for order in _ORDERS:
        if order not in columns:
            continue
        found: dict[str, set[float | None]] = {}
        for name, place in zip(names, table[order].to_pylist(), strict=True):
            found.setdefault(name, set()).add(place)
        places = {name: next(iter(each)) for name, each in found.items() if len(each) == 1}
        if len(set(places.values()) - {None}) > 1 and len(places) == len(found):
            return models, places
    return models, {}


def _is_ordered(names: Sequence[str], orders: Mapping[str, float | None]) -> bool:
    places = [orders.get(name) for name in names]
    return None not in places and len(set(places)) == len(places)


def _tints(lines: Sequence[str], orders: Mapping[str, float | None]) -> dict[str, float]:
    """Say how far towards the background each line of one model is."""
    if len(lines) > 1 and _is_ordered(lines, orders):
        ranked = sorted(lines, key=lambda name: orders[name] or 0)
        return {name: _FIRST * (1 - i / (len(ranked) - 1)) for i, name in enumerate(ranked)}
    return {name: _BESIDE[i % len(_BESIDE)] for i, name in enumerate(lines)}


def _one_after_the_other(names: Sequence[str], taken: Sequence[str]) -> Palette:
    colors = {name: taken[i % len(taken)] for i, name in enumerate(names)}
    return Palette(colors, {name: SHAPES[i % len(SHAPES)] for i, name in enumerate(names)})


def _along_viridis(ranked: Sequence[str], theme: Theme) -> dict[str, str]:
    low, high = theme.gradient
    step = (high - low) / max(1, len(ranked) - 1)
    return {name: _viridis(low + i * step) for i, name in enumerate(ranked)}


def _viridis(place: float) -> str:
    """Return the colour at a place from 0 to 1."""
    scaled = place * (len(_VIRIDIS) - 1)
    low = min(int(scaled), len(_VIRIDIS) - 2)
    return blended(_VIRIDIS[low], _VIRIDIS[low + 1], scaled - low)
