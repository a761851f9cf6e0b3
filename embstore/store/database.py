"""What every store can do, wherever it lies: be asked, and if it is no export be written to."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import duckdb
import pyarrow as pa

from embstore.errors import (
    EmbstoreError,
    QueryError,
    StoreError,
    StoreLockedError,
    StoreUnreachableError,
    UsageError,
)
from embstore.store.failures import changed_by_hand, inner_error, query_error
from embstore.store.home import Home
from embstore.store.limits import NO_LIMITS, Limits
from embstore.store.patience import patiently
from embstore.store.places import Place
from embstore.store.reading import asking, holding, is_held
from embstore.store.session import fetch
from embstore.store.statement import (
    check_parameters,
    check_untrusted,
    readable_plan,
    statement_parameters,
)
from embstore.store.tampering import missing_parts

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")

# What was measured waits this many times longer than a question: it may be an hour's work.
_PATIENCE = 30


class Database:
    """A store; ``open_database`` opens one.

    Threads may share it: they take turns. Of a file another DuckDB connection in the same
    process must be closed first, for DuckDB refuses two with different settings.

    Attributes:
        home: where it lies.
        timeout: seconds to wait while another process holds it.
        waited_in_vain: a write has waited long for it, and did not get it.
    """

    def __init__(self, home: Home, *, timeout: float) -> None:
        """Take where a store lies."""
        self.home = home
        self.timeout = timeout
        self.waited_in_vain = False

    def __repr__(self) -> str:
        return f"Database({self.place!r})"

    @property
    def path(self) -> Path:
        """Its file or folder, absolute; of an address only its last part."""
        return self.home.path

    @property
    def place(self) -> str:
        """Where it is, as people name it: the path, or an address."""
        return self.home.place

    @property
    def where(self) -> str:
        """Where a name is looked for, to say that it is not there."""
        return "in the part of this store with these tags" if self.home.tagged else "in this store"

    def select(self, sql: str, params: Mapping[str, object] | None = None) -> pa.Table:
        """Run one of embstore's own queries, with ``$named`` parameters.

        Raises:
            UsageError: a parameter is missing or unknown.
            QueryError: DuckDB refuses the statement.
            StoreError: the store cannot be opened or read.
        """

        def ask(connection: duckdb.DuckDBPyConnection) -> pa.Table:
            check_parameters(connection, sql, params or {})
            return self._fetch(connection, sql, params or {})

        return self._ask(ask)

    def select_prepared(self, sql: str) -> pa.Table:
        """Run one of embstore's own questions, as ``PREPARE`` and ``EXECUTE``.

        Raises:
            QueryError: DuckDB refuses the statements.
            StoreError: the store cannot be opened or read.
        """
        return self._ask(lambda connection: self._fetch(connection, sql, {}))

    def parameters_of(self, sql: str) -> frozenset[str]:
        """Return the names of the ``$named`` parameters that one statement uses.

        Raises:
            QueryError: the text is not one statement.
            StoreError: the store cannot be opened.
        """
        return self._ask(lambda connection: statement_parameters(sql, connection))

    def select_untrusted(
        self,
        sql: str,
        params: Mapping[str, object] | None = None,
        *,
        limits: Limits = NO_LIMITS,
    ) -> pa.Table:
        """Run a user's ad-hoc SQL: one statement that sees the store and nothing else.

        Columns of a type that Arrow does not have come as text.

        Raises:
            UsageError: a parameter is missing or unknown.
            QueryError: the statement is refused, before it runs, fails, or takes more than
                it may.
            StoreError: the store cannot be opened or read.
        """
        if limits.memory and self.home.assembled:
            raise UsageError("memory can be limited for a whole store, not for an export or tags")

        def confined(timeout: float) -> duckdb.DuckDBPyConnection:
            return opened.enter_context(self.home.confined(timeout, limits.memory))

        with contextlib.ExitStack() as opened:
            connection = self._patiently(confined)
            checked = check_untrusted(connection, sql, of_a_part=self.home.tagged)
            check_parameters(connection, checked, params or {})
            table = self._fetch(connection, checked, params or {}, exact=True, limits=limits)
        return readable_plan(table)

    def look(self, sql: str) -> list[Mapping[str, object]]:
        """Read tables of the store as it is, also of an older schema: before it is changed.

        Raises:
            StoreError: the store cannot be opened or read.
        """

        def once(timeout: float) -> list[Mapping[str, object]]:
            with self.home.examining(timeout) as connection:
                return list(self._fetch(connection, sql, {}).to_pylist())

        return self._patiently(once)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Answer several questions from one moment of the store, and sooner.

        It is opened once for all of them; a file is not written to until the last. Keep slow
        work that is no question out of it: a writer waits as long.

        Raises:
            StoreError: the store cannot be opened.
        """
        key, connect = self.home.key, self.home.connect
        with contextlib.ExitStack() as opened:
            self._patiently(lambda timeout: opened.enter_context(holding(key, timeout, connect)))
            yield

    def exists(self) -> bool:
        """Say whether it has been made: what opens it to write may do so before that."""
        return self._patiently(self.home.exists)

    def stamp(self) -> object | None:
        """Return what changes whenever it is written to, without opening it; None if none knows.

        Raises:
            StoreError: it cannot be reached.
        """
        return self.home.stamp()

    def schema(self) -> str:
        """Return which schema it has, the name of its last migration.

        Raises:
            StoreError: it cannot be read, or is no store.
        """
        return self._patiently(self.home.schema)

    def size(self) -> int:
        """Return how many bytes its files have.

        Raises:
            StoreError: it cannot be read.
        """
        return self._patiently(self.home.size)

    def free_bytes(self) -> int | None:
        """Return what its file has free, of which only differences mean something; None of others.

        Raises:
            StoreError: it cannot be read.
        """
        return self._patiently(self.home.free_bytes)

    def source(self) -> Place:
        """Return what is attached to read its tables: itself, or of an older one a migrated copy.

        Raises:
            StoreError: it cannot be read.
        """
        return self._patiently(self.home.source)

    @property
    def is_only_read(self) -> bool:
        """Whether it is an export, in a folder or at an address."""
        return self.home.only_read

    @property
    def is_assembled(self) -> bool:
        """Whether what is asked is put together in memory: of an export, or of some runs."""
        return self.home.assembled

    def damaged_files(self) -> dict[str, str]:
        """Return which files of an export are missing or differ from their checksum, with why.

        Other stores have no checksums.

        Raises:
            StoreError: the manifest cannot be read.
        """
        return self.home.damaged_files()

    def check_whole(self) -> None:
        """Refuse to change, or to export, what is only read or only a part.

        Raises:
            StoreError: it is an export, or was opened with tags.
        """
        self.home.check_whole()

    def check_writable(self) -> None:
        """Find out whether a run could be stored now; nothing is changed.

        Raises:
            StoreError: what stands in the way.
        """
        self._patiently(self.home.check_writable)

    def make_ready(self) -> None:
        """Find out whether runs can be stored, and migrate an older store, before long work.

        Raises:
            StoreError: what stands in the way.
        """
        self.check_writable()
        if self.exists():
            self.migrate()

    def migrate(self) -> bool:
        """Bring an older store to the current schema; return whether it was older.

        Raises:
            StoreError: it cannot be migrated, and is as it was; or is an export.
        """
        self.check_whole()
        return self._patiently(self.home.migrate)

    @contextlib.contextmanager
    def begin(
        self, *, patient: bool = False, beside: Mapping[str, Place] | None = None
    ) -> "Iterator[Connection]":
        """Hold the store for one writing transaction: all of it is stored, or nothing.

        Args:
            patient: wait longer for a locked store than a question would, for what was measured;
                unless that was in vain before: then somebody keeps it.
            beside: further stores that the statements may read, by the names they use for them.

        Raises:
            StoreLockedError: another process holds the store.
            StoreVersionError: a newer embstore has migrated the store meanwhile.
            StoreError: the disk is full or fails, or the store is older and cannot be migrated.
        """
        self.check_whole()
        long = patient and not self.waited_in_vain
        try:
            with self.home.begin(self._patience(long=long), beside or {}) as connection:
                self.waited_in_vain = False
                yield connection
        except StoreLockedError:
            self.waited_in_vain = self.waited_in_vain or long
            raise

    def transact(
        self,
        work: "Callable[[Connection], T]",
        *,
        patient: bool = False,
        beside: Mapping[str, Place] | None = None,
    ) -> T:
        """Do some work in a writing transaction, and return what it returns.

        Where the connection to a server is lost, all is done again in a transaction of its own,
        for as long as a locked store is waited for. So what the work finds done it must leave.

        Args:
            work: what to do in it.
            patient: as ``begin``.
            beside: as ``begin``.

        Raises:
            StoreError: as ``begin``.
        """
        lost = False

        def once() -> T:
            nonlocal lost
            try:
                with self.begin(patient=patient, beside=beside) as connection:
                    return work(connection)
            except StoreError as error:
                lost = lost or self.home.may_pass(error)
                raise
            except QueryError as error:
                if not lost:
                    raise
                raise StoreError(
                    f"{self.place} was lost while it was written to, and says when asked again: "
                    f"{error}. It may be done already: look"
                ) from error

        long = patient and not self.waited_in_vain
        try:
            return patiently(once, self._patience(long=long), self.home.may_pass)
        except StoreUnreachableError:
            self.waited_in_vain = self.waited_in_vain or long
            raise

    def _patiently(self, work: Callable[[float], T]) -> T:
        return patiently(lambda: work(self.timeout), self.timeout, self.home.may_pass)

    def _patience(self, *, long: bool) -> float:
        return self.timeout * (_PATIENCE if long else 1)

    def _ask(self, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Open the store and ask; again, if a server was lost and no connection is held."""
        place = (self.home.key, self.home.connect)

        def once() -> T:
            with asking(place[0], self.timeout, place[1]) as connection:
                return question(connection)

        return patiently(once, 0 if is_held(*place) else self.timeout, self.home.may_pass)

    def _fetch(
        self,
        connection: duckdb.DuckDBPyConnection,
        sql: str,
        params: Mapping[str, object],
        *,
        exact: bool = False,
        limits: Limits = NO_LIMITS,
    ) -> pa.Table:
        try:
            return fetch(connection, sql, params, exact=exact, limits=limits)
        except (duckdb.Error, pa.ArrowInvalid) as error:
            raise self._failure(connection, error) from error

    def _failure(self, connection: duckdb.DuckDBPyConnection, error: Exception) -> EmbstoreError:
        """Explain why a statement failed."""
        if lost := self.home.lost(error):
            return lost
        # What DuckDB says of a Parquet file that is damaged may be any of these.
        files = (
            duckdb.InternalException,
            duckdb.IOException,
            duckdb.FatalException,
            duckdb.InvalidInputException,
        )
        if isinstance(error, files):
            self.home.check_files()
        if isinstance(error, duckdb.InternalException):
            return inner_error(error)
        if isinstance(error, duckdb.IOException | duckdb.FatalException):
            return self.home.not_read(error)
        whole = not self.home.assembled and not isinstance(error, duckdb.InvalidInputException)
        try:
            missing = missing_parts(connection, self.place) if whole else []
        except StoreError as failed:
            return self.home.lost(failed.__cause__ or failed) or failed
        return changed_by_hand(self.place, missing) if missing else query_error(error)
