"""Removing scores by what names them."""

import pytest

from embstore.errors import QueryError, UsageError
from embstore.store.database import Database
from embstore.store.mending.removing_scores import remove_scores
from embstore.store.scores import write_scores
from embstore.types import Score
from tests.store.contents import contents, counts, rows

COUNTS = "SELECT model, name FROM latest_score ORDER BY ALL"


def score(
    model: str = "lab/a", value: float = 0.5, *, name: str = "acc", source: str = "s.csv"
) -> Score:
    return Score(model=model, name=name, value=value, source=source)


@pytest.mark.slow
def test_they_are_removed_by_what_names_them(database: Database) -> None:
    write_scores(database, [score(name=name, source=name) for name in ("acc", "f1")])
    write_scores(database, [score(value=1.0), score("lab/b")])
    before = contents(database)
    found = remove_scores(database, models=["lab/a"], names=["acc"], dry_run=True)
    assert (found.scores, found.earlier) == (1, 1)
    assert contents(database) == before
    assert remove_scores(database, models=["lab/a"], names=["acc"]) == found
    assert [(row["model"], row["name"]) for row in rows(database, COUNTS)] == [
        ("lab/a", "f1"),
        ("lab/b", "acc"),
    ]
    assert remove_scores(database, sources=["f1", "s.csv"]).scores == 2
    assert counts(database)["score"] == 0


def test_what_names_no_score_is_refused(database: Database) -> None:
    with pytest.raises(QueryError, match="no score of model 'lab/a' in this store; it has no sco"):
        remove_scores(database, models=["lab/a"])
    write_scores(database, [score(), score("lab/b", name="f1")])
    with pytest.raises(UsageError, match="no score is named"):
        remove_scores(database)
    with pytest.raises(QueryError, match="no score 'f2' in this store; there are acc, f1"):
        remove_scores(database, names=["f2"])
    with pytest.raises(QueryError, match="no score fits all of model lab/a, name f1"):
        remove_scores(database, models=["lab/a"], names=["f1"])
    assert counts(database)["score"] == 2
