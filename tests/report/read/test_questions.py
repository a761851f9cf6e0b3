from pathlib import Path

import pytest

from embstore.errors import QueryError
from embstore.report.read.questions import ask
from embstore.report.write import build_report
from embstore.store.database import Database
from embstore.store.writing import write_run
from tests.synthetic import make_run


def test_a_users_question_of_the_same_name_changes_no_report(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(database, make_run())
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in ("bell_shape", "phases", "failures"):
        (mine / f"{name}.sql").write_text("-- title: Mine\n-- doc: Mine.\nSELECT 1 AS one\n")
    monkeypatch.setenv("EMBSTORE_QUERIES", str(mine))
    topics = {finding.topic for finding in build_report(database).findings}
    assert "Peak anisotropy of decoders" in topics


def test_what_a_parameter_names_must_be_there(database: Database) -> None:
    write_run(database, make_run())
    with pytest.raises(QueryError, match="no metric 'twon' in this store"):
        ask(database, "phases", metric="twon")
