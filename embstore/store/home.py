"""Where a store lies: what a file, an export and a lake each do in their own way."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import duckdb

from embstore.errors import EmbstoreError, StoreError
from embstore.store.places import Place
from embstore.store.session import Connect

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Home(Protocol):
    """Where a store lies. ``timeout`` is how many seconds to wait while another holds it.

    Attributes:
        path: its file or folder, absolute; of an address only its last part.
        place: where it is, as people name it.
        title: what to call it in a heading.
        key: what threads that use the same store take turns at.
        connect: opens what is asked, if that is not a whole file.
        tagged: whether only runs with some tags are asked.
        assembled: whether what is asked is put together in memory.
        only_read: whether it is an export.
    """

    path: Path
    place: str
    title: str
    key: Place
    connect: Connect | None
    tagged: bool
    assembled: bool
    only_read: bool

    def confined(
        self, timeout: float, memory: str | None
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open what ad-hoc SQL may see, in a connection that reaches nothing else."""

    def examining(self, timeout: float) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open it as it is, also of an older schema."""

    def exists(self, timeout: float) -> bool:
        """Say whether it has been made."""

    def stamp(self) -> object | None:
        """Return what changes whenever it does, without opening it; None if only asking tells."""

    def schema(self, timeout: float) -> str:
        """Return the name of its last migration."""

    def size(self, timeout: float) -> int:
        """Return how many bytes its files have."""

    def free_bytes(self, timeout: float) -> int | None:
        """Return what its file has free for later runs, counted from any number; None of others."""

    def source(self, timeout: float) -> Place:
        """Return what is attached to read its tables, in the current schema."""

    def damaged_files(self) -> dict[str, str]:
        """Return which of its files differ from their checksum, where they have one."""

    def check_files(self) -> None:
        """Name the files that are at fault, where something could not be read."""

    def not_read(self, error: duckdb.Error) -> EmbstoreError:
        """Explain that what holds the numbers could not be read."""

    def lost(self, error: BaseException) -> StoreError | None:
        """Explain a statement's failure by what was lost meanwhile; None if nothing was."""

    def spools(self) -> tuple[Path, ...]:
        """Return the folders for measured runs that could not be stored, the best first."""

    def check_whole(self) -> None:
        """Refuse to change, or to export, what is only read or only a part."""

    def check_writable(self, timeout: float) -> None:
        """Refuse what could not be written to now."""

    def migrate(self, timeout: float) -> bool:
        """Bring it to the current schema; return whether it was older."""

    def begin(
        self, timeout: float, beside: Mapping[str, Place]
    ) -> "AbstractContextManager[Connection]":
        """Hold it for one writing transaction."""

    def may_pass(self, error: StoreError) -> bool:
        """Say whether a write that failed is worth another attempt."""
