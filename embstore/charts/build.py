"""Draws the answer to a question, and saves the picture."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import altair as alt

from embstore.asking.parameters import ParameterValue
from embstore.asking.question import Question
from embstore.charts.below import caption_below, counted_tokens, far_pairs, footer
from embstore.charts.chart_data import ChartData
from embstore.charts.files import check_suffix, render
from embstore.charts.fitting import check_letters
from embstore.charts.headlines.find import finding
from embstore.charts.legends import crowding
from embstore.charts.line_labels import line_labels
from embstore.charts.notebook import AnyChart as AnyChart
from embstore.charts.notebook import InlineFootedChart
from embstore.charts.palette import palette_of
from embstore.charts.panels import few_panels
from embstore.charts.rows import (
    check_columns,
    check_sizes,
    drawn_rows,
    fewer,
    is_only_metric,
    resolved,
    unrolled,
    with_lines,
)
from embstore.charts.theme import PANELS_ABREAST, config_of, find_theme
from embstore.charts.views import view_of, width_of
from embstore.charts.words import describe, headline, titled
from embstore.common.files import write_atomically
from embstore.errors import QueryError, UsageError
from embstore.types import MetricInfo

if TYPE_CHECKING:
    import pyarrow as pa

# Of two models each is the other's nearest.
LEAST_PAIRED = 3


def build_chart(
    question: Question,
    table: "pa.Table",
    *,
    params: Mapping[str, ParameterValue] | None = None,
    metric: MetricInfo | None = None,
    caption: str | None = None,
    theme: str = "light",
    columns: int = PANELS_ABREAST,
    models: Sequence[str] = (),
    empty: str = "",
) -> AnyChart:
    """Draw a question's rows as its ``chart:`` line says.

    The title states what the rows show, where a built-in question has a finding; else it is
    the question. Missing values are gaps. Series differ by colour and by shape. Where the
    answer has ``ci_low`` and ``ci_high`` around a line of its ``value`` or ``dimension``,
    that interval is a light band behind the line, or a bar through the point. In a heat
    map a cell without a value is grey and crossed out. A row with lists in the columns of
    ``x`` and ``y`` is drawn as one mark for each of their items.

    Args:
        question: what was asked; its encoding says how to draw.
        table: the answer.
        params: what was asked with, where the encoding names a ``$parameter``;
            the defaults where not given.
        metric: what the values mean, for title, unit and bounds of their axis.
        caption: a sentence to stand under the chart.
        theme: ``light`` or ``dark``.
        columns: how many panels stand side by side at most: 1 for a narrow page.
        models: all models of the store, the first measured first: each has its colour by
            its place among them.
        empty: why there may be no rows.

    Raises:
        UsageError: no such theme, or so many columns.
        QueryError: the question has no chart line, the chart needs a column that
            is not there or holds something else, or the table has no rows or too many.

    Warns:
        UserWarning: some series look alike; says how to ask for fewer.
    """
    looks = find_theme(theme)
    if not 1 <= columns <= PANELS_ABREAST:
        raise UsageError(f"a chart has 1 to {PANELS_ABREAST} columns of panels, not {columns}")
    if question.encoding is None:
        raise QueryError(
            f"question {question.name} has no chart; print it: embstore query {question.name}"
        )
    channels = resolved(question, params or {})
    check_columns(question, table, channels)
    if metric is not None and not is_only_metric(table, metric):
        metric = None
    mark = question.encoding.mark
    channels, table, note = few_panels(mark, channels, table, fewer(question, table))
    answer, table = table, unrolled(question, table, channels, empty)
    check_sizes(question, table, channels)
    channels = check_letters(question, table, channels)
    rows, without = with_lines(mark, drawn_rows(question, table, channels), channels)
    data = ChartData(
        mark, channels, rows, metric, looks, fewer=fewer(question, table), columns=columns
    )
    if "color" in channels and channels["color"].type != "Q":
        column, names = channels["color"].column, data.names(channels["color"])
        data = replace(data, palette=palette_of(column, names, table, models, looks))
    if data.is_pairs() and len(data.names(channels["y"])) < LEAST_PAIRED:
        raise QueryError(
            f"question {question.name}: fewer than {LEAST_PAIRED} models were measured alike, so "
            "that there is nothing to choose from; see how two differ: embstore compare A B"
        )
    data = replace(data, line_labels=line_labels(data))
    if crowded := crowding(data):
        warnings.warn(crowded, stacklevel=3)
    found = finding(question, answer, metric, params or {})
    tokens = counted_tokens(data, answer, (params or {}).get("scope"))
    said = [tokens, note, without, far_pairs(data, answer), caption]
    below = " ".join(filter(None, said)) or None
    return _chart(data, headline(question.title, metric), found, below)


def save_chart(chart: AnyChart, path: str | Path) -> None:
    """Write a chart to ``path``; the suffix is the format. The file appears whole.

    ``.html`` holds all its scripts and data and loads nothing; equal charts give equal
    ``.svg`` files, to the byte; ``.json`` is the Vega-Lite specification.

    Raises:
        UsageError: no such format.
        EmbstoreError: the file cannot be written.
    """
    suffix = check_suffix(path)
    write_atomically(path, render(chart, suffix))


def _chart(data: ChartData, title: str, found: str | None, caption: str | None) -> AnyChart:
    """Return the whole chart: view, title, footer, description, looks and data."""
    below = footer(data, caption)
    width = width_of(data)
    chart: AnyChart = view_of(data).properties(title=titled(title, found, width, data.theme))
    if below:
        words = caption_below(below, width, data.theme)
        chart = InlineFootedChart(vconcat=[chart], title=words)
    said = f"{found}. {title}" if found else title
    return chart.properties(
        data=alt.InlineData(values=data.rows),
        description=describe(data, said, below),
        config=config_of(data.theme),
    )
