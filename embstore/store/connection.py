"""Opens a store, whatever its name stands for: a file, an export or a lake."""

import contextlib
import functools
import os
import re
from pathlib import Path

from embstore.choices import DEFAULT_STORE
from embstore.common.paths import expanded
from embstore.errors import StoreError, StoreLockedError, StoreUnreachableError
from embstore.store.assembling import Tags
from embstore.store.database import Database
from embstore.store.exports.at_address import check_address, is_address
from embstore.store.exports.export_files import is_export
from embstore.store.exports.in_export import InExport, only_read
from embstore.store.in_file import InFile
from embstore.store.lake.address import LakeAddress, is_lake
from embstore.store.lake.in_lake import InLake
from embstore.store.lake.opening import prepare_lake
from embstore.store.lake.secrets import without_secrets
from embstore.store.locking import lock_timeout
from embstore.store.opening import prepare_store
from embstore.store.patience import patiently
from embstore.store.session import for_duckdb


def open_database(
    url: str | Path | None = None,
    *,
    create: bool = True,
    lazy: bool = False,
    even_locked: bool = False,
    timeout: float | None = None,
    tags: Tags = (),
) -> Database:
    """Open the store at a path or address, creating or migrating it as needed for writing.

    Args:
        url: a DuckDB file, or a lake's ``ducklake:postgres:…``; to ask it, also the folder or the
            address of an export. None for ``EMBSTORE_STORE`` or ``embstore.duckdb``.
        create: make a missing store, migrate an older one; a question passes False, and gets
            the answers of an older one from a migrated copy.
        lazy: leave making and migrating a store to the first write, so that work which
            fails before it leaves everything as it was.
        even_locked: take a store that is locked, or whose server does not answer, as it is; what
            is there is seen when it is used.
        timeout: seconds to wait while another process holds the store; None for
            ``EMBSTORE_LOCK_TIMEOUT`` or 10.
        tags: ask only the runs that have them: of every key one of the values.

    Raises:
        StoreError: naming the path, what was found there and what to do.
        StoreLockedError: another process holds it; names that process.
        StoreVersionError: a newer embstore or DuckDB wrote it; it is left alone.
    """
    chosen = url if url is not None else os.environ.get("EMBSTORE_STORE") or DEFAULT_STORE
    if not str(chosen):
        raise StoreError(f"the store's path is empty: name a file such as {DEFAULT_STORE}")
    seconds = lock_timeout(timeout)
    may_be_used_later = (StoreLockedError, StoreUnreachableError) if even_locked else ()
    if isinstance(chosen, str) and is_lake(chosen):
        lake = LakeAddress.parse(chosen)
        home = InLake(lake, timeout=seconds, tags=tags)
        prepare = functools.partial(prepare_lake, lake, seconds, create=create, lazy=lazy)
        with contextlib.suppress(*may_be_used_later):
            patiently(prepare, seconds, home.may_pass)
        return Database(home, timeout=seconds)
    if isinstance(chosen, str) and is_address(chosen):
        address = check_address(chosen)
        if create:
            raise only_read(address, at_address=True)
        name = Path(address.rpartition("/")[2])
        return Database(InExport(name, address=address, tags=tags), timeout=seconds)
    path = Path(os.path.realpath(expanded(chosen)))
    for_duckdb(path)
    # A file may have a colon in its name all the same.
    if isinstance(chosen, str) and _is_no_file(chosen) and not os.path.lexists(path):
        raise StoreError(
            f"{without_secrets(chosen)} is not supported: a store is a DuckDB file, such as "
            f"{DEFAULT_STORE}, or a lake, ducklake:postgres:dbname=NAME host=SERVER"
        )
    if is_export(path):
        if create:
            raise only_read(str(path), at_address=False)
        return Database(InExport(path, tags=tags), timeout=seconds)
    with contextlib.suppress(*may_be_used_later):
        prepare_store(path, seconds, create=create, lazy=lazy)
    return Database(InFile(path, timeout=seconds, tags=tags), timeout=seconds)


def _is_no_file(text: str) -> bool:
    """Tell whether a store is named by what is no file: a scheme, or ``:memory:``."""
    # A scheme has two letters or more, unlike a Windows drive.
    scheme = re.match(r"([A-Za-z][\w+.-]+)?:", text) is not None
    return scheme and ("://" in text or not text.endswith(".duckdb"))
