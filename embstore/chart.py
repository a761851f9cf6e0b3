"""The public name of ``charts.build.save_chart``, which writes a chart to a file."""

from embstore.charts.build import save_chart

__all__ = ["save_chart"]
