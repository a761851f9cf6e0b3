"""What all pages that are made from the code share."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embstore.types import MetricInfo

ROOT = Path(__file__).parents[2]

MADE = "<!-- Made by make docs from the code and docs/{}.toml: change those. -->\n"


def row(*cells: object) -> str:
    """Return one line of a Markdown table."""
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table."""
    columns = list(header)
    return "\n".join([row(*columns), "|" + "---|" * len(columns), *(row(*r) for r in rows)])


def bounds(info: "MetricInfo") -> str:
    """Write a metric's bounds as an interval."""
    return f"[{info.lower}, {info.upper}{')' if info.upper == 'inf' else ']'}"


def words_of(page: str) -> Mapping[str, Any]:
    """Return what the code does not say of a page."""
    return tomllib.loads((ROOT / "docs" / f"{page}.toml").read_text())
