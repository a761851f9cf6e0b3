"""Reads an export where it lies: a folder, or the address of one."""

from pathlib import Path

import duckdb

from embstore.store import settings
from embstore.store.assembling import Tags, assemble, lock
from embstore.store.exports.damage import check_read
from embstore.store.exports.export_files import Manifest, read_manifest, reader
from embstore.store.quoting import quoted, quoted_name


def of_export(folder: Path, tags: Tags) -> duckdb.DuckDBPyConnection:
    """Open an export to ask it; only the files that its manifest lists can be reached.

    Raises:
        StoreError: the manifest is missing or is none, or a file is damaged.
        QueryError: no run has these tags.
    """
    manifest = read_manifest(folder)
    connection = duckdb.connect(":memory:", config=dict(settings.IN_MEMORY))
    try:
        confine(connection, str(folder), manifest)
        assemble(connection, reader(str(folder), manifest), tags)
        lock(connection)
    except duckdb.Error:
        connection.close()
        check_read(folder, manifest)
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def confine(connection: duckdb.DuckDBPyConnection, base: str, manifest: Manifest) -> None:
    """Let a connection reach the files of an export and nothing else."""
    paths = ", ".join(quoted(f"{base}/{name}") for name in manifest.files())
    connection.execute(f"SET allowed_paths = [{paths}]")
    connection.execute("SET enable_external_access = false")


def attach_export(connection: duckdb.DuckDBPyConnection, name: str, folder: Path) -> None:
    """Let a connection that writes read an export under a name."""
    row = connection.execute("SELECT current_database()").fetchone()
    own = quoted_name(str(row[0])) if row else ""
    connection.execute(f"ATTACH ':memory:' AS {name}")
    connection.execute(f"USE {name}")
    assemble(connection, reader(str(folder), read_manifest(folder)))
    connection.execute(f"USE {own}")
