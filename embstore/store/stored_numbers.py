"""Runs of one sample that a store has, and their numbers as records again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from embstore.choices import Scope
from embstore.errors import StoreError
from embstore.types import (
    Configuration,
    CurvePoint,
    LayerDistance,
    LayerKey,
    Measurement,
    SearchMethod,
    Spectrum,
)

if TYPE_CHECKING:
    from embstore.store.database import Database

Record = TypeVar("Record", Measurement, Spectrum, CurvePoint, LayerDistance)

# What older runs do not say, with what it was for them.
_UNSAID = {"windows": "tokens", "shuffle": "none"}
# What runs of one sample have in common.
_SAME = tuple(
    field.name for field in fields(Configuration) if field.name not in {"scopes", "intervals"}
)


@dataclass(frozen=True)
class SampleRun:
    """What a stored run has measured.

    Attributes:
        run_id: of it.
        scopes: which sets of tokens.
        versions: of each of its metrics, by name.
        intervals: whether its numbers have errors.
    """

    run_id: str
    scopes: tuple[Scope, ...]
    versions: Mapping[str, int]
    intervals: bool


@dataclass(frozen=True)
class Spent:
    """What a stored run has cost; each number is called as the column of table ``run``."""

    wall_seconds: float
    forward_seconds: float
    geometry_seconds: float
    peak_memory_bytes: int


@dataclass(frozen=True)
class StoredNumbers:
    """The numbers of a stored run.

    Attributes:
        measurements: every metric's.
        spectra: covariance eigenvalues.
        curves: dimension by scale.
        searches: how the neighbours of each layer were found, and with which recall.
        spent: what it took to measure them.
    """

    measurements: tuple[Measurement, ...]
    spectra: tuple[Spectrum, ...]
    curves: tuple[CurvePoint, ...]
    distances: tuple[LayerDistance, ...]
    searches: Mapping[LayerKey, tuple[SearchMethod | None, float | None]]
    spent: Spent


@dataclass(frozen=True)
class Sample:
    """The tokens that runs are measured over, and by which weights they were read.

    Attributes:
        checkpoint_id: of the weights.
        corpus_id: of the text.
        facts: of the configuration, all but what runs over them may differ in.
    """

    checkpoint_id: str
    corpus_id: str
    facts: tuple[object, ...]

    @classmethod
    def of(cls, checkpoint_id: str, corpus_id: str, configuration: Configuration) -> Self:
        """Return the sample of a piece of work."""
        return cls(checkpoint_id, corpus_id, tuple(getattr(configuration, name) for name in _SAME))


def runs_by_sample(database: "Database") -> dict[Sample, list[SampleRun]]:
    """Return the runs over each sample, the newest first."""
    if not database.exists():
        return {}
    sql = f"""
        SELECT run_id, checkpoint_id, corpus_id, {", ".join(_SAME)}, scopes, metric_versions,
            coalesce(intervals, true) AS intervals
        FROM run WHERE scopes IS NOT NULL
        ORDER BY created_at DESC, run_id DESC
    """  # noqa: S608 - names of our own
    found: dict[Sample, list[SampleRun]] = {}
    # Most runs have the same, which in ten thousand copies takes tens of megabytes.
    versions: dict[str, Mapping[str, int]] = {}
    for row in database.select(sql).to_pylist():
        facts = tuple(_UNSAID.get(name) if row[name] is None else row[name] for name in _SAME)
        sample = Sample(row["checkpoint_id"], row["corpus_id"], facts)
        text = row["metric_versions"]
        if text not in versions:
            versions[text] = json.loads(text)
        run = SampleRun(
            row["run_id"],
            tuple(row["scopes"].split(",")),
            versions[text],
            row["intervals"],
        )
        found.setdefault(sample, []).append(run)
    return found


def numbers_of_run(database: "Database", run_id: str) -> StoredNumbers:
    """Return a run's numbers, every one to the last bit.

    Raises:
        StoreError: the store cannot be read, or has no such run any more.
    """

    def rows(table: str, order: str) -> list[dict[str, Any]]:
        sql = f"SELECT * FROM {table} WHERE run_id = $run_id ORDER BY {order}"  # noqa: S608 - ours
        found: list[dict[str, Any]] = database.select(sql, {"run_id": run_id}).to_pylist()
        return found

    with database.held():
        layers = rows("layer", "stack, layer, site")
        if not layers:
            raise StoreError(f"run {run_id[:8]} is not in {database.place} any more")
        measurements = rows("measurement", "metric, scope, stack, layer, site")
        spectra = rows("spectrum", "scope, stack, layer, site")
        curves = rows("dimension_curve", "scope, stack, layer, site, rank")
        distances = rows("angular_distance", "scope, stack, layer, site, other_layer")
        (run,) = rows("run", "run_id")
    return StoredNumbers(
        measurements=tuple(_record(Measurement, row) for row in measurements),
        spectra=tuple(_record(Spectrum, row) for row in spectra),
        curves=tuple(_record(CurvePoint, row) for row in curves),
        distances=tuple(_record(LayerDistance, row) for row in distances),
        searches={_key(row): (row["neighbor_method"], row["neighbor_recall"]) for row in layers},
        spent=Spent(**{field.name: run[field.name] for field in fields(Spent)}),
    )


def _record(kind: type[Record], row: Mapping[str, Any]) -> Record:
    """Make a record of a row, whose columns are called as the record's fields are."""
    values = {field.name: row[field.name] for field in fields(kind) if field.name != "key"}
    if values.get("window_effects") is not None:
        values["window_effects"] = tuple(values["window_effects"])
    if "eigenvalues" in values:
        values["eigenvalues"] = np.array(values["eigenvalues"])
    return kind(key=_key(row), **values)


def _key(row: Mapping[str, Any]) -> LayerKey:
    return LayerKey(row["stack"], row["layer"], row["site"])
