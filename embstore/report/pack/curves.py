"""Reads and packs the lines of the last checkpoints: spectra by rank, dimension by scale.

A page with those of every checkpoint would be many times as large. A bundle holds the lines
of one kind; each has one number, or some, at every rank it was read at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embstore.report.pack.encoding import columns, encode, lay_out
from embstore.report.records import Contents

if TYPE_CHECKING:
    from embstore.store.database import Database
    from embstore.types import FloatArray

# A spectrum's ranks are even in their logarithm, as its chart is; the small ones coincide.
_RANKS = 40
# Less of the variance is rounding: sums in float64 keep sixteen digits.
_LEAST_SHARE = 1e-12

_SPECTRA = """
SELECT
    place, stack, layer, site, scope, trace, ranks,
    [list_select(eigenvalues, ranks)] AS parts
FROM (
    SELECT
        chosen.place,
        spectrum.*,
        list_sort(list_distinct([
            round(pow(len(spectrum.eigenvalues), i / ($points - 1)))::INTEGER
            for i in range($points)
        ])) AS ranks
    FROM spectrum
    JOIN (
        SELECT unnest($runs::VARCHAR[]) AS run_id, unnest($places::INTEGER[]) AS place
    ) AS chosen USING (run_id)
    WHERE len(spectrum.eigenvalues) > 0
)
ORDER BY place, stack, layer, site, scope
"""

_SCALES = """
SELECT
    chosen.place, curve.stack, curve.layer, curve.site, curve.scope,
    list(curve.rank ORDER BY curve.rank) AS ranks,
    [
        list(curve.dimension ORDER BY curve.rank),
        list(curve.ci_low ORDER BY curve.rank),
        list(curve.ci_high ORDER BY curve.rank),
        list(curve.mean_distance ORDER BY curve.rank)
    ] AS parts
FROM dimension_curve AS curve
JOIN (
    SELECT unnest($runs::VARCHAR[]) AS run_id, unnest($places::INTEGER[]) AS place
) AS chosen USING (run_id)
GROUP BY chosen.place, curve.stack, curve.layer, curve.site, curve.scope
ORDER BY chosen.place, curve.stack, curve.layer, curve.site, curve.scope
"""


@dataclass(frozen=True)
class Bundle:
    """The lines of one kind: which there are, how their codes are read, and the codes.

    Attributes:
        facts: for each line its run, state, scope and ranks; per model how codes are read.
        content: for every line and part one code per rank, as ``lay_out`` leaves them.
    """

    facts: dict[str, object]
    content: bytes


def pack_spectra(database: "Database", contents: Contents) -> Bundle:
    """Pack which share of the variance each rank carries, as its logarithm to base 10.

    A share that rounding could have made is written as undefined, for it has none.
    """
    rows = _read(database, contents, _SPECTRA, points=_RANKS)
    for row in rows:
        trace = float(row["trace"])
        numbers = np.array(row["parts"], dtype=np.float64)
        shares = numbers / trace if trace > 0 else np.zeros_like(numbers)
        known = shares > _LEAST_SHARE
        row["parts"] = np.log10(shares, where=known, out=np.full(shares.shape, np.inf))
        row["trace"] = float(f"{trace:.5g}")
    return _bundle(rows, contents, ("trace",), 1)


def pack_scales(database: "Database", contents: Contents) -> Bundle:
    """Pack dimension, both ends of its interval, and mean distance at each rank."""
    rows = _read(database, contents, _SCALES)
    for row in rows:
        numbers = np.array(row["parts"], dtype=np.float64)
        row["parts"] = np.where(np.isfinite(numbers), numbers, np.inf)
    return _bundle(rows, contents, (), 4)


def _read(
    database: "Database", contents: Contents, question: str, **limits: int
) -> list[dict[str, Any]]:
    newest = contents.newest
    if not newest:
        return []
    ids = contents.run_ids
    asked = {"runs": [ids[place] for place in newest], "places": list(newest), **limits}
    rows: list[dict[str, Any]] = database.select(question, asked).to_pylist()
    return rows


def _bundle(
    rows: Sequence[dict[str, Any]], contents: Contents, kept: Sequence[str], parts: int
) -> Bundle:
    """Spread the lines over one array, padded to the longest, and encode it model by model."""
    model_of = {place: m for m, model in enumerate(contents.models) for place in model.runs}
    states = [
        {(state.stack, state.layer, state.site): i for i, state in enumerate(model.states)}
        for model in contents.models
    ]
    ranks: dict[tuple[int, ...], int] = {}
    lines: list[dict[str, object]] = []
    models: list[int] = []
    found: list[FloatArray] = []
    for row in rows:
        model = model_of[row["place"]]
        state = states[model].get((row["stack"], row["layer"], row["site"]))
        if state is None or row["scope"] not in contents.scopes:
            continue
        lines.append(
            {
                "run": row["place"],
                "state": state,
                "scope": contents.scopes.index(row["scope"]),
                "ranks": ranks.setdefault(tuple(row["ranks"]), len(ranks)),
                **{key: row[key] for key in kept},
            }
        )
        models.append(model)
        found.append(row["parts"])
    points = max(map(len, ranks), default=0)
    numbers = np.full((len(found), parts, points), np.nan)
    for place, line in enumerate(found):
        numbers[place, :, : line.shape[1]] = line
    codes = np.zeros(numbers.shape, dtype=np.uint16)
    encodings: dict[int, list[list[object]]] = {}
    which = np.array(models, dtype=np.int64)
    for model in dict.fromkeys(models):
        encodings[model] = []
        for part in range(parts):
            codes[which == model, part], *encoding = encode(numbers[which == model, part])
            encodings[model].append(list(encoding))
    facts: dict[str, object] = {
        "points": points,
        "parts": parts,
        "ranks": [list(mine) for mine in ranks],
        "lines": columns(lines),
        "encodings": encodings,
    }
    return Bundle(facts, lay_out(codes))
