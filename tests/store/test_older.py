"""Stores that an older embstore wrote: asked without a change, and migrated after a backup."""

import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from embstore.api.store import open_store
from embstore.common.paths import resource_folder
from embstore.errors import QueryError, StoreError, StoreVersionError
from embstore.store import migration, upgrading
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.mending.find_runs import Selection
from embstore.store.mending.removing import remove_runs
from embstore.store.mending.renaming import rename_model
from embstore.store.mending.tagging import tag_run
from embstore.store.upgrading import upgrade_store
from embstore.store.writing import write_run
from tests.holding import held
from tests.processes import finish, finish_killed, start
from tests.store.old_stores import SCHEMAS, answers, unpack
from tests.synthetic import make_run

OLD = [schema for schema in SCHEMAS if schema < migration.HEAD]
TODAY = "2026-11-05"
NOTE = "answered from a migrated temporary copy, the store stays as it is"

# What has another default since: the last schema before, and what the default was. Or a name.
CHANGED_DEFAULTS: dict[str, tuple[str, dict[str, object]]] = {
    "massive_activations": ("0003", {"final_norm": True}),
    "dimension_ceiling": ("0007", {"embedding": True}),
    "dimension_scale": ("0007", {"all_layers": True}),
}
# What is no answer any more: these stores have runs of one size, and two models, of which one has
# two stacks.
NO_ANSWERS = {
    "value_by_tokens": "measured with one number of tokens",
    "nearest_models": "fewer than 3 models were measured alike",
}
RENAMED = {("peak_layer", "contrast")}


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "embstore")


@pytest.fixture(autouse=True)
def _one_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be today all the time."""

    class Clock(datetime):
        @classmethod
        def now(cls, _zone: object = None) -> datetime:  # type: ignore[override]
            return datetime.fromisoformat(f"{TODAY}T12:00Z")

    monkeypatch.setattr(upgrading, "datetime", Clock)


Rows = list[dict[str, Any]]


def contents(path: Path) -> dict[str, Rows]:
    """Read all tables and views of a file with DuckDB alone; the rows of a view have no order."""
    with duckdb.connect(path, read_only=True) as connection:
        found = connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
        return {
            name: sorted(
                connection.execute(f"SELECT * FROM {name}").to_arrow_table().to_pylist(), key=str
            )
            for (name,) in found
            if name != "alembic_version"
        }


def rows_of(connection: duckdb.DuckDBPyConnection, table: str) -> Rows:
    rows: Rows = connection.execute(f"SELECT * FROM {table}").to_arrow_table().to_pylist()
    return rows


def in_columns_of(rows: Rows, others: Rows) -> list[str]:
    """Write rows in the columns that others have, in an order of their own."""
    first = others[0] if others else {}

    def known(name: str, value: Any) -> Any:
        # A view's struct may have gained fields.
        fields = first[name]
        return {key: value[key] for key in fields} if isinstance(fields, dict) else value

    return sorted(str([known(name, row[name]) for name in first]) for row in rows)


def test_every_schema_has_a_store() -> None:
    assert [known.revision for known in migration.migrations()] == SCHEMAS


@pytest.mark.slow
@pytest.mark.parametrize("schema", SCHEMAS)
def test_questions_have_the_answers_of_the_embstore_that_wrote_it(
    schema: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = unpack(schema, path).read_bytes()
    store = open_store(path)
    with open_database(path, create=False).held():
        for name, expected in answers(schema).items():
            last, changed = CHANGED_DEFAULTS.get(name, ("", {}))
            params = changed if schema <= last else {}
            if name in NO_ANSWERS:
                with pytest.raises(QueryError, match=NO_ANSWERS[name]):
                    store.query(name)
                continue
            rows = json.loads(
                json.dumps(store.query(name, **params).table.to_pylist(), default=str)
            )
            assert len(rows) == len(expected), name
            for new, old in zip(rows, expected, strict=True):
                shared = {
                    column: new.get(column) for column in old if (name, column) not in RENAMED
                }
                # Sums of a few dozen terms may be taken in another order: a few units in the
                # sixteenth digit each.
                assert shared == {
                    column: pytest.approx(old[column], rel=1e-13, abs=1e-15, nan_ok=True)
                    if isinstance(old[column], float)
                    else old[column]
                    for column in shared
                }, name
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    # Said once, however many questions follow; a store of today has no note.
    assert [record.message.count(NOTE) for record in caplog.records] == [1] * (schema in OLD)
    assert store.info()["schema_revision"] == schema


@pytest.mark.slow
@pytest.mark.parametrize("schema", OLD)
def test_writing_migrates_after_a_backup(
    schema: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = unpack(schema, path).read_bytes()
    old = contents(path)
    database = open_database(path, lazy=True)
    assert path.read_bytes() == before
    assert database.migrate()
    backup = path.with_name(f"embstore.schema-{schema}.{TODAY}.duckdb")
    assert [record.message for record in caplog.records] == [
        f"{path} had schema {schema}: migrated to {migration.HEAD}, after a backup copy to {backup}"
    ]
    assert backup.read_bytes() == before
    assert {found.name for found in path.parent.iterdir()} == {path.name, backup.name}
    new = contents(path)
    assert old["measurement"]
    for name, rows in old.items():
        assert in_columns_of(new[name], rows) == in_columns_of(rows, rows), name
    assert not database.migrate()
    write_run(database, make_run())
    assert len(contents(path)["run"]) == len(old["run"]) + 1
    assert len(caplog.records) == 1


@pytest.mark.slow
def test_the_first_write_migrates_and_no_backup_is_overwritten(path: Path) -> None:
    schema = OLD[-1]
    for _ in range(2):
        unpack(schema, path)
        write_run(open_database(path, lazy=True), make_run())
    stem = f"embstore.schema-{schema}.{TODAY}"
    assert {found.name for found in path.parent.iterdir()} == {
        *(path.name, f"{stem}.duckdb", f"{stem}.1.duckdb")
    }


def with_a_log(schema: str, path: Path) -> int:
    """Make an old store the latest of whose rows are in the log beside it; return how many."""
    unpack(schema, path)
    with duckdb.connect(path) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute("INSERT INTO measurement SELECT * FROM measurement")
        row = connection.execute("SELECT count(*) FROM measurement").fetchone()
    assert path.with_name(f"{path.name}.wal").stat().st_size > 1000
    assert row is not None
    return int(row[0])


COUNT = "SELECT count(*) AS n FROM measurement"


@pytest.mark.slow
def test_what_is_in_the_log_is_asked_migrated_and_backed_up_too(path: Path) -> None:
    log = path.with_name(f"{path.name}.wal")
    n = with_a_log("0002", path)
    before = path.read_bytes(), log.read_bytes()
    database = open_database(path, create=False)
    assert database.select(COUNT)["n"].to_pylist() == [n]
    assert (path.read_bytes(), log.read_bytes()) == before
    database.migrate()
    backup = path.with_name(f"embstore.schema-0002.{TODAY}.duckdb")
    saved = backup.read_bytes(), backup.with_name(f"{backup.name}.wal").read_bytes()
    assert saved == before
    for place in (path, backup):
        assert len(contents(place)["measurement"]) == n


@pytest.mark.slow
def test_a_store_that_changes_is_asked_anew(
    path: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copies = tmp_path / "temporary"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    unpack("0003", path)
    database = open_database(path, create=False)
    before = database.select(COUNT)["n"][0].as_py()
    with duckdb.connect(path) as connection:
        connection.execute("INSERT INTO measurement SELECT * FROM measurement")
    assert database.select(COUNT)["n"].to_pylist() == [2 * before]
    assert [record.message.count(NOTE) for record in caplog.records] == [1, 1]
    # Once it is migrated the file itself answers, and the copy is gone.
    assert len(list(copies.iterdir())) == 1
    upgrade_store(path, 1)
    assert list(copies.iterdir()) == []
    write_run(database, make_run())
    assert database.select(COUNT)["n"].to_pylist() == [2 * before + 54]
    assert len(caplog.records) == 3
    # And a newer embstore.
    with duckdb.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreVersionError, match="has schema 9999, newer"):
        database.select(COUNT)


@pytest.mark.slow
def test_questions_that_belong_together_share_a_copy(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unpack("0004", path)
    database = open_database(path, create=False)
    with database.held():
        before = database.select(COUNT)
        with duckdb.connect(path) as connection:
            connection.execute("INSERT INTO measurement SELECT * FROM measurement")
        # One moment of the store.
        assert open_database(path, create=False).select(COUNT) == before
    assert database.select(COUNT) != before
    assert len(caplog.records) == 2


@pytest.mark.slow
def test_a_store_that_a_notebook_holds_is_asked_all_the_same(path: Path) -> None:
    before = unpack("0001", path).read_bytes()
    with held(path, "reads") as holder:
        database = open_database(path, create=False, timeout=0.1)
        assert database.select(COUNT)["n"][0].as_py() > 100
        with pytest.raises(StoreError, match=rf"is locked by process {holder.pid}"):
            database.migrate()
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


REFUSED: dict[str, Callable[[Database, str], object]] = {
    "remove": lambda database, _name: remove_runs(database, Selection(models=["none"])),
    "tag": lambda database, _name: tag_run(database, "00000000", {"k": "v"}),
    "rename": lambda database, _name: rename_model(database, "none", "new"),
    "rename to one there": lambda database, name: rename_model(database, name, name),
}


@pytest.mark.slow
@pytest.mark.parametrize("schema", SCHEMAS)
def test_what_changes_nothing_migrates_nothing(
    schema: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = unpack(schema, path).read_bytes()
    stored = answers(schema)["models"]
    name = str(stored[0]["model"])
    # A notebook may read it meanwhile.
    with held(path, "reads"):
        database = open_database(path, create=False, timeout=0.1)
        found = remove_runs(database, Selection(models=[name]), dry_run=True)
        assert found.runs.num_rows > 0
        assert found.measurements > 0
        for change in REFUSED.values():
            with pytest.raises(QueryError):
                change(database, name)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    assert caplog.records == []
    # What is changed after all is migrated first.
    runs = found.runs["run_id"].to_pylist()
    done = remove_runs(database, Selection(runs=runs))
    assert done.runs.equals(found.runs)
    assert (done.measurements, done.failures) == (found.measurements, 0)


READ_ONLY = """
import os, sys, tempfile
from embstore.errors import StoreError
from embstore.store.connection import open_database
from embstore.store.database import Database

# Imports all that migrating needs: the other user may not be allowed to read it.
open_database(sys.argv[2]).migrate()
os.setuid(65534)  # root may do everything
database = open_database(sys.argv[1], create=False)
print(database.select("SELECT count(*) AS n FROM dimension_curve")["n"][0])
print(os.listdir(os.path.dirname(sys.argv[1])))
try:
    database.migrate()
except StoreError as error:
    print(error)
folder = tempfile.gettempdir()
print(sum(name.startswith("embstore-copy") for name in os.listdir(folder)))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes somebody else")
@pytest.mark.parametrize(
    ("file", "folder", "message"),
    [
        (0o444, 0o555, "cannot be opened: permission denied; change"),
        # The file may be written, but no log and no backup beside it.
        (0o666, 0o555, "no backup can be made in .* \\(Permission denied\\): make room"),
    ],
)
def test_a_read_only_store_is_asked_all_the_same(
    file: int, folder: int, message: str, tmp_path: Path
) -> None:
    other = unpack("0002", tmp_path / "other.duckdb")
    with (
        tempfile.TemporaryDirectory() as home,
        tempfile.TemporaryDirectory() as temporary,
    ):
        Path(temporary).chmod(0o777)
        path = unpack("0002", Path(home) / "a.duckdb")
        path.chmod(file)
        Path(home).chmod(folder)
        process = start(READ_ONLY, path, other, TMPDIR=temporary)
        asked, found, refused, copies = finish(process).splitlines()
        assert (asked, found, copies) == ("0", "['a.duckdb']", "1")
        # And none when the process has ended.
        assert list(Path(temporary).iterdir()) == []
    assert re.search(message, refused)


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An embstore with a migration more, which fails half way."""
    folder = tmp_path / "migrations"
    shutil.copytree(resource_folder("migrations"), folder)
    (folder / "versions" / "9999_broken.py").write_text(
        "from alembic import op\n"
        f"revision, down_revision = '9999', {migration.HEAD!r}\n"
        "def upgrade():\n"
        "    op.execute('ALTER TABLE run ADD COLUMN half INTEGER')\n"
        "    op.execute('DELETE FROM measurement')\n"
        "    raise ZeroDivisionError('half way')\n"
    )
    monkeypatch.setattr(migration, "resource_folder", lambda _name: folder)
    monkeypatch.setattr(migration, "HEAD", "9999")


@pytest.mark.slow
@pytest.mark.parametrize("schema", ["0001", SCHEMAS[-1]])
@pytest.mark.usefixtures("broken")
def test_a_migration_that_fails_half_way_leaves_the_old_store(schema: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    path = unpack(schema, tmp_path / "home" / "embstore.duckdb")
    old = contents(path)
    database = open_database(path, lazy=True)
    what = rf"^{path} could not be migrated from schema {schema} to 9999 "
    with pytest.raises(StoreError, match=what + r"\(.*half way\), and is as it was$"):
        database.migrate()
    with pytest.raises(StoreError, match=what):
        write_run(database, make_run())
    with pytest.raises(StoreError, match=r"no migrated copy could be made .*half way"):
        database.select(COUNT)
    assert contents(path) == old
    # No backup is left: the store is.
    assert list(path.parent.iterdir()) == [path]


KILLED = """
import os, signal, sys
from embstore.store import migration
from embstore.store.mending.find_runs import Selection
from embstore.store.mending.removing import Removed, remove_runs
from embstore.store.mending.renaming import rename_model
from embstore.store.mending.tagging import tag_run
from embstore.store.upgrading import upgrade_store

whole = migration.upgrade
def upgrade(connection):
    whole(connection)
    os.kill(os.getpid(), signal.SIGKILL)
migration.upgrade = upgrade
upgrade_store(__import__("pathlib").Path(sys.argv[1]), 1)
"""


@pytest.mark.slow
def test_a_killed_migration_leaves_the_old_store_and_its_backup(path: Path) -> None:
    unpack("0003", path)
    old = contents(path)
    finish_killed(start(KILLED, path))
    assert contents(path) == old
    (backup,) = path.parent.glob("embstore.schema-0003.*.duckdb")
    assert contents(backup) == old
    assert open_database(path).schema() == migration.HEAD


KILLED_AT = """
import itertools, os, signal, sys
from pathlib import Path
from embstore.store import copies
from embstore.store.connection import open_database
from embstore.store.database import Database

calls = itertools.count()
def counted(function):
    def called(*arguments):
        if next(calls) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    return called

# Each file is flushed, then takes its name.
os.fsync, Path.rename = counted(os.fsync), counted(Path.rename)
open_database(sys.argv[1], create=False).migrate()
"""


@pytest.mark.slow
@pytest.mark.parametrize("call", range(4))
def test_a_killed_backup_is_in_nobodys_way(path: Path, call: int) -> None:
    n = with_a_log("0003", path)
    finish_killed(start(KILLED_AT, path, str(call)))
    assert open_database(path, create=False).migrate()
    assert len(contents(path)["measurement"]) == n
    (backup,) = path.parent.glob("embstore.schema-0003.*.duckdb")
    assert len(contents(backup)["measurement"]) == n
    assert [found for found in path.parent.iterdir() if "partial" in found.name] == []


def test_without_room_for_a_backup_nothing_is_migrated(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = unpack("0005", path).read_bytes()
    usage = shutil.disk_usage(path.parent)._replace(free=1_000_000)
    monkeypatch.setattr("embstore.store.copies.shutil.disk_usage", lambda _folder: usage)
    message = (
        rf"^{path} has schema 0005 and has to be migrated .* \(\d+ MB are needed, 1 MB are free"
    )
    with pytest.raises(StoreError, match=message):
        write_run(open_database(path, lazy=True), make_run())
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
