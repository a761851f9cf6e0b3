"""What the tests of questions share: asking one, and making its runs."""

import dataclasses

from embstore.asking.ask import find_question, run_question
from embstore.choices import Scope
from embstore.store.database import Database
from embstore.types import LayerKey, Run
from tests.synthetic import Values


def ask(database: Database, name: str, **params: object) -> list[dict[str, object]]:
    """Ask a built-in question; its rows as dictionaries."""
    rows: list[dict[str, object]] = run_question(database, find_question(name), params).to_pylist()
    return rows


def column(rows: list[dict[str, object]], name: str) -> list[object]:
    """Take one column of an answer."""
    return [row[name] for row in rows]


def copy_of(run: Run, *, revision: str, step: int | None = None) -> Run:
    """Give the same weights another name."""
    checkpoint = dataclasses.replace(run.checkpoint, revision=revision)
    if step is not None:
        checkpoint = dataclasses.replace(checkpoint, step=step)
    return dataclasses.replace(run, checkpoint=checkpoint)


def by_layer(*numbers: float) -> Values:
    """Give the embedding the first number, block i the i-th, in every metric and scope."""

    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
        return float(numbers[key.layer])

    return values
