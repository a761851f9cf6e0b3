from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embstore.report.pack.curves import Bundle, pack_scales, pack_spectra
from embstore.report.read.contents import read_contents
from embstore.store.database import Database
from embstore.store.writing import write_run, write_runs
from embstore.types import FloatArray
from tests.synthetic import make_run


def unpacked(bundle: Bundle, database: Database) -> dict[tuple[Any, ...], FloatArray]:
    """Read a bundle as the page does: parts by rank, by run, state and scope."""
    contents = read_contents(database)
    facts: dict[str, Any] = bundle.facts
    n = len(bundle.content) // 2
    raw = np.frombuffer(bundle.content, dtype=np.uint8).astype(int)
    steps = (raw[:n] * 256 + raw[n:]).reshape(-1, facts["parts"], facts["points"])
    codes = steps.cumsum(axis=-1) & 0xFFFF
    lines = {
        name: [column["values"][code] for code in column["codes"]]
        if "codes" in column
        else column["values"]
        for name, column in facts["lines"].items()
    }
    found = {}
    for place, run in enumerate(lines.get("run", [])):
        model = next(m for m, facts_of in enumerate(contents.models) if run in facts_of.runs)
        state = contents.models[model].states[lines["state"][place]]
        ranks = facts["ranks"][lines["ranks"][place]]
        numbers = []
        for part, (spacing, low, step) in enumerate(facts["encodings"][model]):
            code = codes[place, part, : len(ranks)].astype(float)
            decoded = (
                low * np.exp((code - 1) * step) if spacing == "log" else low + (code - 1) * step
            )
            numbers.append(np.where(code == 0xFFFF, np.inf, decoded))
        key = (contents.run_ids[run], state.stack, state.layer, state.site)
        found[*key, contents.scopes[lines["scope"][place]]] = np.array([ranks, *numbers])
    return found


@pytest.mark.slow
def test_spectra_are_the_last_checkpoints_shares_by_rank(database: Database) -> None:
    write_runs(
        database,
        [
            make_run(name="a", revision="step1", step=1, hidden_size=300),
            make_run(name="a", revision="step2", step=2, hidden_size=300),
            make_run(name="b", kind="encoder-decoder", hidden_size=16),
        ],
    )
    found = unpacked(pack_spectra(database, read_contents(database)), database)
    stored = database.select(
        "SELECT spectrum.* FROM spectrum JOIN run USING (run_id) "
        "JOIN checkpoint USING (checkpoint_id) WHERE step IS DISTINCT FROM 1"
    ).to_pylist()
    assert len(found) == len(stored) == 3 * 6 + 3 * 11
    for row in stored:
        ranks, logs = found[row["run_id"], row["stack"], row["layer"], row["site"], row["scope"]]
        d = len(row["eigenvalues"])
        assert (ranks[0], ranks[-1]) == (1, d)
        assert (np.diff(ranks) >= 1).all()
        assert len(ranks) <= 40
        shares = np.array(row["eigenvalues"])[ranks.astype(int) - 1] / row["trace"]
        np.testing.assert_allclose(10**logs, shares, rtol=5e-4)


@pytest.mark.slow
def test_a_share_of_rounding_is_none(database: Database) -> None:
    run = make_run()
    flat = replace(run.measured.spectra[0], eigenvalues=np.zeros(8))
    short = replace(run.measured.spectra[1], eigenvalues=np.array([3.0, 1.0, 1e-15, 0, 0, 0, 0, 0]))
    write_run(database, replace(run, measured=replace(run.measured, spectra=(flat, short))))
    found = unpacked(pack_spectra(database, read_contents(database)), database)
    logs = {scope: numbers[1] for (*_, scope), numbers in found.items()}
    assert np.isinf(logs[flat.scope]).all()
    assert np.isfinite(logs[short.scope]).tolist() == [True] * 2 + [False] * 6


@pytest.mark.slow
def test_dimensions_by_scale_keep_intervals_and_what_is_undefined(database: Database) -> None:
    run = make_run()
    points = run.measured.curves
    hole = replace(points[0], dimension=np.nan, std_error=None, ci_low=None, ci_high=None)
    curves = (hole, *points[1:])
    write_run(database, replace(run, measured=replace(run.measured, curves=curves)))
    found = unpacked(pack_scales(database, read_contents(database)), database)
    stored = database.select("SELECT * FROM dimension_curve").to_pylist()
    assert sum(numbers.shape[1] for numbers in found.values()) == len(stored)
    for row in stored:
        numbers = found[row["run_id"], row["stack"], row["layer"], row["site"], row["scope"]]
        column = numbers[:, list(numbers[0]).index(row["rank"])]
        for number, name in zip(
            column[1:], ("dimension", "ci_low", "ci_high", "mean_distance"), strict=True
        ):
            if row[name] is None:
                assert np.isinf(number)
            else:
                assert number == pytest.approx(row[name], rel=5e-4)


@pytest.mark.slow
def test_a_store_without_them_has_none(database: Database, tmp_path: Path) -> None:
    empty = read_contents(database)
    assert pack_spectra(database, empty).content == b""
    run = make_run()
    bare = replace(run.measured, spectra=(), curves=())
    write_run(database, replace(run, measured=bare))
    contents = read_contents(database)
    for bundle in (pack_spectra(database, contents), pack_scales(database, contents)):
        assert (bundle.content, bundle.facts["lines"], bundle.facts["encodings"]) == (b"", {}, {})
