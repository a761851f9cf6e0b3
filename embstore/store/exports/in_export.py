"""An export as a store to ask: in a folder, or at an address."""

import contextlib
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Never

import duckdb

from embstore.errors import EmbstoreError, StoreError
from embstore.store.assembling import Tags
from embstore.store.exports.at_address import damaged_at, manifest_at, not_fetched, opener
from embstore.store.exports.damage import check_files, check_read, damaged_files
from embstore.store.exports.export_files import Manifest, read_manifest
from embstore.store.exports.in_place import of_export
from embstore.store.failures import reading_error
from embstore.store.places import Place
from embstore.store.reading import asking

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from embstore.store.session import Connect


class InExport:
    """The home of a store that is an export, and only read."""

    def __init__(self, path: Path, *, address: str | None = None, tags: Tags = ()) -> None:
        """Take the folder of an export, or its address; with ``tags`` only some runs are asked."""
        self.path = path
        self.place = address or str(path)
        self.title = path.stem
        self.key: Place = path
        self.tagged = bool(tags)
        self.assembled = self.only_read = True
        self.connect: Connect | None = (
            opener(address, tuple(tags))
            if address
            else functools.partial(of_export, path, tuple(tags))
        )
        self._address = address

    def confined(
        self, timeout: float, memory: str | None
    ) -> contextlib.AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open it: the connection reaches the files of the export and nothing else."""
        return asking(self.key, timeout, self.connect, memory=memory)

    def examining(
        self, timeout: float
    ) -> contextlib.AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open it, which has the current schema once it is put together."""
        return asking(self.key, timeout, self.connect)

    def exists(self, timeout: float) -> bool:
        """Say that it is there: its manifest has been read."""
        del timeout
        return True

    def stamp(self) -> object:
        """Return its manifest, which names every file that counts."""
        return self._manifest()

    def schema(self, timeout: float) -> str:
        """Return the name of the last migration of what was exported."""
        del timeout
        return self._manifest().schema

    def size(self, timeout: float) -> int:
        """Return how many bytes its Parquet files have."""
        del timeout
        return sum(file.size for file in self._manifest().files().values())

    def free_bytes(self, timeout: float) -> None:
        """Return None: nothing is removed from it."""
        del timeout

    def source(self, timeout: float) -> Path:
        """Return the folder, whose files are all looked at.

        Raises:
            StoreError: one is missing or damaged, or the export is at an address.
        """
        del timeout
        if self._address:
            raise only_asked(self._address)
        check_files(self.path, self._manifest())
        return self.path

    def damaged_files(self) -> dict[str, str]:
        """Return which of its files are missing or differ from their checksum, with why."""
        if self._address:
            return damaged_at(self._address)
        return damaged_files(self.path, self._manifest())

    def check_files(self) -> None:
        """Name the damaged files of one in a folder; at an address they are too far."""
        if not self._address:
            check_read(self.path, self._manifest())

    def not_read(self, error: duckdb.Error) -> EmbstoreError:
        """Say that it could not be read, or fetched."""
        return not_fetched(self.place, error) if self._address else reading_error(self.place, error)

    def lost(self, error: BaseException) -> StoreError | None:
        """Return None: there is no server to lose."""
        del error
        return None

    def spools(self) -> tuple[Path, ...]:
        """Return none: nothing is measured into an export."""
        return ()

    def check_whole(self) -> None:
        """Refuse to change it."""
        self._refuse()

    def check_writable(self, timeout: float) -> None:
        """Refuse to change it."""
        del timeout
        self._refuse()

    def migrate(self, timeout: float) -> bool:
        """Refuse to change it."""
        del timeout
        self._refuse()

    def begin(
        self, timeout: float, beside: Mapping[str, Place]
    ) -> "contextlib.AbstractContextManager[Connection]":
        """Refuse to change it."""
        del timeout, beside
        self._refuse()

    def may_pass(self, error: StoreError) -> bool:
        """Say no: it will not become a store."""
        del error
        return False

    def _manifest(self) -> Manifest:
        return manifest_at(self._address) if self._address else read_manifest(self.path)

    def _refuse(self) -> Never:
        raise only_read(self.place, at_address=self._address is not None)


def only_asked(address: str) -> StoreError:
    """Say that what lies at an address is not taken from there."""
    return StoreError(
        f"{address} is an address, which can be asked only: fetch the folder and name that"
    )


def only_read(place: str, *, at_address: bool) -> StoreError:
    """Say that an export cannot be written to."""
    what = f"{place} is an export, which is only read"
    if at_address:
        return StoreError(
            f"{what}: fetch its folder, then take that into a store with `embstore import DIR`"
        )
    return StoreError(f"{what}: take it into a store with `embstore import {place}`")
