"""Pictures for papers: ``embstore.chart.save_chart`` writes a chart to a file."""

from embstore.charts.build import save_chart

__all__ = ["save_chart"]
