"""Small questions and answers for charts, and finding one's way in a specification."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from embstore.asking.question import Question, parse_question
from embstore.charts.build import AnyChart
from embstore.charts.chart_data import INTERVAL
from embstore.types import MetricInfo

NASTY = "</script><img src=x onerror=alert(1)>"
SHARE = MetricInfo("anisotropy", 1, "Anisotropy", "A", "", "1", "1/d", "1", "")
DIMENSION = MetricInfo("twonn", 1, "Intrinsic dimension", "ID", "", "dimensions", "0", "inf", "")


def ask(chart: str = "mark=line x=depth:Q y=value:Q color=series:N dash=scope:N") -> Question:
    text = f"-- title: Profile across layers\n-- chart: {chart}\nSELECT 1"
    return parse_question(text, Path("q.sql"))


def rows(*series: str, metric: str = "anisotropy", top: float = 0.9, n: int = 5) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "series": name,
                "scope": scope,
                "kind": "decoder" if scope == "all" else "encoder",
                "layer": layer,
                "depth": layer / (n - 1),
                "value": top * layer / (n - 1),
                "metric": metric,
            }
            for name in series
            for scope in ("all", "no_sinks")
            for layer in range(n)
        ]
    )


def spec_of(chart: AnyChart) -> dict[str, object]:
    spec: dict[str, object] = json.loads(json.dumps(chart.to_dict()))
    return spec


def find(node: object, key: str) -> list[object]:
    """Every value under ``key``, anywhere in a specification."""
    if isinstance(node, dict):
        return [v for k, v in node.items() if k == key] + [
            found for v in node.values() for found in find(v, key)
        ]
    return [found for item in node for found in find(item, key)] if isinstance(node, list) else []


def channels(node: object, name: str) -> list[dict[str, Any]]:
    """What a channel is, wherever a specification has it for a column; there must be one."""
    named = [channel for channel in find(node, name) if isinstance(channel, dict)]
    found = [channel for channel in named if "field" in channel]
    assert found, f"no channel {name}"
    return found


def with_intervals(table: pa.Table, half: float | None) -> pa.Table:
    values = table["value"].to_pylist()
    for name, sign in zip(INTERVAL, (-1, 1), strict=True):
        bounds = [None if half is None else value + sign * half for value in values]
        table = table.append_column(name, pa.array(bounds, pa.float64()))
    return table


def marks(spec: dict[str, object]) -> list[object]:
    return [mark["type"] for mark in find(spec, "mark") if isinstance(mark, dict)]


def parts(spec: dict[str, object], key: str) -> list[dict[str, Any]]:
    """Take the list of views under ``layer`` or ``vconcat``."""
    found: list[dict[str, Any]] = json.loads(json.dumps(spec[key]))
    return found
