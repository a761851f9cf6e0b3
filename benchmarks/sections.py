"""What one part of the suite found: tables, bars and remarks, saved as JSON."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Table:
    """A table of text; columns after the first ``n_names`` are numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    n_names: int = 1


@dataclass(frozen=True)
class Bar:
    """A bar that was set beforehand, and what was measured.

    Attributes:
        name: key of what is known about missing it, in ``bars``.
        measured: the number.
        at: where it was measured, if that is not plain.
    """

    name: str
    measured: float
    at: str = ""


@dataclass(frozen=True)
class Section:
    """One part's findings."""

    title: str
    text: str
    tables: Sequence[Table] = ()
    bars: Sequence[Bar] = ()


@dataclass(frozen=True)
class Circumstances:
    """When, where and with which code a part was measured."""

    date: str
    commit: str
    machine: str
    threads: str
    versions: str
    seconds: float


def save(file: Path, section: Section, circumstances: Circumstances) -> None:
    """Write a part's findings for the report."""
    record = {
        "section": dataclasses.asdict(section),
        "circumstances": dataclasses.asdict(circumstances),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(record, indent=1))


def load(file: Path) -> tuple[Section, Circumstances]:
    """Read what ``save`` wrote."""
    record = json.loads(file.read_text())
    section = record["section"]
    tables = [
        Table(
            header=tuple(table["header"]),
            rows=tuple(tuple(row) for row in table["rows"]),
            title=table["title"],
            n_names=table["n_names"],
        )
        for table in section["tables"]
    ]
    bars = [Bar(**bar) for bar in section["bars"]]
    circumstances = Circumstances(**record["circumstances"])
    return Section(section["title"], section["text"], tables, bars), circumstances
