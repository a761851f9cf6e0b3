"""``embstore.take_in``: measured runs that could not be stored, into a store, in Python."""

from dataclasses import replace
from pathlib import Path

from embstore.common.messages import listed
from embstore.errors import EmbstoreError, UsageError
from embstore.store import spool
from embstore.store.connection import open_database


def take_in(folder: str | Path, *, store: str | Path | None = None) -> int:
    """Store the measured runs that are kept in a folder: ``embstore ingest --spool``.

    Their files are deleted. An ingest takes in what is kept for its store by itself.

    Args:
        folder: where they are kept; the message that they could not be stored says where.
        store: a DuckDB file, created if missing; None for ``EMBSTORE_STORE`` or
            ``embstore.duckdb``.

    Returns:
        How many runs are new in the store.

    Raises:
        UsageError: there is no such folder.
        EmbstoreError: some files are damaged, and left where they are; the others are stored.
        StoreError: the store cannot be written to; the files stay.
    """
    place = Path(folder).expanduser()
    if not place.is_dir():
        found = "is no folder" if place.exists() else "is not there; what was in it may be stored"
        raise UsageError(f"{place} {found}: name the folder that measured runs are kept in")
    database = open_database(store, lazy=True)
    taken = spool.take_in(database, spool.run_files(place))
    spool.tell(replace(taken, refused=()), database.place, place)
    if taken.refused:
        raise EmbstoreError(listed(taken.refused, between="; "))
    return taken.stored
