import json
from datetime import UTC, datetime, timedelta

import pytest

from embstore.errors import QueryError, UsageError
from embstore.store.database import Database
from embstore.store.mending import tagging
from embstore.store.mending.tagging import tag_run
from embstore.store.writing import write_run
from tests.store.contents import rows
from tests.synthetic import make_run


@pytest.fixture
def run(database: Database) -> str:
    write_run(database, make_run(seed=3, tags={"other": "run"}))
    return write_run(database, make_run(tags={"lab": "a", "note": "ü ' \""}))


def tags_of(database: Database, run: str) -> object:
    (row,) = rows(database, "SELECT tags FROM current_tags WHERE run_id = $run", run=run)
    return json.loads(str(row["tags"]))


@pytest.mark.slow
def test_a_tag_is_given_changed_and_taken_away(database: Database, run: str) -> None:
    found = tag_run(database, run[:8].upper(), {"lr": "0.1", "lab": "b"})
    assert found.changed == ("lr", "lab")
    assert found.tags == {"lab": "b", "lr": "0.1", "note": "ü ' \""} == tags_of(database, run)
    assert tag_run(database, run, {"lab": "", "lr": "0.2"}).tags["lr"] == "0.2"
    assert tag_run(database, run, {"note": None}).tags == {"lr": "0.2"} == tags_of(database, run)
    assert tag_run(database, run, {"lr": None}).tags == {} == tags_of(database, run)
    # What the run was measured with stays known.
    (row,) = rows(database, "SELECT tags FROM run WHERE run_id = $run", run=run)
    assert json.loads(str(row["tags"])) == {"lab": "a", "note": "ü ' \""}
    assert rows(database, "SELECT key, value FROM run_tag") == [{"key": "other", "value": "run"}]


@pytest.mark.slow
@pytest.mark.parametrize("view", ["profile", "profile_latest", "curve_profile"])
def test_views_show_the_tags_that_hold_now(database: Database, run: str, view: str) -> None:
    tag_run(database, run, {"lab": "b", "note": None})
    found = rows(database, f"SELECT DISTINCT tags FROM {view} WHERE run_id = $run", run=run)
    assert found == [{"tags": '{"lab":"b"}'}]
    n = rows(database, f"SELECT count(*) AS n FROM {view} WHERE run_id = $run", run=run)
    assert n == [{"n": 54 if view != "curve_profile" else 36}]


def test_what_holds_already_is_not_said_again(database: Database, run: str) -> None:
    for tags in ({"lab": "a"}, {"never": None}):
        assert tag_run(database, run, tags).changed == ()
    assert rows(database, "SELECT * FROM tag_change") == []


def test_a_clock_that_goes_back_changes_nothing(
    database: Database, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        moments = iter([datetime(2027, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)])

        @classmethod
        def now(cls, _zone: object = None) -> datetime:  # type: ignore[override]
            return next(cls.moments)

    monkeypatch.setattr(tagging, "datetime", Clock)
    tag_run(database, run, {"k": "first"})
    assert tag_run(database, run, {"k": "second"}).tags["k"] == "second"
    assert rows(database, "SELECT value FROM run_tag WHERE key = 'k'") == [{"value": "second"}]
    (first, second) = rows(database, "SELECT tagged_at FROM tag_change ORDER BY tagged_at")
    assert second["tagged_at"] - first["tagged_at"] == timedelta(microseconds=1)  # type: ignore[operator]


def test_what_names_no_run_or_no_tag_is_refused(database: Database, run: str) -> None:
    with pytest.raises(UsageError, match="run '1f2e' is too short: give the first 8 or more"):
        tag_run(database, "1f2e", {"k": "v"})
    with pytest.raises(QueryError, match="no run '00000000'"):
        tag_run(database, "00000000", {"k": "v"})
    with pytest.raises(UsageError, match="no tag is given"):
        tag_run(database, run, {})
    for key in ("", " ", "a=b"):
        with pytest.raises(UsageError, match="must not be blank or contain ="):
            tag_run(database, run, {key: "v"})
    with pytest.raises(UsageError, match="must not have space around it, as ' k' does"):
        tag_run(database, run, {" k": "v"})
    for tags in ({"\udcff": "v"}, {"k": "\udcff"}):
        with pytest.raises(UsageError, match="is not UTF-8 text"):
            tag_run(database, run, tags)
    assert rows(database, "SELECT * FROM tag_change") == []


def test_a_key_with_space_around_it_can_be_taken_away(database: Database) -> None:
    run = write_run(database, make_run(tags={" k ": "v", "lab": "a"}))
    assert tag_run(database, run, {" k ": None}).tags == {"lab": "a"}
