"""Altair charts that a notebook shows without a network.

Altair by default shows a chart as a page that loads its scripts from the network: without
one, nothing appears. These charts show themselves as a picture made on this machine, and
are Altair charts in everything else. Altair could be told to do so by enabling a renderer,
but that would change how other charts in the notebook are shown.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

import altair as alt

from embstore.charts.files import render

if TYPE_CHECKING:
    _Shown = alt.TopLevelMixin
else:
    # Not a direct subclass: Altair's from_dict tries each of those, and would return ours.
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
    """Charts below each other."""


class InlineFootedChart(InlineVConcatChart):
    """A chart above its footer.

    A view has one title: the footer is that of a concatenation around the chart. Whoever gives
    it another title, or lays a mark over it, means the chart.
    """

    def properties(self, **given: Any) -> "InlineFootedChart":
        """Set properties: title, width and height are the chart's."""
        own = {key: given.pop(key) for key in ("title", "width", "height") if key in given}
        footed: InlineFootedChart = super().properties(**given)
        return footed._with_chart(footed.vconcat[0].properties(**own)) if own else footed

    def __add__(self, other: Any) -> Any:
        return self._with_chart(self.vconcat[0] + _view(other))

    def _with_chart(self, chart: Any) -> "InlineFootedChart":
        footed: InlineFootedChart = self.copy(deep=False)
        footed.vconcat = [chart]
        return footed


AnyChart: TypeAlias = (
    InlineChart | InlineLayerChart | InlineFacetChart | InlineHConcatChart | InlineVConcatChart
)


def _view(chart: Any) -> Any:
    """Return a chart without its configuration, which Altair allows on the whole only."""
    ours = isinstance(chart, _Inline)
    if not ours:
        return chart
    view = chart.copy(deep=False)
    view.config = alt.Undefined
    return view


def _around(first: Any, second: Any) -> dict[str, Any]:
    """Return what a chart of two has as a whole: the first one's looks, both descriptions."""
    found = [getattr(chart, "description", None) for chart in (first, second)]
    words = " ".join(text for text in found if isinstance(text, str))
    return {"config": first.config, "description": words or alt.Undefined}
