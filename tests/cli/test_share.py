"""merge, as a person types it."""

from pathlib import Path

from tests.cli.running import embstore
from tests.stores import new_store
from tests.synthetic import make_run


def test_merge_says_in_one_line_what_came_in(tmp_path: Path) -> None:
    one = new_store(tmp_path / "one.duckdb", [make_run()]).path
    two = new_store(tmp_path / "two.duckdb", [make_run(), make_run(seed=1)]).path
    told = embstore("merge", two, "--dry-run", "-s", one)
    assert told.stderr == f"would merge {two} into {one}: 1 run new, 1 already there\n"
    done = embstore("merge", two, two, "-s", one)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (
        f"merged {two} into {one}: 1 run new, 1 already there\n"
        f"merged {two} into {one}: 0 runs new, 2 already there\n"
    )


def test_merge_makes_a_store_that_is_not_there_but_not_for_nothing(tmp_path: Path) -> None:
    made = tmp_path / "made.duckdb"
    missing = embstore("merge", tmp_path / "missing.duckdb", "-s", made)
    assert missing.returncode == 3
    assert missing.stderr.startswith(f"error: no store at {tmp_path / 'missing.duckdb'}")
    assert not made.exists()
    two = new_store(tmp_path / "two.duckdb", [make_run()]).path
    assert embstore("merge", two, "-s", made).returncode == 0
    assert made.exists()
