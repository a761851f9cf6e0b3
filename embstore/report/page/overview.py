"""Writes what a reader sees first: a chart under its finding, and the others a line each."""

import html
import json
from collections.abc import Sequence

from embstore.report.findings.sentences import Finding, counted
from embstore.report.page.sections import Lead
from embstore.report.records import Contents, Row

_RUNS_NAMED = 6
_MARKS = {"finding": "", "open": "", "warning": "Note: "}


def overview_section(findings: Sequence[Finding], contents: Contents, lead: Lead | None) -> str:
    """Write the first section: the chart that comes first, then the findings.

    Args:
        findings: of the page.
        contents: what it is about.
        lead: which chart comes first; None where nothing was measured.
    """
    headline = lead.headline if lead else None
    others = [finding for finding in findings if finding is not headline]
    items = "".join(_finding(finding, contents) for finding in others)
    body = f'<ul class="findings">{items}</ul>' if items else ""
    if lead is None:
        title = "Nothing has been measured yet"
        chart = (
            "<p>Fill the store with <code>embstore ingest MODEL --corpus TEXT</code>, then write "
            "this page again.</p>"
        )
    else:
        title = headline.text if headline else "How the layers differ"
        about = ""
        if headline:
            about = f' data-metric="{html.escape(lead.metric)}" data-runs="{list(headline.runs)}"'
        behind = ""
        if headline:
            behind = (
                '<details class="behind"><summary>What the title rests on</summary>'
                f"{_behind(headline, contents)}</details>"
            )
        chart = f'<div id="{lead.view}"{about}>{view_host(lead.view)}</div>{behind}'
        body = body or "<p>Nothing else stands out.</p>"
    return (
        '<section id="overview" aria-labelledby="overview-title">\n'
        f'<h2 id="overview-title">{_text(title)}</h2>\n{chart}\n'
        f'<div id="findings">{body}</div>\n</section>'
    )


def view_host(key: str) -> str:
    """Write the place that the script fills with a view."""
    return (
        f'<div class="view" id="{key}-view"><p class="empty">This needs a browser that runs '
        "scripts; the findings do not.</p></div>"
    )


def _finding(finding: Finding, contents: Contents) -> str:
    drawn = ""
    if finding.spark:
        drawn = f' data-spark="{html.escape(json.dumps(vars(finding.spark)))}"'
    return (
        f'<li class="{finding.tone}"><details data-fold="{html.escape(finding.topic)}">'
        f'<summary><span class="spark"{drawn}></span>'
        f'<span class="text">{_MARKS[finding.tone]}{_text(finding.text)}</span></summary>'
        f"{_behind(finding, contents)}</details></li>"
    )


def _behind(finding: Finding, contents: Contents) -> str:
    """Write what stands behind a finding: numbers, definitions, runs."""
    text = f'<div class="behind-it"><p><b>{html.escape(finding.topic)}.</b> {_text(finding.detail)}'
    if finding.runs:
        named = "".join(_run(contents.runs[place]) for place in finding.runs[:_RUNS_NAMED])
        more = len(finding.runs) - _RUNS_NAMED
        if more > 0:
            named += f"<li>and {more:,} more; the table of runs has them all</li>"
        text += f" From {counted(len(finding.runs), 'run')}:</p><ul>{named}</ul>"
    else:
        text += "</p>"
    return f"{text}</div>"


def _text(text: str) -> str:
    # The percent sign stays with its number when a line breaks.
    return html.escape(text).replace(" %", "&nbsp;%")


def _run(run: Row) -> str:
    place = f"{run['model']} @ {run['revision']}"
    return (
        f"<li><bdi>{html.escape(place)}</bdi> over <bdi>{html.escape(str(run['corpus']))}</bdi>: "
        f"<code>{html.escape(str(run['run_id']))}</code></li>"
    )
