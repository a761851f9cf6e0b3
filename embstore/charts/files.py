"""Turns a chart into a picture, or a page that needs no network."""

import html
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embstore.errors import UsageError

if TYPE_CHECKING:
    import altair as alt

SUFFIXES = (".html", ".svg", ".png", ".pdf", ".json")

# Altair's page has no language and no title, and is white around a dark chart.
_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 1.5rem; font-family: {font}; background: {background}; color: {ink}; }}
body {{ overflow-x: auto; }}
</style>"""


class _ForScripts(json.JSONEncoder):
    """Writes JSON for a script on a page: ``</script>`` in a model's name would end it."""

    def encode(self, o: object) -> str:
        return super().encode(o).replace("<", "\\u003c")


def check_suffix(path: str | Path) -> str:
    """Return the suffix that decides the format.

    Raises:
        UsageError: no chart is written in that format; names those that are.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        found = f"suffix {suffix!r}" if suffix else "no suffix"
        raise UsageError(f"chart file {str(path)!r} has {found}; expected {', '.join(SUFFIXES)}")
    return suffix


def render(chart: "alt.TopLevelMixin", suffix: str) -> bytes:
    """Return the file that shows ``chart`` in the format of ``suffix``."""
    if suffix == ".json":
        return (chart.to_json(indent=1, ensure_ascii=False) + "\n").encode()
    if suffix == ".html":
        return _page(chart).encode()
    if suffix == ".svg":
        return _svg(chart).encode()
    picture = io.BytesIO()
    if suffix == ".png":
        # Twice as many pixels as the chart is wide: sharp in print and on good screens.
        chart.save(picture, format="png", scale_factor=2)
    else:
        chart.save(picture, format="pdf")
    return picture.getvalue()


def _svg(chart: "alt.TopLevelMixin") -> str:
    """Draw the chart, with the title and description that Altair leaves out."""
    drawn = io.StringIO()
    chart.save(drawn, format="svg")
    spec = chart.to_dict(validate=False)
    words = f"<title>{_title(spec)}</title><desc>{_description(spec)}</desc>"
    return re.sub(r"<svg\b[^>]*>", lambda found: found[0] + words, drawn.getvalue(), count=1)


def _page(chart: "alt.TopLevelMixin") -> str:
    """Return Altair's page, which holds its scripts, under a head of our own."""
    menu = {"export": True, "source": False, "compiled": False, "editor": False}
    page = chart.to_html(
        inline=True,
        embed_options={"renderer": "svg", "actions": menu},
        json_kwds={"cls": _ForScripts, "ensure_ascii": False, "allow_nan": False},
    )
    spec = chart.to_dict(validate=False)
    config = spec["config"]
    head = _HEAD.format(
        title=_title(spec),
        font=config.get("font", "sans-serif"),
        background=config.get("background", "#ffffff"),
        ink=config.get("title", {}).get("color", "#222222"),
    )
    # The scripts hold the word <body>, too: the page's own is the last.
    scripts, body, shown = page.partition('<meta charset="UTF-8">')[2].rpartition("<body>")
    return f"{head}{scripts}{body}\n<noscript>{_description(spec)}</noscript>{shown}"


def _title(spec: dict[str, Any]) -> str:
    """Return the title of a chart, or of the first of several, escaped and in one line."""
    title = spec.get("vconcat", [spec])[0].get("title")
    if isinstance(title, dict):
        title = title.get("text")
    words = " ".join(title) if isinstance(title, list) else title
    return html.escape(words or "embstore")


def _description(spec: dict[str, Any]) -> str:
    """Return what a chart shows in words, escaped."""
    return html.escape(spec.get("description", ""))
