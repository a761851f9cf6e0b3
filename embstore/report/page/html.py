"""Writes the page: static sections as escaped HTML, data and script embedded under a policy."""

import base64
import hashlib
import html
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from embstore.report.findings.sentences import Finding, counted
from embstore.report.page.guide import metrics_section, reading_section
from embstore.report.page.overview import overview_section, view_host
from embstore.report.page.sections import FOLDED, VIEWS, Lead, views_of
from embstore.report.records import Contents

_HERE = Path(__file__).parent

# In the order in which later files use earlier ones. They are embstore's own, and so is the
# packing of the numbers: the page has to work from disk, without one request.
_SCRIPTS = (
    *(
        "lib/data",
        "lib/dom",
        "lib/address",
        "lib/folds",
        "lib/download",
        "lib/table",
        "lib/difference",
    ),
    *("lib/picker", "lib/player", "lib/scale", "lib/legend", "lib/save"),
    *("lib/figure", "lib/bands", "lib/lines", "lib/heatmap"),
    *("views/provenance", "views/choices", "views/seeds", "views/numbers", "views/headline"),
    *("views/profiles", "views/checkpoints", "views/training", "views/sides", "views/compare"),
    *("views/curves", "views/layers", "views/spectra", "views/scales", "views/massive"),
    *("views/tables", "views/sparks", "views/start"),
)


@dataclass(frozen=True)
class PageText:
    """What a page says about itself.

    Attributes:
        title: its heading.
        store: the store's name.
        version: of embstore.
        written: when, as text.
        followed: it is written again, and to be loaded again, while the store grows.
    """

    title: str
    store: str
    version: str
    written: str
    followed: bool = False


def write_page(
    text: PageText,
    contents: Contents,
    findings: Sequence[Finding],
    payload: Mapping[str, str],
    *,
    lead: Lead | None = None,
    filled: Collection[str] = (),
) -> str:
    """Put a page together.

    Args:
        text: what it says about itself.
        contents: what it is about.
        findings: its sentences.
        payload: base64 texts by the id of their element; none for an empty store.
        lead: what comes first; None for an empty store.
        filled: of ``spectra``, ``scales`` and ``massive`` those with content.
    """
    script = _script() if payload else ""
    style = (_HERE / "report.css").read_text(encoding="utf-8")
    sections = [overview_section(findings, contents, lead)]
    names = {"overview": "Overview"}
    if lead:
        views = views_of(contents, filled, lead)
        sections += [_section(key) for key in views]
        sections += [metrics_section(contents.metrics), reading_section()]
        names |= {key: VIEWS[key][0] for key in views}
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
    """Allow this script and this style, and nothing from anywhere.

    A chart is saved as PNG by way of an image that the script makes, at a ``blob:`` address.
    """
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src blob:; connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _summary(text: PageText, contents: Contents) -> str:
    again = ""
    if text.followed:
        again = f" Written {text.written}, and again at every newer run: reload the page to see it."
    if not contents.runs:
        return html.escape(f"{text.store} holds no runs yet.{again}")
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
        replaced = (
            "a later one replaces it" if contents.older_runs == 1 else "later ones replace them"
        )
        older = f" {counted(contents.older_runs, 'older run')} left out: {replaced}."
    return html.escape(f"{', '.join(parts)}, measured {days}.{older}{again}")


def _section(key: str) -> str:
    title, doc = VIEWS[key]
    heading = f'<h2 id="{key}-title">{title}</h2>'
    body = f"<p>{doc}</p>\n{view_host(key)}"
    if key in FOLDED:
        body = f"<details><summary>{heading}</summary>\n{body}</details>"
    else:
        body = f"{heading}\n{body}"
    return f'<section id="{key}" aria-labelledby="{key}-title">\n{body}\n</section>'
