"""scores import, scores ls and scores rm, as a person types them."""

import json
from pathlib import Path

import pytest

from embstore.cli.completing import complete_stored, parameters_and_values
from embstore.store.connection import open_database
from tests.cli.running import embstore
from tests.store.contents import contents
from tests.stores import new_store
from tests.synthetic import make_run

pytestmark = pytest.mark.slow

ROWS = "model,revision,name,value,stderr\nlab/a,main,acc,0.5,0.01\nlab/b,v2,acc,0.25,\n"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return new_store(tmp_path / "embstore.duckdb", [make_run(name="lab/a")]).path


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    path = tmp_path / "scores.csv"
    path.write_text(ROWS)
    return path


def test_it_says_what_came_of_which_scores(store: Path, scores: Path) -> None:
    unmatched = (
        "note: 1 score is of no checkpoint of this store; it is kept, and counts once it is "
        "there: lab/b (did you mean lab/a?)\n"
    )
    done = embstore("scores", "import", scores, "-s", store)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"imported into {store}: 2 scores new, 0 already there\n{unmatched}"
    again = embstore("scores", "import", scores, "-s", store)
    assert again.stderr == f"imported into {store}: 0 scores new, 2 already there\n{unmatched}"
    scores.write_text(ROWS.replace("0.5", "0.75"))
    done = embstore("scores", "import", scores, "-s", store)
    assert done.stderr == (
        f"imported into {store}: 0 scores new, 1 changed, 1 already there\n"
        f"note: the newest counts: acc of lab/a@main: 0.75, was 0.5\n{unmatched}"
    )


def test_a_store_that_is_missing_is_made(tmp_path: Path, scores: Path) -> None:
    store = tmp_path / "new.duckdb"
    assert embstore("scores", "import", scores, "-s", store).returncode == 0
    listed = embstore("scores", "ls", "-s", store, "-f", "json")
    rows = [(row["model"], row["value"], row["checkpoint"]) for row in json.loads(listed.stdout)]
    assert rows == [("lab/a", 0.5, None), ("lab/b", 0.25, None)]


def test_a_dry_run_only_tells(tmp_path: Path, scores: Path) -> None:
    store = tmp_path / "new.duckdb"
    done = embstore("scores", "import", scores, "-s", store, "--dry-run")
    assert done.stderr == "would import 2 scores of 2 models from 1 file: acc\n"
    assert not store.exists()


def test_a_list_can_be_imported_again(store: Path, scores: Path, tmp_path: Path) -> None:
    embstore("scores", "import", scores, "-s", store)
    listed = tmp_path / "list.csv"
    assert embstore("scores", "ls", "-s", store, "-o", listed).returncode == 0
    done = embstore("scores", "import", listed, "-s", store)
    assert "0 scores new, 2 already there" in done.stderr


def told_next(store: Path) -> str:
    """What a list for people says last; other lists say nothing."""
    assert embstore("scores", "ls", "-s", store, "-f", "csv").stderr == ""
    return embstore("scores", "ls", "-s", store, "-f", "table").stderr


@pytest.mark.parametrize(
    ("of_models", "of_steps", "commands"),
    [
        (2, 1, []),
        (4, 0, ["score_correlation -o correlation.svg"]),
        (1, 2, ["score_by_step -o steps.svg"]),
        (3, 2, ["score_correlation -o correlation.svg", "score_by_step -o steps.svg"]),
    ],
)
def test_a_list_for_people_says_where_scores_are_drawn(
    tmp_path: Path, of_models: int, of_steps: int, commands: list[str]
) -> None:
    """Only what there are enough for: what is said next works."""
    runs = [make_run(name=f"lab/{n}", n_layers=n + 2) for n in range(of_models)]
    runs += [make_run(name="lab/steps", revision=f"step{n}", step=n) for n in range(of_steps)]
    store = new_store(tmp_path / "embstore.duckdb", runs).path
    rows = [f"lab/{n},,acc,{0.1 * n}" for n in range(of_models)]
    rows += [f"lab/steps,step{n},acc,{0.3 + n}" for n in range(of_steps)]
    # Of no stored checkpoint, so of no use to a chart.
    rows += [f"other/{n},,acc,0.5" for n in range(5)]
    scores = tmp_path / "scores.csv"
    scores.write_text("\n".join(["model,revision,name,value", *rows]))
    assert embstore("scores", "import", scores, "-s", store).returncode == 0
    wanted = [f"embstore chart {command}" for command in commands]
    assert told_next(store) == (f"next: {', or '.join(wanted)}\n" if wanted else "")
    for command in commands:
        question, _, name = command.split()
        done = embstore("chart", question, "-s", store, "-o", tmp_path / name)
        assert done.returncode == 0, done.stderr


def test_nothing_to_list_is_told(store: Path) -> None:
    done = embstore("scores", "ls", "-s", store)
    assert done.returncode == 0
    assert done.stderr == (
        f"no rows: {store} holds no scores yet; take some in with embstore scores import\n"
    )


def test_they_are_counted_then_removed(store: Path, scores: Path) -> None:
    embstore("scores", "import", scores, "-s", store)
    done = embstore("scores", "rm", "--source", "scores.csv", "-s", store)
    assert done.stderr == f"would remove 2 scores from {store}: do it with --yes\n"
    done = embstore("scores", "rm", "--model", "lab/a", "--name", "acc", "--yes", "-s", store)
    assert done.stderr == f"removed 1 score from {store}\n"
    listed = embstore("scores", "ls", "-s", store, "-f", "csv").stdout
    assert listed.splitlines()[1].startswith("lab/b,v2,")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("import", "none.csv"), 1, "no such file: none.csv; check the path"),
        (("import", "notes.txt"), 2, "notes.txt has suffix '.txt': scores are read from"),
        (("import",), 2, "missing argument 'FILE...'; see embstore scores import --help"),
        (("rm",), 2, "no score is named: give a model, the name of a score or a source"),
        (("rm", "--name", "f1"), 1, "no score 'f1' in this store; it has no scores"),
        (("lst",), 2, "no such command 'lst'"),
    ],
)
def test_what_is_typed_wrongly_is_told_in_a_line(
    store: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    (tmp_path / "notes.txt").write_text("")
    rest = () if arguments == ("lst",) else ("-s", store)
    found = embstore("scores", *arguments, *rest, cwd=tmp_path)
    assert (found.returncode, found.stdout) == (code, "")
    assert says.lower() in found.stderr.lower()
    assert found.stderr.count("\n") == 1


def test_a_bad_row_leaves_everything_as_it_was(store: Path, scores: Path) -> None:
    scores.write_text(ROWS + "lab/c,main,acc,nan,\n")
    before = contents(open_database(store, create=False))
    done = embstore("scores", "import", scores, "-s", store)
    assert done.returncode == 1
    assert done.stderr.endswith(f"{scores}: line 4: value of acc 'nan' is no number\n")
    assert done.stderr.count("\n") == 1
    assert contents(open_database(store, create=False)) == before


def test_a_revision_of_another_step_is_told_in_a_line(tmp_path: Path, scores: Path) -> None:
    scores.write_text("model,revision,step,name,value\nlab/a,step1000,2000,acc,1\n")
    store = tmp_path / "new.duckdb"
    for more in ((), ("--dry-run",)):
        done = embstore("scores", "import", scores, "-s", store, *more)
        assert done.returncode == 1
        assert done.stderr.endswith(
            f"{scores}: line 2: revision 'step1000' is of step 1,000, but step 2,000 is given; "
            "correct one of the two, or leave one out\n"
        )
    assert not store.exists()


def test_two_names_of_one_checkpoint_are_told(store: Path, scores: Path) -> None:
    rows = "model,revision,name,value\nlab/a,main,acc,0.5\na,,acc,{}\n"
    scores.write_text(rows.format(0.25))
    done = embstore("scores", "import", scores, "-s", store)
    assert done.returncode == 1
    assert done.stderr.endswith(
        "acc of lab/a@main (scores.csv) is 0.5, and of a (scores.csv) 0.25, but both are "
        "lab/a@main; keep one of them\n"
    )
    assert done.stderr.count("\n") == 1
    assert json.loads(embstore("scores", "ls", "-s", store, "-f", "json").stdout or "[]") == []
    scores.write_text(rows.format(0.5))
    done = embstore("scores", "import", scores, "-s", store)
    assert done.stderr == (
        f"imported into {store}: 1 score new, 0 already there\n"
        "note: 1 score says the same of a checkpoint under another name, and is not counted "
        "again: lab/a@main and a\n"
    )


def test_names_are_completed(store: Path, scores: Path) -> None:
    class Typed:
        params = {"store": str(store)}  # noqa: RUF012

    embstore("scores", "import", scores, "-s", store)
    assert complete_stored("score", "model")(Typed(), "lab/") == ["lab/a", "lab/b"]  # type: ignore[arg-type]
    assert complete_stored("score", "none")(Typed(), "") == []  # type: ignore[arg-type]
    found = parameters_and_values(
        "score=", question="score_correlation", store=str(store), queries=()
    )
    assert found == ["score=acc"]


def test_info_counts_them(store: Path, scores: Path) -> None:
    embstore("scores", "import", scores, "-s", store)
    (facts,) = json.loads(embstore("info", "-s", store, "-f", "json").stdout)
    assert facts["scores"] == 2
