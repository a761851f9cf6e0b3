"""Writes the page: static sections as escaped HTML, data and script embedded under a policy."""

import base64
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from embstore.report.contents import Contents, Row
from embstore.report.sentences import Finding, counted

_HERE = Path(__file__).parent

# In the order in which later files use earlier ones.
_SCRIPTS = (
    *("data", "dom", "download", "table", "scale", "figure", "lines", "heatmap"),
    *("provenance", "choices", "profiles", "training", "compare", "tables", "start"),
)

# Sections that the script fills.
_VIEWS = {
    "profiles": (
        "Profiles",
        "One line per model: how a metric runs from the embedding to the last block.",
    ),
    "training": (
        "Training",
        "One model: every layer at every checkpoint. Hatched cells have no number.",
    ),
    "compare": ("Compare two", "Two checkpoints, of two models or of one, over all metrics."),
    "coverage": ("Coverage", "What was measured, what failed, and what is undefined."),
    "runs": (
        "Runs",
        "Every number belongs to one run: weights, text, sample and software decide it.",
    ),
}

_RUNS_NAMED = 20

_SCOPES = (
    ("all tokens", "every token but padding; the setting of the study this tool grew from."),
    ("without first tokens", "position 0 of every window left out."),
    (
        "without attention sinks",
        "also without the few tokens whose norm exceeds a multiple of their window's median at "
        "some block; those few can decide every metric of variance.",
    ),
)


@dataclass(frozen=True)
class PageText:
    """What a page says about itself.

    Attributes:
        title: its heading.
        store: the store's name.
        version: of embstore.
        written: when, as text.
    """

    title: str
    store: str
    version: str
    written: str


def write_page(
    text: PageText,
    contents: Contents,
    findings: Sequence[Finding],
    payload: Mapping[str, str],
) -> str:
    """Put a page together.

    Args:
        text: what it says about itself.
        contents: what it is about.
        findings: its sentences.
        payload: base64 texts by the id of their element; none for an empty store.
    """
    script = _script() if payload else ""
    style = (_HERE / "report.css").read_text(encoding="utf-8")
    sections = [_findings(findings, contents)]
    if payload:
        sections += [_view(key, title, doc) for key, (title, doc) in _VIEWS.items()]
        sections += [_metrics(contents.metrics), _reading()]
    names = {"findings": "Findings"}
    if payload:
        names |= {key: title for key, (title, _) in _VIEWS.items()}
        names |= {"metrics": "Metrics", "reading": "How to read it"}
    return _fill(
        (_HERE / "page.html").read_text(encoding="utf-8"),
        {
            "policy": _policy(script, style),
            "version": html.escape(text.version),
            "title": html.escape(text.title),
            "style": style,
            "summary": _summary(text, contents),
            "contents": "".join(
                f'<li><a href="#{key}">{name}</a></li>' for key, name in names.items()
            ),
            "sections": "\n".join(sections),
            "footer": html.escape(
                f"Written {text.written} by embstore {text.version} from {text.store}. "
                "Numbers are rounded to four significant digits; the store has them in full."
            ),
            "payload": "\n".join(
                f'<script type="application/octet-stream" id="{key}">{content}</script>'
                for key, content in payload.items()
            ),
            "script": script,
        },
    )


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Fill in a template in one pass, so that no value is taken for a place to fill."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def _script() -> str:
    parts = [(_HERE / "scripts" / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n"


def _policy(script: str, style: str) -> str:
    """Allow this script and this style, and nothing from anywhere."""
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src 'none'; connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _summary(text: PageText, contents: Contents) -> str:
    if not contents.runs:
        return html.escape(f"{text.store} holds no runs yet.")
    checkpoints = len({(run["model_id"], run["revision"]) for run in contents.runs})
    dates = sorted(str(run["created_at"])[:10] for run in contents.runs)
    days = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    parts = [
        counted(len(contents.models), "model"),
        counted(checkpoints, "checkpoint"),
        counted(len(contents.runs), "run"),
        counted(len(contents.corpora), "text"),
    ]
    older = ""
    if contents.older_runs:
        replaced = "a later one replaces it" if contents.older_runs == 1 else "later ones replace"
        older = f" {counted(contents.older_runs, 'older run')} left out: {replaced}."
    return html.escape(f"{', '.join(parts)}, measured {days}.{older}")


def _findings(findings: Sequence[Finding], contents: Contents) -> str:
    if not contents.runs:
        body = (
            "<p>Nothing has been measured yet. Fill the store with "
            "<code>embstore ingest MODEL --corpus TEXT</code>, then write this page again.</p>"
        )
        if findings:
            body += f'<ul class="findings">{"".join(_finding(x, contents) for x in findings)}</ul>'
    else:
        items = "".join(_finding(finding, contents) for finding in findings)
        body = f'<ul class="findings">{items}</ul>' if items else "<p>Nothing stands out.</p>"
    return (
        f'<section id="findings" aria-labelledby="findings-title">\n'
        f'<h2 id="findings-title">Findings</h2>\n{body}\n</section>'
    )


def _finding(finding: Finding, contents: Contents) -> str:
    mark = {"finding": "", "open": "Open: ", "warning": "Note: "}[finding.tone]
    text = (
        f'<li class="{finding.tone}"><p><span class="topic">{mark}{html.escape(finding.topic)}'
        f"</span>{html.escape(finding.text)}</p>"
    )
    if finding.runs:
        named = "".join(_run(contents.runs[place]) for place in finding.runs[:_RUNS_NAMED])
        more = len(finding.runs) - _RUNS_NAMED
        if more > 0:
            named += f"<li>and {more:,} more; the table of runs has them all</li>"
        text += (
            f"<details><summary>From {counted(len(finding.runs), 'run')}</summary>"
            f"<ul>{named}</ul></details>"
        )
    return f"{text}</li>"


def _run(run: Row) -> str:
    place = f"{run['model']} @ {run['revision']}"
    return (
        f"<li><bdi>{html.escape(place)}</bdi> over <bdi>{html.escape(str(run['corpus']))}</bdi>: "
        f"<code>{html.escape(str(run['run_id']))}</code></li>"
    )


def _view(key: str, title: str, doc: str) -> str:
    return (
        f'<section id="{key}" aria-labelledby="{key}-title">\n<h2 id="{key}-title">{title}</h2>\n'
        f"<p>{doc}</p>\n"
        f'<div class="view" id="{key}-view"><p class="empty">This needs a browser that runs '
        "scripts; the findings above do not.</p></div>\n</section>"
    )


def _metrics(metrics: Sequence[Row]) -> str:
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
        '<h2 id="metrics-title">Metrics</h2>\n'
        '<div class="view" id="metrics-view">'
        '<div class="scroll" role="region" aria-label="Metrics" tabindex="0"><table>'
        "<caption>What each number means; n counts tokens, d dimensions</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></div>\n</section>"
    )


def _reading() -> str:
    scopes = "".join(f"<dt>{name}</dt><dd>{doc}</dd>" for name, doc in _SCOPES)
    return (
        '<section id="reading" aria-labelledby="reading-title">\n'
        '<h2 id="reading-title">How to read it</h2>\n'
        "<h3>Tokens counted</h3>\n"
        f'<div class="facts"><dl>{scopes}</dl></div>\n'
        "<h3>Layers</h3>\n<p>Layer 0 is the output of the embedding; relative depth is the layer "
        "divided by their number, the axis on which models of unequal length compare. The state "
        "after the final norm is rescaled, so it stands apart and is left out of the findings.</p>"
        "\n<h3>Intervals</h3>\n<p>Bands are 95 % intervals that take a window of text as the unit, "
        "since tokens of one window resemble each other. The table of metrics says how each is "
        "made.</p>\n<h3>Missing numbers</h3>\n<p>A number that was never measured, one that is "
        "undefined, and one that this page leaves out to stay small are hatched each in its own "
        "way, and lines break there.</p>\n</section>"
    )
