import subprocess
from pathlib import Path

import pytest

from embstore.ingestion.provenance import git_state


def git(folder: Path, *command: str) -> str:
    mine = ("-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", str(folder), *mine, *command], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with one committed file, as a checkout of embstore is."""
    package = tmp_path / "embstore"
    package.mkdir()
    (package / "code.py").write_text("x = 1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return package


def test_files_that_git_does_not_track_are_no_change(checkout: Path) -> None:
    (checkout.parent / "embstore.duckdb").write_text("a store")
    (checkout / "notes.txt").write_text("beside the code")
    assert git_state(checkout) == (git(checkout, "rev-parse", "HEAD"), False)


@pytest.mark.parametrize("staged", [False, True])
def test_a_changed_file_is_a_change_staged_or_not(checkout: Path, staged: bool) -> None:
    (checkout / "code.py").write_text("x = 2\n")
    if staged:
        git(checkout, "add", ".")
    assert git_state(checkout) == (git(checkout, "rev-parse", "HEAD"), True)


def test_a_new_file_that_was_added_is_a_change(checkout: Path) -> None:
    (checkout / "new.py").write_text("y = 1\n")
    git(checkout, "add", ".")
    assert git_state(checkout)[1] is True


def test_outside_a_checkout_nothing_is_known(tmp_path: Path) -> None:
    assert git_state(tmp_path / "site-packages" / "embstore") == (None, None)
