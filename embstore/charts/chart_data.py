"""What a chart is drawn from, once the answer is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from embstore.asking.question import QUANTITY, Channel
from embstore.charts.line_labels import LineLabel
from embstore.charts.palette import Palette
from embstore.charts.theme import PANELS_ABREAST, Theme
from embstore.types import MetricInfo

# The columns of an answer that bound its estimate, and the columns that hold one.
INTERVAL = ("ci_low", "ci_high")
ESTIMATES = ("value", "mean", "dimension", "linearity", "similarity", "contrast", "correlation")
# Those that bound the values of a group's seeds, which are no errors of measurement.
SEED_BAND = ("seed_low", "seed_high")
# Columns of the metric asked for, beside those that end in ``_value``.
_VALUES = {"value", "at_peak", "at_peak_no_sinks", "course_values"}
# Categories that always have the same order and the same colours, whichever are there.
_ORDERED = {"status": ("measured", "undefined", "failed", "not measured")}

# Parts that stand for several states.
_PLURALS = {"block": "blocks"}
# Categories that go before the others, if they are there.
_LEADING = {"site": ("block",)}

# On the full axis, a share whose values are all below this would look like a flat line at 0;
# and where two are compared, below this.
_SMALL, _TINY = 0.05, 1e-4

# A rule up to so many times as large as the largest value is on the axis.
_NEAR = 1.5

# Columns with the names of another column, which both axes list in the same order.
_LIKE = {"neighbor": "series"}


def is_value(column: str) -> bool:
    """Tell whether a column holds the values of the metric asked for."""
    return column in _VALUES or column.endswith("_value")


@dataclass(frozen=True)
class ChartData:
    """The rows of an answer and how they are to be shown.

    Attributes:
        mark: one of the marks of a question's chart line.
        channels: what each visual channel shows, with no ``$parameter`` left.
        rows: the columns drawn, as JSON can hold them; a column of INTERVAL, or of SEED_BAND,
            is there where such a band is drawn.
        metric: what the values mean, where they are of one metric.
        theme: the colours.
        palette: the looks of each category of ``color``.
        line_labels: the names that stand at the ends of the lines, instead of in a legend.
        columns: how many panels stand side by side at most.
        below: whether this view stands below another with the same horizontal axis.
        above: whether it stands above one.
        fewer: how to ask for fewer series; empty where the question takes no such parameter.
    """

    mark: str
    channels: Mapping[str, Channel]
    rows: list[dict[str, object]]
    metric: MetricInfo | None
    theme: Theme
    palette: Palette = field(default_factory=lambda: Palette({}, {}))
    line_labels: tuple[LineLabel, ...] = ()
    fewer: str = ""
    columns: int = PANELS_ABREAST
    below: bool = False
    above: bool = False

    @property
    def has_markers(self) -> bool:
        """Tell whether the lines have markers: a curve has where colours alone are too few."""
        color = self.channels.get("color")
        if self.mark != "curve" or color is None or color.type == "Q":
            return self.mark == "line"
        return len(self.names(color)) > len(self.theme.colors)

    def names(self, channel: Channel) -> list[str]:
        """Return the categories of a channel as the answer orders them: step10 after step9."""
        found = dict.fromkeys(str(row[channel.column]) for row in self.rows)
        always = _ORDERED.get(channel.column, ())
        leading = _LEADING.get(channel.column, ())
        like = [name for name in (*leading, *self._names_like(channel)) if name in found]
        return list(dict.fromkeys([*always, *like, *found]))

    def is_pairs(self) -> bool:
        """Tell whether both axes list the same names."""
        return any(self._names_like(self.channels[key]) for key in "xy")

    def is_share(self, channel: Channel) -> bool:
        """Tell whether a channel holds the metric's values, and these are shares of 1."""
        metric = self.metric
        share = metric is not None and metric.upper == "1" and metric.lower in {"0", "1/d"}
        return share and is_value(channel.column)

    def on_whole_axis(self, channel: Channel, numbers: Sequence[float]) -> bool:
        """Tell whether an axis runs from 0 to 1: its numbers are shares, and not all are small."""
        within = all(0 <= number <= 1 for number in numbers)
        least = _TINY if self.mark == "dumbbell" else _SMALL
        return self.is_share(channel) and within and max(numbers, default=0.0) > least

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
    def seed_band(self) -> tuple[str, ...]:
        """Name the columns of the band over seeds, if one is drawn."""
        return SEED_BAND if set(SEED_BAND) <= self.rows[0].keys() else ()

    @property
    def parts(self) -> list["ChartData"]:
        """Take each category of ``apart`` by itself: it has a view of its own."""
        channel = self.channels.get("apart")
        if channel is None:
            return [self]
        names = self.names(channel)
        return [
            replace(
                self,
                rows=[row for row in self.rows if str(row[channel.column]) == name],
                metric=None if i and self.of_quantities else self.metric,
                below=i > 0,
                above=i < len(names) - 1,
            )
            for i, name in enumerate(names)
        ]

    @property
    def of_quantities(self) -> bool:
        """Tell whether its views show different quantities, the first that of the metric."""
        return "apart" in self.channels and self.channels["apart"].column == QUANTITY

    @property
    def part(self) -> str:
        """Name the category of ``apart`` that this view shows; empty if there is one view."""
        if not (self.above or self.below):
            return ""
        name = self.names(self.channels["apart"])[0]
        return _PLURALS.get(name, name)

    @property
    def reaches_rule(self) -> bool:
        """Tell whether a rule lies near the values: far away it would leave them no room."""
        if "rule" not in self.channels:
            return False
        rules, values = self.numbers(self.channels["rule"]), self.numbers(self.channels["x"])
        return max(rules, default=0) <= _NEAR * max(values, default=0)

    @property
    def panels(self) -> int:
        """Count the panels of the chart."""
        return len(self.names(self.channels["facet"])) if "facet" in self.channels else 1

    @property
    def abreast(self) -> int:
        """Count the panels side by side."""
        return min(self.panels, self.columns)
