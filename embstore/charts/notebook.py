"""Altair charts that a notebook shows without a network.

Altair's own way, until a renderer is enabled, is a page that fetches its scripts from a
server: on a closed cluster nothing appears. These charts are drawn here instead, and are
Altair charts in everything else.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

import altair as alt

from embstore.charts.files import render

if TYPE_CHECKING:
    _Shown = alt.TopLevelMixin
else:
    # Altair tries all direct subclasses of its mixin when it reads a chart.
    _Shown = object


class _Inline(_Shown):
    """Shows a chart as SVG unless another renderer is enabled, and joins it to others."""

    def _repr_mimebundle_(self, *args: object, **kwds: object) -> Any:
        if alt.renderers.active != "default" or alt.renderers.options:
            return super()._repr_mimebundle_(*args, **kwds)
        words = getattr(self, "description", None)
        return {
            "image/svg+xml": render(self, ".svg").decode(),
            "text/plain": words if isinstance(words, str) else "",
        }

    def __or__(self, other: Any) -> "InlineHConcatChart":
        return InlineHConcatChart(hconcat=[_view(self), _view(other)], **_around(self, other))

    def __and__(self, other: Any) -> "InlineVConcatChart":
        return InlineVConcatChart(vconcat=[_view(self), _view(other)], **_around(self, other))


class InlineChart(_Inline, alt.Chart):
    """A chart of one layer."""


class InlineLayerChart(_Inline, alt.LayerChart):
    """A chart of several layers."""


class InlineFacetChart(_Inline, alt.FacetChart):
    """A chart of several panels."""


class InlineHConcatChart(_Inline, alt.HConcatChart):
    """Charts beside each other."""


class InlineVConcatChart(_Inline, alt.VConcatChart):
    """Charts below each other, or one with its caption."""


AnyChart: TypeAlias = (
    InlineChart | InlineLayerChart | InlineFacetChart | InlineHConcatChart | InlineVConcatChart
)


def _view(chart: Any) -> Any:
    """Return a chart as part of another, which alone may have a configuration."""
    return _without_config(chart) if isinstance(chart, _Inline) else chart


def _without_config(chart: Any) -> Any:
    view = chart.copy(deep=False)
    view.config = alt.Undefined
    return view


def _around(first: Any, second: Any) -> dict[str, Any]:
    """Give what stands on a chart of two: the first one's looks, and both descriptions."""
    found = [getattr(chart, "description", None) for chart in (first, second)]
    words = " ".join(text for text in found if isinstance(text, str))
    return {"config": first.config, "description": words or alt.Undefined}
