from dataclasses import replace
from pathlib import Path

import pytest

from embstore.comparison.choose_runs import choose_runs, stored_runs
from embstore.errors import QueryError
from tests.stores import new_store
from tests.synthetic import make_run


def test_a_run_id_that_begins_two_is_ambiguous(tmp_path: Path) -> None:
    database = new_store(tmp_path / "s.duckdb", [make_run(name="a")])
    (run,) = stored_runs(database)
    runs = [replace(run, run_id=f"0123456789abcdef{n}") for n in range(3)]
    with pytest.raises(
        QueryError, match=r"^run id '01234567' is ambiguous \(3 matches\): 0123"
    ) as e:
        choose_runs(runs, "01234567", "a")
    assert str(e.value).endswith("0123456789abcdef2; give more of it")
    left, right, _ = choose_runs(runs, "0123456789ABCDEF1", "a")
    assert (left.run_id, right.run_id) == (runs[1].run_id, runs[0].run_id)


def test_the_last_part_of_a_name_will_do_where_it_is_one_models(tmp_path: Path) -> None:
    names = ("lab/gpt2", "lab/opt", "other/opt", "x/y/deep")
    runs = stored_runs(new_store(tmp_path / "s.duckdb", [make_run(name=name) for name in names]))
    left, right, _ = choose_runs(runs, "gpt2", "deep@main")
    assert (left.model, right.model) == ("lab/gpt2", "x/y/deep")
    with pytest.raises(QueryError, match=r"^'opt' may be (lab|other)/opt or (lab|other)/opt; give"):
        choose_runs(runs, "gpt2", "opt@main")
    with pytest.raises(QueryError, match=r"^no model, MODEL@REVISION or run 'pt2'"):
        choose_runs(runs, "pt2", "gpt2")


def test_a_whole_name_goes_before_the_end_of_another(tmp_path: Path) -> None:
    names = ("gpt2", "lab/gpt2")
    runs = stored_runs(new_store(tmp_path / "s.duckdb", [make_run(name=name) for name in names]))
    assert choose_runs(runs, "gpt2", "lab/gpt2")[0].model == "gpt2"
