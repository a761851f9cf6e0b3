"""rm, rename and tag, as a person types them."""

from pathlib import Path

import duckdb
import pytest

from tests.cli.running import embstore
from tests.stores import new_store
from tests.synthetic import make_run


@pytest.fixture
def store(tmp_path: Path) -> Path:
    runs = [make_run(name="lab/a", tags={"lab": "x"}), make_run(name="lab/b", kind="encoder")]
    return new_store(tmp_path / "embstore.duckdb", runs).path


def run_id(store: Path, model: str) -> str:
    with duckdb.connect(store, read_only=True) as connection:
        sql = "SELECT any_value(run_id) FROM profile WHERE model = ?"
        found = connection.execute(sql, (model,)).fetchone()
    assert found is not None
    return str(found[0])


def models(store: Path) -> list[str]:
    return embstore("sql", "SELECT name FROM model ORDER BY name", "-s", store).stdout.split()[1:]


@pytest.mark.slow
def test_rm_lists_and_removes_with_yes(store: Path) -> None:
    listed = embstore("rm", "--model", "lab/a", "-s", store)
    assert listed.returncode == 0
    assert listed.stdout.splitlines()[0] == "model,revision,corpus,created_at,run_id,measurements"
    assert listed.stdout.splitlines()[1].startswith("lab/a,main,example-text,2026-11-02")
    assert f"would remove 1 run, 54 measurements from {store}: do it with --yes" in listed.stderr
    assert models(store) == ["lab/a", "lab/b"]
    done = embstore("rm", "--model", "lab/a", "--yes", "-s", store)
    assert done.stdout == listed.stdout
    assert "removed 1 run, 54 measurements" in done.stderr
    assert "MB of the file are free for later runs" in done.stderr
    assert models(store) == ["lab/b"]


def test_rm_refuses_what_names_nothing(store: Path) -> None:
    for arguments, code, says in (
        ((), 2, "no run is named"),
        (("--run", ""), 2, "--run is empty"),
        (("--model", "lab/c"), 1, "no model 'lab/c' in this store"),
        (("--run", "0000000000"), 1, "no run '0000000000'"),
    ):
        found = embstore("rm", *arguments, "--yes", "-s", store)
        assert (found.returncode, found.stdout) == (code, "")
        assert says in found.stderr
        assert found.stderr.count("\n") == 1
    assert models(store) == ["lab/a", "lab/b"]


def test_rename(store: Path) -> None:
    done = embstore("rename", "lab/a", "lab/c", "-s", store)
    assert done.stderr == "renamed lab/a to lab/c (1 run)\n"
    taken = embstore("rename", "lab/b", "lab/c", "-s", store)
    assert (taken.returncode, models(store)) == (1, ["lab/b", "lab/c"])
    assert taken.stderr == ("error: a model is called 'lab/c' already: choose another name\n")


def test_tag_gives_and_takes_away(store: Path) -> None:
    run = run_id(store, "lab/a")
    done = embstore("tag", run[:10], "lr=0.1", "lab=", "note=two words", "-s", store)
    assert done.stderr == (
        f"tagged run {run[:8]} (lab/a@main); its tags: lr=0.1, 'note=two words'\n"
    )
    again = embstore("tag", run[:10], "lr=0.1", "-s", store)
    assert again.stderr.startswith(f"nothing to change: run {run[:8]}")
    shown = embstore("query", "runs", "-f", "jsonl", "-s", store).stdout
    assert r'"tags":"{\"lr\":\"0.1\",\"note\":\"two words\"}"' in shown.replace(": ", ":")
    refused = embstore("tag", run, "lr", "-s", store)
    assert (refused.returncode, refused.stderr) == (
        2,
        "error: tag 'lr' has no value; write it as KEY=VALUE\n",
    )


def test_what_a_tag_may_be(store: Path) -> None:
    run = run_id(store, "lab/a")
    spaced = embstore("tag", run, " k = v ", "-s", store)
    assert spaced.stderr.endswith("its tags: k=v, lab=x\n")
    for tags, says in (
        (("=x",), "tag '=x' has no key; write it as KEY=VALUE"),
        (("a=b", "a=c"), "tag 'a' is given twice; a run has one value of it"),
        (("a=\udcff",), "tag 'a=\\udcff' is not UTF-8 text"),
    ):
        found = embstore("tag", run, *tags, "-s", store)
        assert (found.returncode, found.stderr) == (2, f"error: {says}\n")


@pytest.mark.parametrize("option", ["--model", "--revision"])
def test_a_name_that_is_no_text_is_not_there(store: Path, option: str) -> None:
    found = embstore("rm", option, "\udcff", "-s", store)
    assert (found.returncode, found.stdout) == (1, "")
    assert f"no {option[2:]} '\\udcff' in this store" in found.stderr


@pytest.mark.slow
def test_tag_chooses_runs_in_whatever_is_asked(store: Path, tmp_path: Path) -> None:
    def lines(*arguments: str) -> list[str]:
        found = embstore(*arguments, "--tag", "lab=x", "-s", store)
        assert found.returncode == 0, found.stderr
        return found.stdout.splitlines()

    assert [line.split(",")[1] for line in lines("ls", "runs")] == ["model", "lab/a"]
    assert [line.split(",")[0] for line in lines("ls", "models")] == ["model", "lab/a"]
    assert len(lines("query", "layer_profile")) == 1 + 2 * 5
    assert lines("sql", "SELECT count(*) AS n FROM run") == ["n", "1"]
    assert lines("compare", "lab/a", "lab/a", "--summary")
    lines("chart", "layer_profile", "-o", str(tmp_path / "c.json"))
    lines("report", "-o", str(tmp_path / "r.html"))
    for name in ("c.json", "r.html"):
        shown = (tmp_path / name).read_text()
        assert ("lab/a" in shown, "lab/b" in shown) == (True, False), name
    for arguments, code, says in (
        (
            ("compare", "lab/a", "lab/b", "--tag", "lab=x"),
            1,
            "or run 'lab/b' in the part of this store with these tags",
        ),
        (
            ("query", "layer_profile", "-p", "models=lab/b", "--tag", "lab=x"),
            1,
            "no model 'lab/b' in the part of this store with these tags",
        ),
        (
            ("report", "--models", "lab/b", "--tag", "lab=x", "-o", str(tmp_path / "x.html")),
            1,
            "no model 'lab/b' in the part of this store with",
        ),
        (("ls", "runs", "--tag", "lab=y"), 1, "no run has the tag lab=y"),
        (("ls", "runs", "--tag", "lab"), 2, "tag 'lab' has no value"),
        (("ls", "metrics", "--tag", "lab=x"), 2, "--tag chooses runs"),
    ):
        found = embstore(*arguments, "-s", store)
        assert (found.returncode, found.stdout) == (code, "")
        assert says in found.stderr


@pytest.mark.slow
def test_group_and_ungroup_say_what_they_did(store: Path) -> None:
    told = embstore("group", "lab/g", "lab/a", "lab/b", "-s", store)
    assert (told.returncode, told.stdout) == (0, "")
    assert told.stderr.splitlines() == [
        *("lab/a is a seed of lab/g now", "lab/b is a seed of lab/g now")
    ]
    again = embstore("group", "lab/g", "lab/a", "-s", store)
    assert again.stderr == "nothing to change: lab/a is in group lab/g already\n"
    moved = embstore("group", "other", "lab/a", "-s", store)
    assert moved.stderr == "lab/a is a seed of other now; it was one of lab/g\n"
    listed = embstore("ls", "models", "-s", store, "-f", "json").stdout
    assert '"seed_group": "other"' in listed
    out = embstore("ungroup", "lab/a", "-s", store)
    assert out.stderr == "lab/a is no seed of other any more\n"
    assert embstore("ungroup", "lab/a", "-s", store).stderr == (
        "nothing to change: lab/a is in no group\n"
    )


def test_groups_are_refused_in_a_line(store: Path) -> None:
    for arguments, code, message in (
        (("group", "", "lab/a"), 2, "the group's name is empty"),
        (("group", "g" * 201, "lab/a"), 2, "201 characters; give 200 or fewer"),
        (("group", "a\nb", "lab/a"), 2, r"'a\nb' cannot be a group's name"),
        (("group", "g", "lab/c"), 1, "no model 'lab/c' in this store"),
        (("ungroup", "lab/c"), 1, "no model 'lab/c' in this store"),
        (("group", "g"), 2, "MODEL"),
        (("tag", run_id(store, "lab/a"), f"seed_group={'g' * 201}"), 2, "201 characters"),
    ):
        refused = embstore(*arguments, "-s", store)
        assert refused.returncode == code
        assert message in refused.stderr
