"""Small ingests of a series, and reading what became of them."""

from pathlib import Path
from typing import Any

import embstore

SMALL: dict[str, Any] = {"tokens": 128, "window": 32, "sample": 64, "pairs": False}


def damage(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])


def statuses(outcomes: object) -> list[str]:
    assert isinstance(outcomes, list | tuple)
    return [outcome.status for outcome in outcomes]


def rows(store: Path, sql: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = embstore.open(store).sql(sql).to_pylist()
    return found
