"""Runs of one sample that a store has, and their numbers as records again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from embstore.choices import Scope
from embstore.errors import StoreError
from embstore.types import Configuration, CurvePoint, LayerKey, Measurement, SearchMethod, Spectrum

if TYPE_CHECKING:
    from embstore.store.connection import Database

Record = TypeVar("Record", Measurement, Spectrum, CurvePoint)

# What runs of one sample may differ in.
_CHOSEN = {"scopes", "intervals"}


@dataclass(frozen=True)
class StoredRun:
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
class StoredNumbers:
    """The numbers of a stored run.

    Attributes:
        measurements: every metric's.
        spectra: covariance eigenvalues.
        curves: dimension by scale.
        searches: how the neighbours of each layer were found, and with which recall.
    """

    measurements: tuple[Measurement, ...]
    spectra: tuple[Spectrum, ...]
    curves: tuple[CurvePoint, ...]
    searches: Mapping[LayerKey, tuple[SearchMethod | None, float | None]]


def runs_of_sample(
    database: "Database", checkpoint_id: str, corpus_id: str, configuration: Configuration
) -> list[StoredRun]:
    """Return the runs over the same tokens of the same text, the newest first.

    Args:
        database: the store.
        checkpoint_id: of the weights.
        corpus_id: of the text.
        configuration: which tokens; scopes and errors may differ.
    """
    if not database.path.exists():
        return []
    same = {
        field.name: getattr(configuration, field.name)
        for field in fields(configuration)
        if field.name not in _CHOSEN
    }
    same |= {"checkpoint_id": checkpoint_id, "corpus_id": corpus_id}
    where = " AND ".join(f"{name} = ${name}" for name in same)
    sql = f"""
        SELECT run_id, scopes, metric_versions, coalesce(intervals, true) AS intervals
        FROM run WHERE scopes IS NOT NULL AND {where} ORDER BY created_at DESC, run_id
    """  # noqa: S608 - names of our own
    found = database.select(sql, same)
    return [
        StoredRun(
            row["run_id"],
            tuple(row["scopes"].split(",")),
            json.loads(row["metric_versions"]),
            row["intervals"],
        )
        for row in found.to_pylist()
    ]


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
            raise StoreError(f"run {run_id[:8]} is not in {database.path} any more")
        measurements = rows("measurement", "metric, scope, stack, layer, site")
        spectra = rows("spectrum", "scope, stack, layer, site")
        curves = rows("dimension_curve", "scope, stack, layer, site, rank")
    return StoredNumbers(
        measurements=tuple(_record(Measurement, row) for row in measurements),
        spectra=tuple(_record(Spectrum, row) for row in spectra),
        curves=tuple(_record(CurvePoint, row) for row in curves),
        searches={_key(row): (row["neighbor_method"], row["neighbor_recall"]) for row in layers},
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
