"""Writes the sections that explain a page: what each metric means, and how to read it."""

import html
from collections.abc import Sequence

from embstore.metrics.conventions import LEVEL_IN_WORDS
from embstore.report.records import Row

_SCOPES = (
    ("all tokens (all)", "every token but padding; the setting of the study this tool grew from."),
    ("without first tokens (no_first)", "position 0 of every window left out."),
    (
        "without attention sinks (no_sinks)",
        "also without the few tokens whose norm exceeds a multiple of their window's median at "
        "some block; those few can decide every metric of variance.",
    ),
    ("last token of each window (last)", "one vector for each window: that of its last token."),
    (
        "mean over each window (mean)",
        "one vector for each window: the mean of its tokens that are neither first nor sinks.",
    ),
)


def metrics_section(metrics: Sequence[Row]) -> str:
    """Tabulate what each number means, for readers without scripts too."""
    columns = {
        "name": "Name",
        "title": "Title",
        "symbol": "Symbol",
        "formula": "Formula",
        "unit": "Unit",
        "lower": "From",
        "upper": "to",
        "citation": "Source",
        "uncertainty": "Interval",
        "version": "Version",
    }
    head = "".join(f'<th scope="col">{title}</th>' for title in columns.values())
    rows = "".join(
        "<tr>"
        + f'<th scope="row"><code>{html.escape(str(metric["name"]))}</code></th>'
        + "".join(
            f"<td>{html.escape('' if metric[key] is None else str(metric[key]))}</td>"
            for key in list(columns)[1:]
        )
        + "</tr>"
        for metric in metrics
    )
    return (
        '<section id="metrics" aria-labelledby="metrics-title">\n'
        '<details><summary><h2 id="metrics-title">Metrics</h2></summary>\n'
        '<div class="view" id="metrics-view">'
        '<div class="scroll" role="region" aria-label="Metrics" tabindex="0"><table>'
        "<caption>What each number means; n counts tokens, d dimensions</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></div></details>\n</section>"
    )


def reading_section() -> str:
    """Explain scopes, layers, checkpoints, intervals and missing numbers."""
    scopes = "".join(f"<dt>{name}</dt><dd>{doc}</dd>" for name, doc in _SCOPES)
    return (
        '<section id="reading" aria-labelledby="reading-title">\n'
        '<details><summary><h2 id="reading-title">How to read it</h2></summary>\n'
        "<h3>Tokens counted</h3>\n"
        f'<div class="facts"><dl>{scopes}</dl></div>\n'
        "<h3>Layers</h3>\n<p>Layer 0 is the output of the embedding; relative depth is the layer "
        "divided by the number of layers, so that models with more and with fewer can be compared. "
        "The state after the final norm is rescaled: it is shown apart, and left out of the "
        "findings.</p>"
        "\n<h3>Mean, peak, highest block</h3>\n<p>The mean over the blocks is that of all blocks "
        "of a model, without the embedding and the state after the final norm. The peak is the "
        "highest layer, the embedding included; the highest block is the highest without it. The "
        "peak of a dimension that is estimated from neighbours is that of the blocks: the "
        "embedding has the dimension of the words that were read, and a chart may leave it off its "
        "axis. So they are called in <code>embstore compare</code> and in the questions, too.</p>"
        "\n<h3>Last checkpoints</h3>\n<p>The last checkpoint of a model over a text is one without "
        "a training step, such as main, else the one furthest in training. Spectra, dimensions by "
        "scale and massive activations are here for these only, and spectra at some 40 ranks; the "
        "store has all of them.</p>"
        f"\n<h3>Intervals</h3>\n<p>Bands are {LEVEL_IN_WORDS} intervals that take a window of text "
        "as the unit, since tokens of one window resemble each other. The table of metrics says "
        "how each is made.</p>\n<h3>Missing numbers</h3>\n<p>A number that was never measured, one "
        "that is undefined, and one that this page leaves out to stay small are hatched each in "
        "its own way, and lines break there.</p></details>\n</section>"
    )
