"""Writes the page: static sections as escaped HTML, data and script embedded under a policy."""

import base64
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from embstore.report.findings.sentences import Finding, counted
from embstore.report.page.guide import metrics_section, reading_section
from embstore.report.records import Contents, Row

_HERE = Path(__file__).parent

# In the order in which later files use earlier ones. They are embstore's own, and so is the
# packing of the numbers: the page has to work from disk, without one request.
_SCRIPTS = (
    *("lib/data", "lib/dom", "lib/download", "lib/table"),
    *("lib/scale", "lib/figure", "lib/lines", "lib/heatmap"),
    *("views/provenance", "views/choices", "views/profiles", "views/training", "views/compare"),
    *("views/curves", "views/layers", "views/spectra", "views/scales", "views/massive"),
    *("views/tables", "views/start"),
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
    "spectra": (
        "Spectra",
        "Which share of the variance each principal direction carries, the largest first. One "
        "direction far above the others is what makes a layer anisotropic. Last checkpoints only.",
    ),
    "scales": (
        "Dimension by scale",
        "The intrinsic dimension from the distances to each token's k-th and 2k-th neighbour "
        "(Gride). Rely on it where it is flat over a range of scales; noise raises it at the "
        "smallest distances. Last checkpoints only.",
    ),
    "massive": (
        "Massive activations",
        "The largest single coordinates of every layer, over all tokens, with the token each "
        "belongs to. Last checkpoints only.",
    ),
    "coverage": ("Coverage", "What was measured, what failed, and what is undefined."),
    "runs": (
        "Runs",
        "Every number belongs to one run: weights, text, sample and software decide it.",
    ),
}

_RUNS_NAMED = 20


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
        sections += [metrics_section(contents.metrics), reading_section()]
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
    # The percent sign stays with its number when a line breaks.
    words = html.escape(finding.text).replace(" %", "&nbsp;%")
    text = (
        f'<li class="{finding.tone}"><p><span class="topic">{mark}{html.escape(finding.topic)}'
        f"</span>{words}</p>"
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
