"""What is counted of a store, where there is more than a table shows."""

from pathlib import Path

import pytest

from embstore.choices import Scope
from embstore.report.findings.cautions import undefined
from embstore.report.read import counts
from embstore.report.read.contents import read_contents
from embstore.report.read.counts import read_counts
from embstore.report.write import build_report
from embstore.store.database import Database
from embstore.store.writing import write_runs
from embstore.types import LayerKey
from tests.report.conftest import Open
from tests.report.visiting import ready, unfold
from tests.synthetic import make_run


def gaps(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
    return None if metric == "twonn" else 0.5


def test_of_a_table_that_is_cut_all_numbers_are_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch, visit: Open, tmp_path: Path
) -> None:
    write_runs(database, [make_run(name=name, values=gaps) for name in ("a", "b")])
    monkeypatch.setattr(counts, "_UNDEFINED", counts._UNDEFINED.replace("LIMIT 500", "LIMIT 4"))
    found = read_counts(database, read_contents(database))
    # A model has a group for each of three scopes, of six states each.
    assert (len(found.undefined), found.undefined_kinds) == (4, 6)
    assert all("kinds" not in row for row in found.undefined)
    assert sum(n for _, n in found.of_run.values()) == 36
    said = undefined(found)
    assert said is not None
    assert said.text.startswith("36 numbers of twonn are undefined")
    path = tmp_path / "report.html"
    path.write_text(build_report(database).html, encoding="utf-8")
    coverage = unfold(ready(visit(path)), "#coverage > details")
    assert "; the 4 largest of 6 groups" in coverage.inner_text()


def test_without_gaps_there_is_no_reason(database: Database) -> None:
    write_runs(database, [make_run()])
    found = read_counts(database, read_contents(database))
    assert (found.undefined, found.undefined_kinds, found.commonest_reason) == ((), 0, "")
    assert undefined(found) is None
