"""Reads an export at an https:// address, with DuckDB's extension for it (extra ``lake``)."""

import functools
import re
from pathlib import Path

import duckdb

from embstore.errors import StoreError
from embstore.store import settings
from embstore.store.assembling import Tags, assemble, lock
from embstore.store.exports.export_files import MANIFEST, Manifest, parse_manifest, reader
from embstore.store.exports.in_place import confine
from embstore.store.extensions import load_extension
from embstore.store.failures import duckdb_message
from embstore.store.quoting import quoted
from embstore.store.session import Connect

_WEB = re.compile(r"https?://", re.IGNORECASE)
_NEVER = "*?[#"


def is_address(text: str) -> bool:
    """Say whether a store's name is an address of the web."""
    return _WEB.match(text) is not None


def address_in(path: str | Path) -> str | None:
    """Return the address that was given for a path, in which two slashes are one; else None."""
    found = re.match(r"(https?):/+(.*)", str(path), re.IGNORECASE | re.DOTALL)
    return f"{found[1]}://{found[2]}" if found else None


def check_address(address: str) -> str:
    """Return an address without a slash at its end, its scheme in lower case as DuckDB wants it.

    Raises:
        StoreError: it has a character that would not be taken as it is.
    """
    for character in _NEVER:
        if character in address:
            raise StoreError(
                f"{address} has {character} in it: give the address of the folder that has "
                f"{MANIFEST}, without anything behind it"
            )
    scheme, slashes, rest = address.partition("://")
    return f"{scheme.lower()}{slashes}{rest.rstrip('/')}"


def opener(address: str, tags: Tags) -> Connect:
    """Return what gives connections to an export at an address.

    It is put together with the first one, and stays as it was then: a file at an address is
    not locked, and reading the tables of facts takes several requests.
    """

    @functools.cache
    def whole() -> duckdb.DuckDBPyConnection:
        return of_address(address, tags)

    return lambda: whole().cursor()


def of_address(address: str, tags: Tags) -> duckdb.DuckDBPyConnection:
    """Open an export at an address; only the files that its manifest lists can be reached.

    Raises:
        StoreError: there is none, it cannot be reached, or the extension is missing.
        QueryError: no run has these tags.
    """
    connection = duckdb.connect(":memory:", config=dict(settings.IN_MEMORY))
    try:
        load_extension(connection, "httpfs", "an address is read")
        # Without asking for the size of a file again; it never changes.
        connection.execute("SET enable_http_metadata_cache = true")
        manifest = _fetch_manifest(connection, address)
        confine(connection, address, manifest)
        assemble(connection, reader(address, manifest), tags)
        lock(connection)
    except duckdb.Error as error:
        connection.close()
        raise not_fetched(address, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def not_fetched(address: str, error: duckdb.Error) -> StoreError:
    """Explain why an export at an address was found but could not be read."""
    return StoreError(
        f"{address} could not be read ({duckdb_message(error)}): check the network, see with "
        f"`embstore verify --store {address}` whether its files are whole, or fetch the folder and "
        "name it instead"
    )


def manifest_at(address: str) -> Manifest:
    """Return the manifest of an export at an address.

    Raises:
        StoreError: there is none, it cannot be reached, or the extension is missing.
    """
    with duckdb.connect(":memory:", config=dict(settings.IN_MEMORY)) as connection:
        load_extension(connection, "httpfs", "an address is read")
        return _fetch_manifest(connection, address)


def damaged_at(address: str) -> dict[str, str]:
    """Return which files of an export at an address are missing or differ, each with why.

    Raises:
        StoreError: as ``manifest_at``.
    """
    damaged = {}
    with duckdb.connect(":memory:", config=dict(settings.IN_MEMORY)) as connection:
        load_extension(connection, "httpfs", "an address is read")
        for name, file in _fetch_manifest(connection, address).files().items():
            content = f"SELECT sha256(content) FROM read_blob({quoted(f'{address}/{name}')})"  # noqa: S608
            try:
                if connection.execute(content).fetchone() != (file.sha256,):
                    damaged[name] = "differs from its checksum"
            except duckdb.Error as error:
                damaged[name] = f"cannot be read ({duckdb_message(error)})"
    return damaged


def _fetch_manifest(connection: duckdb.DuckDBPyConnection, address: str) -> Manifest:
    file = quoted(f"{address}/{MANIFEST}")
    try:
        row = connection.execute(f"SELECT content FROM read_text({file})").fetchone()  # noqa: S608
    except duckdb.Error as error:
        raise StoreError(
            f"no export at {address} ({duckdb_message(error)}): give the address of the folder "
            f"that has {MANIFEST}"
        ) from error
    return parse_manifest(str(row[0]) if row else "", address)
