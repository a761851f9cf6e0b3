import itertools
import re
import sqlite3
import struct
import tempfile
from pathlib import Path

import duckdb
import pytest

from embstore.errors import StoreError, StoreVersionError
from embstore.store import migration
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.writing import write_run
from tests.processes import finish, finish_killed, start
from tests.synthetic import make_run


def count(database: Database) -> int:
    return int(database.select("SELECT count(*) AS n FROM run")["n"][0].as_py())


def test_opening_creates_one_file_and_opening_again_keeps_it(path: Path) -> None:
    write_run(open_database(path), make_run())
    assert [found.name for found in path.parent.iterdir()] == ["embstore.duckdb"]
    assert count(open_database(path)) == 1
    assert count(open_database(str(path), create=False)) == 1


def test_default_store_is_the_environment_then_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EMBSTORE_STORE", raising=False)
    assert open_database().path == tmp_path / "embstore.duckdb"
    monkeypatch.setenv("EMBSTORE_STORE", "other.duckdb")
    assert open_database().path == tmp_path / "other.duckdb"


def test_names_with_spaces_percent_signs_and_other_scripts(tmp_path: Path) -> None:
    database = open_database(tmp_path / "ä b %20 #1 模型.duckdb")
    write_run(database, make_run())
    assert count(database) == 1


def test_a_question_needs_a_store(path: Path) -> None:
    with pytest.raises(StoreError, match=f"no store at {path}: make one with `embstore ingest`"):
        open_database(path, create=False)
    assert not path.exists()


def test_a_store_removed_while_measuring_is_made_anew(path: Path, database: Database) -> None:
    path.unlink()
    write_run(database, make_run())
    assert count(database) == 1


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(StoreError, match=r"path is empty: name a file such as embstore\.duckdb"):
        open_database("")


@pytest.mark.parametrize(
    "url",
    ["md:store", "s3://bucket/x.duckdb", ":memory:"],
)
def test_other_kinds_of_store_are_not_supported(url: str) -> None:
    with pytest.raises(StoreError, match=f"{url} is not supported: a store is a DuckDB file"):
        open_database(url)


def write_nothing(path: Path) -> None:
    path.touch()


def write_text(path: Path) -> None:
    path.write_text("hello " * 1000)


def write_sqlite(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE run (i INTEGER)")
    connection.close()


def write_foreign_tables(path: Path) -> None:
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE invoice AS SELECT 1 AS i; CREATE TABLE run (i INTEGER)")


def write_foreign_migrations(path: Path) -> None:
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE alembic_version AS SELECT 'ae1027a6acf' AS version_num")


def write_damaged_store(path: Path) -> None:
    open_database(path)
    content = bytearray(path.read_bytes())
    content[4096:12288] = bytes(8192)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (write_nothing, "is an empty file, but not a DuckDB file: move it away"),
        (write_text, "is a file of 6000 bytes, but not a DuckDB file: move it away"),
        (write_sqlite, "is a file of 8192 bytes, but not a DuckDB file: move it away"),
        (write_foreign_tables, r"not an embstore store \(its tables: invoice, run\): name another"),
        (write_foreign_migrations, r"not an embstore store \(its tables: alembic_version\)"),
        (write_damaged_store, r"cannot be opened \(.*\): restore it from a copy"),
        (Path.mkdir, "is a directory: name a file in it"),
    ],
)
@pytest.mark.parametrize("create", [True, False])
def test_what_is_no_store_is_refused_and_left_alone(
    path: Path, write: object, message: str, create: bool
) -> None:
    assert callable(write)
    write(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StoreError, match=f"^{path} .*{message}") as caught:
        open_database(path, create=create)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert list(path.parent.iterdir()) == [path]


def test_device_files_question_marks_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"^/dev/null is not a regular file"):
        open_database("/dev/null")
    with pytest.raises(StoreError, match="has a question mark in it"):
        open_database(tmp_path / "which?.duckdb")
    with pytest.raises(StoreError, match=f"{tmp_path / 'no'} is not a folder: create it"):
        open_database(tmp_path / "no" / "x.duckdb")
    with pytest.raises(StoreError, match=r"cannot be reached \(File name too long\)"):
        open_database(tmp_path / ("x" * 300))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_empty_duckdb_file_becomes_a_store_only_when_creating(path: Path) -> None:
    duckdb.connect(path).close()
    with pytest.raises(StoreError, match="has no tables: fill it with `embstore ingest`"):
        open_database(path, create=False)
    write_run(open_database(path), make_run())
    assert count(open_database(path)) == 1


def test_a_store_of_a_newer_embstore_is_refused_untouched(path: Path, database: Database) -> None:
    with duckdb.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()
    known = migration.HEAD
    message = f"^{path} has schema 9999, newer than this embstore's {known}: upgrade embstore$"
    with pytest.raises(StoreVersionError, match=message):
        open_database(path)
    with pytest.raises(StoreVersionError, match=message):
        write_run(database, make_run())
    assert path.read_bytes() == before


def test_a_newer_duckdb_file_format_is_named(path: Path) -> None:
    open_database(path)
    content = bytearray(path.read_bytes())
    struct.pack_into("<Q", content, 12, 999)
    # DuckDB's checksum of its 4 KiB main header (storage version at byte 12).
    words = itertools.chain(*struct.iter_unpack("<Q", content[8:4096]))
    checksum = 5381
    for word in words:
        checksum ^= word * 0xBF58476D1CE4E5B9 % 2**64
    struct.pack_into("<Q", content, 0, checksum)
    path.write_bytes(content)
    with pytest.raises(StoreVersionError, match="storage version 999, newer than duckdb 1"):
        open_database(path)


def test_a_log_without_its_store_is_not_lost(path: Path) -> None:
    log = path.with_name("embstore.duckdb.wal")
    log.write_bytes(b"data")
    with pytest.raises(StoreError, match=f"{log} holds data of a store that is missing"):
        open_database(path)
    assert [found.name for found in path.parent.iterdir()] == [log.name]


def test_without_hard_links_the_store_is_created_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[Path] = []

    def refuse(_source: Path, target: Path) -> None:
        refused.append(target)
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("embstore.store.opening.os.link", refuse)
    open_database(path)
    assert refused == [path]
    assert list(path.parent.iterdir()) == [path]


PERMISSION = """
import os, sys
import alembic.command, duckdb_sqlalchemy.alembic_impl
from embstore.errors import StoreError
from embstore.store.connection import open_database
from embstore.store.writing import write_run
from tests.synthetic import make_run

folder = sys.argv[1]
run, database = make_run(), open_database(f"{folder}/a.duckdb")
os.chmod(database.path, 0o444)
os.chmod(folder, 0o555)
if os.getuid() == 0:
    os.setuid(65534)  # root may do everything
for attempt in (lambda: write_run(database, run), lambda: open_database(f"{folder}/b.duckdb")):
    try:
        attempt()
    except StoreError as error:
        print(error)
print(open_database(database.path).select("SELECT count(*) AS n FROM run")["n"][0])
os.chmod(folder, 0o755) if os.getuid() != 65534 else None
"""


@pytest.mark.slow
def test_without_write_permission_a_store_can_only_be_read() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        write, create, asked = finish(start(PERMISSION, folder)).splitlines()
        assert [found.name for found in Path(folder).iterdir()] == ["a.duckdb"]
    assert write.startswith(f"{folder}/a.duckdb cannot be opened: permission denied; change")
    assert re.match(rf"{folder}/b.duckdb could not be created \(.*Permission denied\)", create)
    assert asked == "0"


FULL = """
import resource, sys
from embstore.errors import StoreError
from embstore.store.connection import open_database

resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    open_database(sys.argv[1])
except StoreError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_full_disk_leaves_no_half_made_store(path: Path) -> None:
    out = finish(start(FULL, path))
    assert re.match(rf"{path} could not be created \(.*File too large\): check permissions", out)
    assert list(path.parent.iterdir()) == []


KILLED = """
import os, signal, sys
from embstore.store import migration
from embstore.store.connection import open_database

whole = migration.create
def create(connection):
    whole(connection)
    os.kill(os.getpid(), signal.SIGKILL)
migration.create = create
open_database(sys.argv[1])
"""


@pytest.mark.slow
def test_a_killed_creation_does_not_stand_in_the_way(path: Path) -> None:
    finish_killed(start(KILLED, path))
    assert not path.exists()
    write_run(open_database(path), make_run())
    assert count(open_database(path)) == 1


@pytest.mark.parametrize(
    "name",
    [
        "run:2024.duckdb",
        ":x.duckdb",
        "a#b.duckdb",
        "a\nb.duckdb",
        "a%20;b'c.duckdb",
        "~nobody.duckdb",
    ],
)
def test_a_file_may_have_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_database(name).path == tmp_path / name
    assert open_database(name, create=False).select("SELECT 1 AS x").num_rows == 1


@pytest.mark.parametrize("name", ["md:x", "file:s", "s3://a/b.duckdb", ":memory:"])
def test_addresses_are_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="is not supported"):
        open_database(name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("end", ["", "/x.duckdb"])
def test_a_link_to_itself_is_no_store(tmp_path: Path, create: bool, end: str) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(StoreError, match=r"cannot be reached \(Too many levels of symbolic links"):
        open_database(f"{tmp_path}/a{end}", create=create)


def test_a_path_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="DuckDB needs a path that is UTF-8; rename it"):
        open_database(tmp_path / "\udcff.duckdb")
    assert not list(tmp_path.iterdir())
