"""What a chart is drawn from, once the answer is there."""

from collections.abc import Mapping
from dataclasses import dataclass

from embstore.asking.question import Channel
from embstore.charts.theme import Theme
from embstore.types import MetricInfo

# The columns of an answer that bound its estimate, and the columns that hold one.
INTERVAL = ("ci_low", "ci_high")
ESTIMATES = ("value", "dimension", "linearity", "similarity", "contrast")
# Categories that always have the same order and the same colours, whichever are there.
_ORDERED = {"status": ("measured", "undefined", "failed", "not measured")}

# Columns with the names of another column, which both axes list in the same order.
_LIKE = {"neighbor": "series"}


@dataclass(frozen=True)
class ChartData:
    """The rows of an answer and how they are to be shown.

    Attributes:
        mark: one of the marks of a question's chart line.
        channels: what each visual channel shows, with no ``$parameter`` left.
        rows: the columns drawn, as JSON can hold them; a column of INTERVAL is there where
            an interval is drawn.
        metric: what the values mean, where they are of one metric.
        theme: the colours.
        fewer: how to ask for fewer series; empty where the question takes no such parameter.
    """

    mark: str
    channels: Mapping[str, Channel]
    rows: list[dict[str, object]]
    metric: MetricInfo | None
    theme: Theme
    fewer: str = ""

    def names(self, channel: Channel) -> list[str]:
        """Return the categories of a channel as the answer orders them: step10 after step9."""
        found = dict.fromkeys(str(row[channel.column]) for row in self.rows)
        always = _ORDERED.get(channel.column, ())
        like = [name for name in self._names_like(channel) if name in found]
        return list(dict.fromkeys([*always, *like, *found]))

    def order(self, channel: Channel) -> list[str] | None:
        """Return the order of names along an axis; None for that of the rows."""
        return self.names(channel) if self._names_like(channel) else None

    def _names_like(self, channel: Channel) -> list[str]:
        """Return the names of the other column whose order this channel follows."""
        column = _LIKE.get(channel.column)
        if column is None or column not in self.rows[0]:
            return []
        return [str(row[column]) for row in self.rows]

    def numbers(self, channel: Channel) -> list[float]:
        """Return the numbers of a channel, gaps left out."""
        found = (row[channel.column] for row in self.rows)
        return [number for number in found if isinstance(number, int | float)]

    @property
    def interval(self) -> tuple[str, ...]:
        """Name the columns of the interval, if one is drawn."""
        return INTERVAL if set(INTERVAL) <= self.rows[0].keys() else ()

    @property
    def panels(self) -> int:
        """Count the panels of the chart."""
        return len(self.names(self.channels["facet"])) if "facet" in self.channels else 1
