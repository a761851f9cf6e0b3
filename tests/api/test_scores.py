"""Scores in whatever Python holds them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import embstore
from embstore import Store
from embstore.api.scores import read_any
from embstore.errors import ScoreError, UsageError
from embstore.types import Score
from tests.stores import new_store
from tests.synthetic import make_run

ROWS = [
    {"model": "lab/a", "revision": "main", "name": "acc", "value": 0.5, "std_error": 0.01},
    {"model": "lab/a", "step": 100, "name": "acc", "value": 0.25},
]
# The same with what a column of a table has where a row says nothing.
COLUMNS = {
    "model": ["lab/a", "lab/a"],
    "revision": ["main", None],
    "step": [None, 100.0],
    "name": ["acc", "acc"],
    "value": [0.5, 0.25],
    "std_error": [0.01, None],
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    database = new_store(tmp_path / "embstore.duckdb", [make_run(name="lab/a")])
    return embstore.open(database.path)


def said(scores: object) -> list[tuple[object, ...]]:
    return [
        (each.model, each.revision, each.step, each.name, each.value, each.std_error)
        for each in read_any(scores).scores
    ]


@pytest.mark.parametrize(
    "scores",
    [
        ROWS,
        iter(ROWS),
        pd.DataFrame(COLUMNS),
        pd.DataFrame(COLUMNS).astype({"step": "Int64"}).set_index("model").reset_index(),
        pa.table(COLUMNS),
        [{**ROWS[0], "value": np.float32(0.5)}, {**ROWS[1], "step": np.int64(100)}],
    ],
)
def test_rows_are_read_from_what_python_has(scores: object) -> None:
    assert said(scores) == [
        ("lab/a", "main", None, "acc", 0.5, 0.01),
        ("lab/a", None, 100, "acc", 0.25, None),
    ]


def test_one_dictionary_is_one_score() -> None:
    assert said(ROWS[0]) == [("lab/a", "main", None, "acc", 0.5, 0.01)]


def test_what_lm_eval_returns_is_read() -> None:
    found = read_any(
        {
            "results": {"arc_easy": {"acc,none": 0.5, "acc_stderr,none": 0.01}},
            "config": {"model": "hf", "model_args": "pretrained=lab/a"},
            "n-shot": {"arc_easy": 0},
        }
    )
    assert list(found.scores) == [
        Score(
            model="lab/a",
            revision="main",
            name="arc_easy/acc",
            value=0.5,
            std_error=0.01,
            source="simple_evaluate",
        )
    ]


@pytest.mark.slow
def test_a_store_takes_them_in_and_removes_them(store: Store, tmp_path: Path) -> None:
    done = store.import_scores(pd.DataFrame(COLUMNS))
    assert (done.new, done.matched, done.n_unmatched) == (2, 1, 1)
    assert done.unmatched == (
        "lab/a at step 100 (no checkpoint of this model fits, or several do)",
    )
    assert store.query("scores")["checkpoint"].to_pylist() == [None, "lab/a@main"]
    assert store.info()["scores"] == 2
    path = tmp_path / "more.csv"
    path.write_text("model,name,value\nlab/b,acc,1\n")
    assert store.import_scores([path, str(path)]).new == 1
    assert store.remove_scores(model="lab/a", dry_run=True).scores == 2
    assert store.remove_scores(source=["more.csv", "DataFrame"]).scores == 3
    assert store.query("scores").num_rows == 0


@pytest.mark.parametrize(
    ("scores", "error", "says"),
    [
        (3, UsageError, "scores are a file, a folder, a table or dictionaries, not int"),
        (["a.csv", ROWS[0]], UsageError, "scores are given as files and as rows"),
        ([], ScoreError, "no scores in it"),
        (pd.DataFrame({"model": ["a"]}), ScoreError, r"no column 'name' \(there are model\)"),
        ([{"model": "a", "name": "b", "value": None}], ScoreError, "row 1: value of b is missing"),
        ([{"model": "a", "name": "b", "value": np.nan}], ScoreError, "value of b nan is no finite"),
        ([*ROWS, {**ROWS[0], "value": 1.0}], ScoreError, "row 1 and row 3 both say acc of lab/a@"),
        ([*ROWS, {**ROWS[1], "revision": "step1"}], ScoreError, "row 3: revision 'step1' is of"),
        (pd.DataFrame([{**ROWS[1], "revision": "step1"}]), ScoreError, "row 1: revision 'step1'"),
        (pa.table({**COLUMNS, "revision": ["main", "step1"]}), ScoreError, "row 2: revision 'st"),
    ],
)
def test_what_is_no_score_is_refused(
    store: Store, scores: object, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        store.import_scores(scores)
    assert store.query("scores").num_rows == 0
