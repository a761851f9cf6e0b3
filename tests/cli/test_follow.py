"""A page that is written again and again: for every newer run, and through what passes."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from embstore.store.writing import write_run
from tests.asking.watching.trainings import steps_of
from tests.cli.running import command, embstore
from tests.holding import hold
from tests.processes import finish
from tests.stores import file_database, new_store

Then = Callable[..., object]


@pytest.fixture
def then(monkeypatch: pytest.MonkeyPatch) -> list[Then]:
    """What happens between two looks, in turn; Ctrl-C after the last."""
    events: list[Then] = []

    def sleep(_seconds: float) -> None:
        if not events:
            raise KeyboardInterrupt
        events.pop(0)()

    monkeypatch.setattr("embstore.cli.follow.sleep", sleep)
    return events


def nothing() -> None:
    pass


@pytest.mark.slow
def test_a_page_is_written_again_for_every_newer_run(tmp_path: Path, then: list[Then]) -> None:
    path, page = tmp_path / "s.duckdb", tmp_path / "page.html"
    first, second, _ = steps_of()
    there: list[bool] = []

    def look() -> None:
        there.append(page.exists())

    then += [
        *(look, lambda: new_store(path), look, nothing),
        *(lambda: write_run(file_database(path), first), look, nothing),
        *(lambda: write_run(file_database(path), second), look),
    ]
    ended = embstore("report", "--follow", "-s", path, "-o", page)
    assert ended.returncode == 0
    assert ended.stdout == ""
    said = ended.stderr.splitlines()
    # A trouble is told once, and a page when it is written.
    assert said[0].startswith(f"note: no store at {path}: make one with `embstore ingest`")
    assert said[0].endswith("(tried again every 2 s)")
    assert said[1].startswith(f"note: {path} holds no runs yet")
    assert [line[: line.index(" runs,")] for line in said[2:]] == [
        f"wrote {page} (1",
        f"wrote {page} (2",
    ]
    assert there == [False, False, True, True]
    assert [file.name for file in tmp_path.glob("page*")] == ["page.html"]


@pytest.mark.slow
def test_the_page_says_to_reload_it_and_asks_for_nothing(tmp_path: Path, then: list[Then]) -> None:
    store, page = new_store(tmp_path / "s.duckdb", steps_of()).path, tmp_path / "page.html"
    assert embstore("report", "--follow", "-s", store, "-o", page).returncode == 0
    followed = page.read_text(encoding="utf-8")
    assert "and again at every newer run: reload the page to see it." in followed
    assert 'http-equiv="refresh"' not in followed
    assert "connect-src 'none'" in followed
    assert embstore("report", "-s", store, "-o", page).returncode == 0
    assert "reload the page" not in page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_held_store_leaves_the_page_and_is_tried_again(tmp_path: Path, then: list[Then]) -> None:
    first, second, _ = steps_of()
    database = new_store(tmp_path / "s.duckdb", [first])
    page = tmp_path / "page.html"
    holders = []

    def take() -> None:
        write_run(database, second)
        holders.append(hold(database.path))

    then += [take, nothing, lambda: finish(holders[0])]
    ended = embstore(
        "report", "--follow", "-s", database.path, "-o", page, EMBSTORE_LOCK_TIMEOUT="0"
    )
    assert ended.returncode == 0
    one, trouble, two = ended.stderr.splitlines()
    assert "(1 runs," in one
    assert f"is locked by process {holders[0].pid}" in trouble
    assert "(2 runs," in two


@pytest.mark.slow
def test_a_page_that_cannot_be_written_later_is_tried_again(
    tmp_path: Path, then: list[Then]
) -> None:
    first, second, _ = steps_of()
    database = new_store(tmp_path / "s.duckdb", [first])
    folder = tmp_path / "pages"
    folder.mkdir()
    page = folder / "page.html"

    def lose() -> None:
        write_run(database, second)
        page.unlink()
        folder.rmdir()

    then += [lose, folder.mkdir]
    ended = embstore("report", "--follow", "-s", database.path, "-o", page)
    assert ended.returncode == 0
    _, trouble, written = ended.stderr.splitlines()
    assert "cannot write" in trouble
    assert "(2 runs," in written


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("-o", "-"), 2, "--follow writes a file again and again; name one with -o"),
        (("--every", "0.01"), 2, "--every is 0.01 seconds: give between 0.1 and 86400"),
        (("--models", "run-8"), 1, "did you mean run-7"),
        (("--metrics", "twon"), 1, "no metric 'twon' in this store (did you mean twonn?)"),
        (("-o", "missing/page.html"), 1, "no folder 'missing'"),
        (("--follows",), 2, "has no option --follows (did you mean --follow?)"),
    ],
)
def test_what_is_wrong_from_the_start_ends_it(
    tmp_path: Path, then: list[Then], words: tuple[str, ...], code: int, message: str
) -> None:
    store = new_store(tmp_path / "s.duckdb", steps_of()).path
    ended = embstore("report", "--follow", "-s", store, *words, cwd=tmp_path)
    assert ended.returncode == code
    assert message in ended.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["s.duckdb"]


def test_a_pause_is_only_for_who_follows(tmp_path: Path) -> None:
    ended = embstore("report", "--every", "5", cwd=tmp_path)
    assert ended.returncode == 2
    assert "--every is how often --follow looks for a newer run; give both" in ended.stderr


@pytest.mark.slow
def test_ctrl_c_ends_a_process_of_its_own_with_success(tmp_path: Path) -> None:
    store = new_store(tmp_path / "s.duckdb", steps_of()).path
    words = command("report", "--follow", "-s", store, "-o", tmp_path / "page.html")
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline().startswith("wrote ")
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()
