"""The looks of a chart, on paper and on a dark screen: colours, and sizes that stay legible."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, TypedDict

import altair as alt

from embstore.common.messages import unknown
from embstore.errors import UsageError

# A theme's name, and one look per name.
ThemeName: TypeAlias = Literal["light", "dark"]

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
DASHES = ([1, 0], [4, 3], [1.5, 2], [8, 2, 2, 2], [9, 3])

# In pixels of the chart. A chart of one panel printed in a column of 3.4 inches shrinks to
# about half, a row of panels across a page to two thirds: type is then 6 points and more.
TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 15, 13, 13
CHARACTER_WIDTH = 6.8
TITLE_CHARACTER_WIDTH = 7.4
WIDTH, HEIGHT = 420, 280
# More columns of names than this have no labels.
MOST_COLUMNS = 60
# Of a longer name beside an axis the rest stands in further lines.
NAME_LETTERS = 34
# By the number of panels side by side.
PANEL_SIZES = {1: (WIDTH, HEIGHT), 2: (280, 230), 3: (220, 200)}
# How high views of different quantities are, of a panel: they stand below each other.
SHARE_OF_QUANTITY = 0.6
PANELS_ABREAST, PANEL_GAP = 3, 28
# More rows of names than this are lower, and have no labels beside their marks.
MANY_ROWS = 25

# vl-convert brings the first one, so that charts are laid out alike on every machine; the
# letters of Arial have the same widths.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"


@dataclass(frozen=True)
class Theme:
    """The colours of one look.

    Attributes:
        name: as a person asks for it.
        background: behind everything.
        ink: titles and labels.
        faint: captions, ticks and the lines of the axes.
        grid: lines behind the data.
        empty: a cell of a heat map without a value.
        colors: of categories, after Okabe and Ito, ordered so that the first few differ
            most; without the one that is hard to see on the background.
        others: of categories that are no models, whose colours they would seem to have: most of
            the muted ones of Paul Tol.
        statuses: of what is measured, undefined, failed and not measured.
        gradient: of numbers along lines, the part of viridis that is easy to see on the
            background.
    """

    name: ThemeName
    background: str
    ink: str
    faint: str
    grid: str
    empty: str
    colors: tuple[str, ...]
    others: tuple[str, ...]
    statuses: tuple[str, ...]
    gradient: tuple[float, float]


LIGHT = Theme(
    name="light",
    background="#ffffff",
    ink="#222222",
    faint="#555555",
    grid="#e4e4e4",
    empty="#ececec",
    # Without the yellow. The first pair of colour and shape to be used twice is that of series 43.
    colors=("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"),
    others=("#332288", "#999933", "#882255", "#44AA99", "#DDCC77", "#AA4499", "#117733"),
    statuses=("#44AA99", "#DDCC77", "#882255", "#bbbbbb"),
    gradient=(0.0, 0.85),
)
DARK = Theme(
    name="dark",
    background="#15181d",
    ink="#f0f0f0",
    faint="#b4b8bf",
    grid="#343a43",
    empty="#2a2f37",
    # Yellow in the place of the dark blue, white in that of black.
    colors=("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#ffffff"),
    others=("#958cf0", "#b8b84d", "#dd6f9b", "#44AA99", "#DDCC77", "#c77fc0", "#63b873"),
    statuses=("#44AA99", "#DDCC77", "#dd6f9b", "#6a727d"),
    gradient=(0.25, 1.0),
)
THEMES: dict[str, Theme] = {theme.name: theme for theme in (LIGHT, DARK)}


def find_theme(name: str) -> Theme:
    """Return the look of that name.

    Raises:
        UsageError: there is none; names those that there are.
    """
    if name not in THEMES:
        raise UsageError(unknown("chart theme", name, THEMES))
    return THEMES[name]


def config_of(theme: Theme) -> alt.Config:
    """Return what every chart of a theme has in common."""
    words = _Words(labelColor=theme.ink, titleColor=theme.ink, labelLimit=0)
    return alt.Config(
        font=FONT,
        background=theme.background,
        padding=8,
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            **words,
            titleLimit=0,
            labelFontSize=SMALL_SIZE,
            titleFontSize=TEXT_SIZE,
            titleFontWeight="normal",
            titlePadding=8,
            gridColor=theme.grid,
            domainColor=theme.faint,
            labelFlush=False,
            tickColor=theme.faint,
        ),
        legend=alt.LegendConfig(
            **words,
            orient="bottom",
            direction="vertical",
            titleLimit=0,
            labelFontSize=SMALL_SIZE,
            titleFontSize=SMALL_SIZE,
            symbolSize=70,
            # Vega's own limit hides what comes after the thirtieth.
            symbolLimit=0,
            rowPadding=4,
            columnPadding=14,
        ),
        facet=alt.CompositionConfig(spacing=PANEL_GAP),
        concat=alt.CompositionConfig(spacing=PANEL_GAP),
        header=alt.HeaderConfig(
            **words,
            titleFontSize=TEXT_SIZE,
            labelFontSize=TEXT_SIZE,
            labelFontWeight="bold",
        ),
        title=alt.TitleConfig(
            color=theme.ink, fontSize=TITLE_SIZE, anchor="start", limit=0, offset=14
        ),
    )


class _Words(TypedDict):
    """What the labels of axes, legends and panels have in common; 0 is no limit."""

    labelColor: str
    titleColor: str
    labelLimit: float
