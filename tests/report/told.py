"""What the tests of findings share: profiles made by hand, stores of known courses."""

import functools
from typing import Literal

from embstore.choices import Scope
from embstore.report.findings.overview import find_all
from embstore.report.findings.sentences import Finding
from embstore.report.read.contents import read_contents
from embstore.report.read.evidence import read_evidence
from embstore.report.read.profiles import AnisotropyProfile, Outline
from embstore.store.database import Database
from embstore.types import LayerKey, Run
from tests.synthetic import Values, make_run


def told(database: Database, topic: str) -> Finding | None:
    """Return the finding of one topic that a store's report has."""
    every = _findings(database, database.path.stat().st_mtime_ns)
    return next((finding for finding in every if finding.topic == topic), None)


@functools.lru_cache(maxsize=1)
def _findings(database: Database, changed: int) -> tuple[Finding, ...]:
    """Read a store once for as long as nothing is written to it."""
    with database.held():
        contents = read_contents(database)
        evidence = read_evidence(database, contents)
    return find_all(contents, evidence)


def changed(
    database: Database, table: Literal["checkpoint", "layer", "measurement", "run"], sets: str
) -> None:
    """Change a store as no command does."""
    with database.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {table} SET {sets}")


def profile(
    kind: str = "decoder",
    scope: str = "all",
    value: float = 0.9,
    *,
    model: str | None = None,
    layer: int = 12,
    depth: float = 0.5,
    contrast: float | None = 0.5,
    margin: float = 0.02,
    outline: Outline = "bell",
) -> AnisotropyProfile:
    """Make a profile by hand; margin is how far the contrast's interval reaches."""
    return AnisotropyProfile(
        run=0,
        model=model or f"a {kind}",
        kind=kind,
        text="text",
        stack="decoder",
        scope=scope,
        peak_layer=layer,
        peak_depth=depth,
        peak_value=value,
        contrast=contrast,
        ci_low=None if contrast is None else contrast - margin,
        ci_high=None if contrast is None else contrast + margin,
        outline=outline,
    )


def growing(step: int) -> Values:
    """A bell that grows, and a dimension that rises and falls, as the seed study saw."""
    grown = {0: 0.1, 10: 0.3, 100: 0.6, 500: 0.8, 1000: 0.9}[step]
    dimension = {0: 6.0, 10: 14.0, 100: 12.0, 500: 9.0, 1000: 8.0}[step]

    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
        if metric == "anisotropy":
            return 0.05 + grown * 4 * depth * (1 - depth)
        return dimension

    return values


def at(step: int, revision: str, *, like: int | None = None, name: str = "a") -> Run:
    """A checkpoint with a standard error of one percent everywhere."""
    return make_run(
        name=name,
        revision=revision,
        step=step,
        values=growing(step if like is None else like),
        errors={"anisotropy": 0.01, "twonn": 0.01},
    )
