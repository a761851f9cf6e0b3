"""What is found at the address of a lake, and what is said where it cannot be used."""

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from psycopg.conninfo import make_conninfo

from embstore.errors import (
    EmbstoreError,
    StoreError,
    StoreLockedError,
    StoreUnreachableError,
    StoreVersionError,
)
from embstore.store.connection import open_database
from embstore.store.lake.address import LakeAddress
from embstore.store.lake.attach import lake_connection
from embstore.store.lake.maintaining import maintain
from embstore.store.lake.server import turn_to_write
from embstore.store.writing import write_run
from tests.servers import PASSWORD, USER, Server
from tests.store.contents import counts
from tests.synthetic import make_run


def _says(address: str, **options: object) -> str:
    with pytest.raises(StoreError) as refused:
        open_database(address, timeout=0.1, **options)  # type: ignore[arg-type]
    said = str(refused.value)
    assert "\n" not in said
    assert PASSWORD not in said
    return said


def test_a_lake_is_made_where_its_files_are_to_go(make_lake: Callable[[], str]) -> None:
    address = make_lake()
    without = address.partition("?")[0]
    for create in (True, False):
        said = _says(without, create=create)
        assert said.startswith(f"no lake at {without}: make one with `embstore ingest`")
        assert said.endswith("?data_path=FOLDER")
    assert "no lake at" in _says(address, create=False)
    # Opened to be filled later, nothing is made.
    database = open_database(address, lazy=True)
    database.check_writable()
    assert not database.exists()
    assert "no lake at" in _says(without)
    write_run(database, make_run())
    assert database.exists()
    # Where its files are is known to it from then on.
    assert counts(open_database(without, create=False))["run"] == 1
    folder = Path(address.partition("data_path=")[2])
    said = _says(f"{without}?data_path=/elsewhere", create=False)
    assert said == (
        f"{without} has its files in {folder}/, not in /elsewhere/: leave out data_path, or name "
        "that folder"
    )


def test_two_lakes_are_in_two_schemas_of_one_database(address: str) -> None:
    lakes = [open_database(f"{address}_{name}&metadata_schema={name}") for name in ("a", "b")]
    write_run(lakes[0], make_run())
    assert [counts(one)["run"] for one in lakes] == [1, 0]
    assert lakes[0].place.endswith("?metadata_schema=a")


def test_no_lake_is_made_where_another_has_its_files(
    address: str, make_lake: Callable[[], str], tmp_path: Path
) -> None:
    write_run(open_database(address), make_run(n_layers=12))
    folder = address.partition("?")[2]
    second = f"{make_lake().partition('?')[0]}?{folder}"
    assert "is not empty: name one of its own" in _says(second)
    with pytest.raises(StoreError, match="is not empty: name one of its own"):
        open_database(second, lazy=True).check_writable()
    with pytest.raises(StoreError, match="is not empty: name one of its own"):
        open_database(f"{address}&metadata_schema=second")
    # The first can be opened with it as before.
    open_database(address, lazy=True).check_writable()


@pytest.mark.parametrize("name", ["lake", "temp", "a/b", "who?", "it's 50% ünï"])
def test_a_database_may_have_any_name(name: str, postgres: Server, tmp_path: Path) -> None:
    postgres.run("createdb", "--maintenance-db", "postgres", name)
    words = make_conninfo(dbname=name, host="127.0.0.1", port=postgres.port, user=USER)
    database = open_database(f"ducklake:postgres:{words}?data_path={tmp_path / 'lake'}")
    write_run(database, make_run())
    assert database.select_untrusted("SELECT count(*) AS n FROM run")["n"].to_pylist() == [1]
    (spool,) = database.home.spools()
    assert spool.parent.name == "spool"


def test_what_is_no_store_is_left_alone(address: str, postgres: Server, tmp_path: Path) -> None:
    lake = LakeAddress.parse(address)
    with lake_connection(lake, read_only=False, make=True) as connection:
        connection.execute("SELECT 1")
    # An empty lake can become one.
    assert "has no tables: fill it with" in _says(address, create=False)
    with lake_connection(lake, read_only=False) as connection:
        connection.execute("CREATE TABLE mine (a INTEGER)")
    for create in (True, False):
        assert "is a lake but not an embstore store (its tables: mine)" in _says(
            address, create=create
        )


def test_a_lake_of_a_newer_embstore_is_left_alone(address: str) -> None:
    database = open_database(address)
    _change(address, "UPDATE alembic_version SET version_num = '9999'")
    for create in (True, False):
        with pytest.raises(StoreVersionError, match="has schema 9999, newer than"):
            open_database(address, create=create)
    with pytest.raises(StoreVersionError, match="has schema 9999, newer than"):
        write_run(database, make_run())
    with pytest.raises(StoreVersionError, match="has schema 9999, newer than"):
        database.select("SELECT 1")


def test_views_that_reach_for_more_are_refused(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_database(address)
    _change(address, "CREATE VIEW loot AS SELECT * FROM read_text('/etc/hostname')")
    # As in another process.
    monkeypatch.setattr("embstore.store.lake.opening._checked", set())
    assert "its view 'loot' calls read_text, which nothing in a store may do" in _says(
        address, create=False
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("dbname=", "dbname=no_"), 'database "no_'),
        (("port=", "port=1 port_="), "is not what PostgreSQL takes (invalid connection option"),
        ((f"user={USER}", "user=nobody"), "cannot be used ("),
        (("host=127.0.0.1", "host=no.such.host.invalid"), "cannot be used ("),
    ],
)
def test_a_server_that_refuses_is_quoted_in_one_line(
    address: str, change: tuple[str, str], says: str
) -> None:
    assert says in _says(address.replace(*change), create=False)


def test_the_reason_is_told_of_a_server_with_a_long_address_too(address: str) -> None:
    longer = address.replace("?", f" options='-c search_path={'long,' * 50}public'?")
    assert 'database "no_' in _says(longer.replace("dbname=", "dbname=no_"), create=False)


def test_a_wrong_password_is_told_and_not_shown(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "not-this-one")
    for create in (True, False):
        said = _says(address, create=create)
        assert f'password authentication failed for user "{USER}"' in said
        assert "not-this-one" not in said
        assert "the password in ~/.pgpass or PGPASSWORD" in said


@pytest.mark.parametrize(
    "given", [f"postgresql://me:{PASSWORD}@db/x", f"postgres:dbname=x password={PASSWORD}"]
)
def test_an_address_that_lacks_its_beginning_is_told_without_its_password(given: str) -> None:
    assert "is not supported" in _says(given)


def test_a_server_that_does_not_answer_may_do_so_later(postgres: Server) -> None:
    address = f"ducklake:postgres:dbname=x host=127.0.0.1 port=1 user={USER}"
    with pytest.raises(StoreUnreachableError, match=r"does not answer .*refused"):
        open_database(address, create=False, timeout=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("create", [True, False])
def test_a_server_that_says_nothing_is_given_up(
    create: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embstore.store.lake.server._ANSWER", {"connect_timeout": "2"})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"ducklake:postgres:dbname=x host=127.0.0.1 port={silent.getsockname()[1]}"
        with pytest.raises(StoreUnreachableError, match=r"does not answer .*timeout expired"):
            open_database(address, create=create, timeout=0.1)


def test_whoever_waits_for_weeks_may(address: str) -> None:
    # Longer than PostgreSQL can be told to.
    database = open_database(address, timeout=1e7)
    assert counts(database)["run"] == 0


def test_one_who_may_not_write_is_told_before_measuring(address: str, postgres: Server) -> None:
    open_database(address)
    name = LakeAddress.parse(address).name
    reader = f"reader_{name}"
    postgres.ask(name, f"CREATE ROLE {reader} LOGIN PASSWORD '{PASSWORD}'")
    postgres.ask(name, f"GRANT pg_read_all_data TO {reader}")
    theirs = address.replace(f"user={USER}", f"user={reader}")
    assert counts(open_database(theirs, create=False))["run"] == 0
    with pytest.raises(StoreError, match="its user may not create tables in the schema 'public'"):
        open_database(theirs, lazy=True).check_writable()


def test_a_folder_that_takes_no_files_is_told_before_measuring(postgres: Server) -> None:
    # Nobody can make files there.
    database = open_database(f"{postgres.make_database('nowhere')}?data_path=/proc/lake", lazy=True)
    with pytest.raises(StoreError, match=r"the folder for its files /proc takes no new files"):
        database.check_writable()
    with pytest.raises(StoreError, match=r"the folder for its files /proc/lake/ cannot be made"):
        write_run(database, make_run())


def test_files_that_are_not_here_are_told(address: str) -> None:
    write_run(open_database(address), make_run(n_layers=12))
    folder = Path(address.partition("data_path=")[2])
    folder.rename(folder.with_name("elsewhere"))
    said = _says(address)
    assert f"has its files in {folder}/, which is not here" in said
    # What is in the catalog can be asked; what is in files cannot.
    with pytest.raises(EmbstoreError, match=re.escape(str(folder))):
        open_database(address, create=False).select("SELECT sum(value) FROM measurement")


def test_files_that_are_not_here_are_told_of_a_maintained_lake_to_who_asks_too(
    address: str,
) -> None:
    database = open_database(address)
    write_run(database, make_run())
    maintain(database, keep_days=0)
    folder = Path(address.partition("data_path=")[2])
    folder.rename(folder.with_name("elsewhere"))
    for create in (True, False):
        assert f"has its files in {folder}/, which is not here" in _says(address, create=create)


def test_another_writer_is_named(address: str) -> None:
    database = open_database(address)
    # As another process would: threads of one take turns before that.
    turn = turn_to_write(LakeAddress.parse(address), 0.2)
    said = rf"is written to by process {os.getpid()} on \S+ \(waited 0.2 s\)"
    with database.begin(), pytest.raises(StoreLockedError, match=said):
        turn.__enter__()


def _change(address: str, sql: str) -> None:
    with lake_connection(LakeAddress.parse(address), read_only=False) as connection:
        connection.execute(sql)


def test_without_the_extension_the_extra_is_named(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(connection: duckdb.DuckDBPyConnection, name: str, what: str) -> None:
        from embstore.store.extensions import load_extension

        load_extension(connection, f"no_{name}", what)

    monkeypatch.setattr("embstore.store.lake.attach.load_extension", fails)
    said = _says(address, create=False)
    assert said.startswith("a lake is used by DuckDB's extension no_postgres_scanner, which is mi")
    assert "pip install 'embstore[lake]'" in said
