"""derive, as a person types it."""

from pathlib import Path

import pytest

from tests.cli.running import embstore
from tests.stores import new_store
from tests.synthetic import make_run


@pytest.fixture
def store(tmp_path: Path) -> Path:
    runs = [make_run(name="lab/a"), make_run(name="lab/b", kind="encoder")]
    return new_store(tmp_path / "embstore.duckdb", runs).path


@pytest.mark.slow
def test_it_says_what_was_derived_and_then_that_it_is_there(store: Path) -> None:
    done = embstore("derive", "stable_rank,isoscore", "--model", "lab/a", "-s", store)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"derived isoscore, stable_rank of 1 run in {store} (36 numbers)\n"
    done = embstore("derive", "stable_rank", "isoscore", "-s", store)
    assert "of 1 run in" in done.stderr
    assert done.stderr.endswith("(30 numbers); 1 run has them already\n")
    done = embstore("derive", "stable_rank", "-s", store)
    assert done.stderr == f"nothing to derive in {store}; 2 runs have them already\n"
    asked = embstore("query", "layer_profile", "-p", "metric=stable_rank", "-s", store)
    assert asked.stdout.count("\n") > 5


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("twonn",), 2, "twonn does not follow from a stored spectrum, so it has to be measured"),
        (("stabel_rank",), 2, "unknown metric 'stabel_rank' (did you mean stable_rank?)"),
        (("",), 2, "no metric is named: give some of alpha_req, "),
        ((), 2, "missing argument 'METRIC...'; see embstore derive --help"),
        (("stable_rank", "--model", "lab/c"), 1, "no model 'lab/c' in this store"),
    ],
)
def test_what_is_typed_wrongly_is_told_in_a_line(
    store: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    found = embstore("derive", *arguments, "-s", store)
    assert (found.returncode, found.stdout) == (code, "")
    assert says in found.stderr
    assert found.stderr.count("\n") == 1
