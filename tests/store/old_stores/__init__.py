"""A store of every schema so far, each written by the last embstore of that schema."""

import json
import lzma
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SCHEMAS = sorted(packed.name[:4] for packed in HERE.glob("*.duckdb.xz"))


def unpack(schema: str, path: Path) -> Path:
    """Put the store of a schema at a path."""
    path.write_bytes(lzma.decompress((HERE / f"{schema}.duckdb.xz").read_bytes()))
    return path


def answers(schema: str) -> dict[str, list[dict[str, Any]]]:
    """Return what the embstore that wrote it answered to all its questions, as JSON."""
    found: dict[str, list[dict[str, Any]]] = json.loads(
        lzma.decompress((HERE / f"{schema}.json.xz").read_bytes())
    )
    return found
