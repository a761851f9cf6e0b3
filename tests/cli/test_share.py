"""merge, export and import, as a person types them."""

from pathlib import Path

import pytest

from embstore.store.scores import write_scores
from tests.cli.running import embstore
from tests.stores import new_store
from tests.synthetic import make_run, make_scores


@pytest.mark.slow
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


@pytest.mark.slow
def test_merge_and_import_say_how_many_scores_came_in(tmp_path: Path) -> None:
    one, two = (new_store(tmp_path / f"{n}.duckdb", [make_run()]) for n in (1, 2))
    write_scores(two, make_scores(make_run()))
    said = "0 runs new, 1 already there; 1 score new\n"
    told = embstore("merge", two.path, "--dry-run", "-s", one.path)
    assert told.stderr == f"would merge {two.path} into {one.path}: {said}"
    assert embstore("merge", two.path, "-s", one.path).stderr.endswith(said)
    again = embstore("merge", two.path, "-s", one.path).stderr
    assert again.endswith(": 0 runs new, 1 already there\n")
    embstore("export", tmp_path / "folder", "-s", two.path)
    three = new_store(tmp_path / "3.duckdb", [make_run()]).path
    assert embstore("import", tmp_path / "folder", "-s", three).stderr.endswith(said)


def test_merge_makes_a_store_that_is_not_there_but_not_for_nothing(tmp_path: Path) -> None:
    made = tmp_path / "made.duckdb"
    missing = embstore("merge", tmp_path / "missing.duckdb", "-s", made)
    assert missing.returncode == 3
    assert missing.stderr.startswith(f"error: no store at {tmp_path / 'missing.duckdb'}")
    assert not made.exists()
    two = new_store(tmp_path / "two.duckdb", [make_run()]).path
    assert embstore("merge", two, "-s", made).returncode == 0
    assert made.exists()


@pytest.mark.slow
def test_export_is_a_store_to_ask_and_to_import(tmp_path: Path) -> None:
    store = new_store(tmp_path / "a.duckdb", [make_run(), make_run(seed=1)]).path
    folder = tmp_path / "ex"
    done = embstore("export", folder, "-s", store)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"exported to {folder}: 2 runs new, 0 already there (0.0 MB)\n"
    for command in (
        ("ls", "runs"),
        ("query", "layer_profile", "-p", "metric=twonn"),
        ("sql", "SELECT model, count(*) AS n FROM profile GROUP BY model"),
        ("compare", "example/decoder-small", "example/decoder-small"),
    ):
        answers = [embstore(*command, "-s", place) for place in (store, folder)]
        assert answers[0].returncode == 0
        assert answers[0].stdout == answers[1].stdout
        assert answers[0].stderr == answers[1].stderr
    for name, words in (("c.json", "chart layer_profile"), ("r.html", "report")):
        found = embstore(*words.split(), "-o", tmp_path / name, "-s", folder)
        assert found.returncode == 0, found.stderr
    info = embstore("info", "-f", "json", "-s", folder)
    assert f'"store": "{folder}"' in info.stdout
    made = tmp_path / "made.duckdb"
    told = embstore("import", folder, "--dry-run", "-s", made)
    assert told.stderr == f"would import {folder} into {made}: 2 runs new, 0 already there\n"
    assert not made.exists()
    back = embstore("import", folder, "-s", made)
    assert back.stderr == f"imported {folder} into {made}: 2 runs new, 0 already there\n"
    again = embstore("merge", folder, "-s", made)
    assert again.stderr == f"merged {folder} into {made}: 0 runs new, 2 already there\n"
    refused = embstore("rm", "--model", "example/decoder-small", "--yes", "-s", folder)
    assert refused.returncode == 3
    assert "is an export, which is only read" in refused.stderr


@pytest.mark.slow
def test_exporting_again_says_what_it_mended_and_what_it_could_not(tmp_path: Path) -> None:
    one = new_store(tmp_path / "one.duckdb", [make_run()]).path
    two = new_store(tmp_path / "two.duckdb", [make_run(seed=1)]).path
    folder = tmp_path / "ex"
    for store in (one, two):
        assert embstore("export", folder, "-s", store).returncode == 0
    for file in folder.glob("runs/*/spectrum.parquet"):
        file.unlink()
    verified = embstore("verify", "-s", folder)
    assert verified.returncode == 1
    assert "a damaged file" in verified.stdout
    done = embstore("export", folder, "-s", one)
    assert done.returncode == 1
    assert "; 1 damaged or missing file written anew\n" in done.stderr
    assert "error: 1 of the runs of other stores" in done.stderr
    done = embstore("export", folder, "-s", two)
    assert done.returncode == 0
    assert "a damaged file" not in embstore("verify", "-s", folder).stdout
