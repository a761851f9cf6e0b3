"""Turns a chart's specification into a picture, or a page that needs no network."""

import html
import json
import re
from pathlib import Path

from embstore.errors import UsageError

SUFFIXES = (".html", ".svg", ".png", ".pdf", ".json")

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 1.5rem; font-family: {font}; background: {background}; color: {ink}; }}
main {{ overflow-x: auto; }}
</style>
</head>
<body>
<main id="chart"></main>
<noscript>{description}</noscript>
<script type="application/json" id="spec">{spec}</script>
<script>{bundle}</script>
<script>
vegaEmbed(
  "#chart",
  JSON.parse(document.getElementById("spec").textContent),
  {{ renderer: "svg", actions: {{ export: true, source: false, compiled: false, editor: false }} }},
);
</script>
</body>
</html>
"""


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


def render(spec: dict[str, object], suffix: str) -> bytes:
    """Return the file that shows ``spec`` in the format of ``suffix``."""
    if suffix == ".json":
        return (json.dumps(spec, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
    if suffix == ".html":
        return _page(spec).encode()
    import vl_convert

    version = _version(spec)
    # No base address allowed: a chart's data is inside it, nothing is fetched.
    if suffix == ".png":
        return bytes(
            vl_convert.vegalite_to_png(spec, vl_version=version, scale=2, allowed_base_urls=[])
        )
    if suffix == ".pdf":
        return bytes(vl_convert.vegalite_to_pdf(spec, vl_version=version, allowed_base_urls=[]))
    svg = vl_convert.vegalite_to_svg(spec, vl_version=version, allowed_base_urls=[])
    words = f"<title>{html.escape(_headline(spec))}</title>"
    words += f"<desc>{html.escape(str(spec.get('description', '')))}</desc>"
    return re.sub(r"<svg\b[^>]*>", lambda found: found[0] + words, svg, count=1).encode()


def _page(spec: dict[str, object]) -> str:
    import vl_convert

    # "<" is escaped because names are other people's text: "</script>" would end the script.
    embedded = json.dumps(spec, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", _version(spec))
    background, ink, font = _looks(spec)
    return _PAGE.format(
        background=background,
        ink=ink,
        font=font,
        title=html.escape(_headline(spec)),
        description=html.escape(str(spec.get("description", ""))),
        spec=embedded,
        bundle=bundle.replace("</script", "<\\/script"),
    )


def _headline(spec: dict[str, object]) -> str:
    views = spec.get("vconcat")
    title = views[0].get("title") if isinstance(views, list) else spec.get("title")
    if isinstance(title, list):
        return " ".join(map(str, title))
    return title if isinstance(title, str) else "embstore"


def _looks(spec: dict[str, object]) -> tuple[str, str, str]:
    """Take the page's background, ink and font from the chart, so that they go together."""
    config = spec.get("config")
    found = config if isinstance(config, dict) else {}
    title = found.get("title")
    ink = title.get("color", "#222222") if isinstance(title, dict) else "#222222"
    return found.get("background", "#ffffff"), ink, found.get("font", "sans-serif")


def _version(spec: dict[str, object]) -> str:
    """Take the Vega-Lite version that the chart was written for: ``6.4``."""
    found = re.search(r"/v(\d+\.\d+)", str(spec.get("$schema", "")))
    return found[1] if found else "6.4"
