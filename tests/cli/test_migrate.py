"""The command that brings an older store up to date, and questions to one that is not."""

import csv
import io
from pathlib import Path

import duckdb
import pytest

from embstore.store import migration
from embstore.store.connection import open_database
from embstore.store.exports.exporting import export_store
from tests.cli.running import embstore
from tests.store.old_stores import SCHEMAS, unpack
from tests.stores import new_store

OLD = SCHEMAS[-2]
NOTE = (
    f"has schema {OLD}, older than this embstore's {migration.HEAD}: answered from a migrated "
    "temporary copy, the store stays as it is (embstore migrate brings it up to date)\n"
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return unpack(OLD, tmp_path / "old.duckdb")


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return new_store(tmp_path / "new.duckdb").path


def test_check_tells_scripts_whether_it_is_needed(old: Path, new: Path) -> None:
    before = old.read_bytes()
    needed = embstore("migrate", "--check", "-s", old)
    assert (needed.returncode, needed.stdout) == (1, "")
    assert needed.stderr == (
        f"{old} has schema {OLD}, older than this embstore's {migration.HEAD}: `embstore migrate` "
        "brings it up to date\n"
    )
    assert old.read_bytes() == before
    current = embstore("migrate", "--check", "-s", new)
    assert current.returncode == 0
    assert current.stderr == f"{new} has schema {migration.HEAD}, which is current: nothing to do\n"


def test_list_shows_what_is_applied_and_what_is_pending(old: Path, new: Path) -> None:
    for store, last in ((old, OLD), (new, migration.HEAD)):
        listed = embstore("migrate", "--list", "-s", store)
        assert (listed.returncode, listed.stderr) == (0, "")
        rows = list(csv.DictReader(io.StringIO(listed.stdout)))
        assert [row["schema"] for row in rows] == SCHEMAS
        assert [row["status"] for row in rows] == [
            "applied" if schema <= last else "pending" for schema in SCHEMAS
        ]
        assert rows[0]["title"] == "The first tables and views"


def test_migrating_says_so_and_where_the_backup_is(old: Path) -> None:
    done = embstore("migrate", "-s", old)
    assert (done.returncode, done.stdout) == (0, "")
    (backup,) = (file for file in old.parent.iterdir() if file != old)
    assert done.stderr == (
        f"note: {old} had schema {OLD}: migrated to {migration.HEAD}, after a backup copy to "
        f"{backup}\n"
    )
    again = embstore("migrate", "-s", old)
    assert again.returncode == 0
    assert again.stderr.endswith("which is current: nothing to do\n")


@pytest.mark.parametrize("option", [(), ("--check",), ("--list",)])
def test_a_newer_store_and_no_store_are_refused(
    new: Path, tmp_path: Path, option: tuple[str, ...]
) -> None:
    with duckdb.connect(new) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    refused = embstore("migrate", *option, "-s", new)
    assert refused.returncode == 3
    assert refused.stderr == (
        f"error: {new} has schema 9999, newer than this embstore's {migration.HEAD}: upgrade "
        "embstore\n"
    )
    missing = embstore("migrate", *option, "-s", tmp_path / "no.duckdb")
    assert missing.returncode == 3
    assert "no store at" in missing.stderr


@pytest.mark.parametrize("option", [(), ("--check",), ("--list",)])
def test_an_export_is_not_migrated(new: Path, tmp_path: Path, option: tuple[str, ...]) -> None:
    folder = export_store(open_database(new), tmp_path / "geometry").folder
    refused = embstore("migrate", *option, "-s", folder)
    assert refused.returncode == 3
    assert refused.stderr == (
        f"error: {folder} is an export, which is only read: take it into a store with `embstore "
        f"import {folder}`\n"
    )
    # And an empty one is not filled by an ingest.
    asked = embstore("query", "layer_profile", "-s", folder)
    assert asked.stderr.endswith("holds no runs yet; fill it with embstore export\n")


def test_options_that_do_not_fit_are_refused(new: Path) -> None:
    table = "--format and --output are for the table of --list"
    for options, says in (
        (("--check", "--list"), "--check and --list ask for different things: give one of them"),
        (("-f", "json"), table),
        (("--check", "-o", "a.csv"), table),
    ):
        refused = embstore("migrate", *options, "-s", new)
        assert (refused.returncode, refused.stderr) == (2, f"error: {says}\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("query", "peak_layer"),
        ("ls", "models"),
        ("info",),
        ("sql", "SELECT count(*) AS n FROM profile"),
        ("compare", "example/encoder", "example/both"),
        ("chart", "layer_profile", "-o", "profile.json"),
        ("report", "-o", "report.html"),
    ],
    ids=lambda command: command[0],
)
def test_every_question_answers_and_says_so_once(old: Path, command: tuple[str, ...]) -> None:
    before = old.read_bytes()
    asked = embstore(*command, "-s", old, cwd=old.parent)
    assert asked.returncode == 0, asked.stderr
    assert asked.stderr.count(NOTE) == 1
    assert old.read_bytes() == before
    quiet = embstore("-q", *command, "-s", old, cwd=old.parent)
    assert (quiet.returncode, quiet.stderr) == (0, "")


def test_info_says_which_schema_the_file_has(old: Path) -> None:
    shown = embstore("info", "-s", old, "-f", "json")
    assert f'"schema_revision": "{OLD}"' in shown.stdout.replace('":"', '": "')
