"""Keeps measured runs that could not be stored, and takes them in once they can.

Each is a file in a folder beside the store, or where that cannot be written in the user's
cache. The next ingest into the store looks in both.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from embstore.common.files import write_durably
from embstore.common.messages import reason_of
from embstore.errors import StoreError, StoreLockedError, StoreUnreachableError
from embstore.store.run_files import SUFFIX, encode, file_name, read_run
from embstore.store.spool_folders import is_in_cache
from embstore.store.writing import repeat_of, write_run
from embstore.types import Run

if TYPE_CHECKING:
    from embstore.store.database import Database

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """A measured run that could not be stored: the file it is in, and why."""

    file: Path
    reason: str


@dataclass(frozen=True)
class Taken:
    """What became of runs that were kept.

    Attributes:
        stored: how many are in the store now.
        known: how many were in it already.
        refused: why each of the others was left where it is; names its file.
    """

    stored: int
    known: int
    refused: tuple[str, ...]


def waiting(database: "Database") -> list[Path]:
    """Return the files of runs that are kept for a store."""
    return [file for folder in database.home.spools() for file in run_files(folder)]


def run_files(folder: Path) -> list[Path]:
    """Return the files of runs in a folder, the first kept one first."""
    with contextlib.suppress(OSError):
        found = [(file.stat().st_mtime, file) for file in folder.glob(f"*{SUFFIX}")]
        # Those that are being written have a name that begins with a dot.
        return [file for _, file in sorted(found) if not file.name.startswith(".")]
    return []


def store_or_keep(
    database: "Database",
    run: Run,
    *,
    wait: Callable[[], None] = lambda: None,
    patient: bool = True,
) -> str | Kept:
    """Store a run; if that fails, for whatever reason, keep it in a file.

    While the store is locked the run is in a file, so that it outlasts an end of this process.

    Args:
        database: the store.
        run: what was measured.
        wait: called before waiting long for a locked store.
        patient: wait long for it, and not only as long as a question would.

    Returns:
        Its id in the store, or where it is kept.

    Raises:
        StoreError: it could be neither stored nor kept.
    """
    try:
        return write_run(database, run, patient=False)
    except Exception as error:
        kept = Kept(keep(database, run, error), reason_of(error))
        may_pass = isinstance(error, StoreLockedError | StoreUnreachableError)
        if not patient or not may_pass or database.waited_in_vain:
            return kept
    except BaseException as error:
        # Ctrl-C: the numbers are there, only storing them is stopped.
        _tell_kept(run, keep(database, run, error))
        raise
    return _wait(database, run, kept, wait)


def _wait(database: "Database", run: Run, kept: Kept, wait: Callable[[], None]) -> str | Kept:
    """Wait for a locked store longer than a question would."""
    try:
        wait()
        run_id = write_run(database, run)
    except Exception as error:
        return replace(kept, reason=reason_of(error))
    except BaseException:
        _tell_kept(run, kept.file)
        raise
    _forget(kept.file)
    return run_id


def _tell_kept(run: Run, file: Path) -> None:
    _LOG.warning(
        "%s@%s is measured, but not stored: it is kept in %s",
        run.model.name,
        run.checkpoint.revision,
        file,
    )


def keep(database: "Database", run: Run, error: BaseException) -> Path:
    """Write a run that could not be stored to a file of its own; return which.

    Raises:
        StoreError: neither the store's folder nor the cache takes it.
    """
    content = encode(run)
    troubles = []
    for folder in database.home.spools():
        file = folder / file_name(run, content)
        ours = is_in_cache(folder)
        try:
            folder.mkdir(mode=0o700 if ours else 0o777, parents=ours, exist_ok=True)
            write_durably(file, content)
        except OSError as trouble:
            troubles.append(f"in {folder} ({(trouble.strerror or str(trouble)).lower()})")
            with contextlib.suppress(OSError):
                folder.rmdir()
        else:
            return file
    raise StoreError(
        f"{reason_of(error)}; the measured run could not be kept in a file either, "
        f"{' nor '.join(troubles)}, and is lost"
    ) from error


def take_in(database: "Database", files: Iterable[Path]) -> Taken:
    """Store runs that were kept, each in a transaction of its own, and delete their files.

    One that is damaged is left where it is.

    Raises:
        StoreError: the store cannot be written to; the files stay.
    """
    stored = known = 0
    refused: list[str] = []
    for file in files:
        try:
            run = read_run(file)
        except FileNotFoundError:
            # Another process has just taken it in.
            continue
        except StoreError as error:
            refused.append(f"{error}: it is left there")
            continue
        repeat = repeat_of(database, run)
        try:
            if repeat is not None:
                # No hour's work is at stake: the file stays.
                write_run(database, replace(run, repeat=repeat), patient=False)
        except (StoreError, pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            if not _is_of_the_run(error):
                raise
            refused.append(f"{file} cannot be stored ({reason_of(error)}): it is left there")
            continue
        stored, known = stored + (repeat is not None), known + (repeat is None)
        _forget(file)
    return Taken(stored, known, tuple(refused))


def take_in_waiting(database: "Database") -> None:
    """Store what is kept for a store, and say so.

    Raises:
        StoreError: the store cannot be written to; the files stay.
    """
    for folder in database.home.spools():
        files = run_files(folder)
        if not files:
            continue
        taken = take_in(database, files)
        tell(taken, database.place, folder)


def tell(taken: Taken, place: str, folder: Path) -> None:
    """Say what became of the runs that were kept in a folder."""
    for reason in taken.refused:
        _LOG.warning("%s", reason)
    if taken.stored:
        what = "run that was" if taken.stored == 1 else "runs that were"
        _LOG.warning("took %d %s kept in %s into %s", taken.stored, what, folder, place)
    if taken.known:
        _LOG.warning("%d of the runs kept in %s were in %s already", taken.known, folder, place)


def _forget(file: Path) -> None:
    """Delete the file of a run that is stored, and its folder with the last one."""
    # That it is taken in once more changes nothing.
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)
        if file.parent.name.endswith(".spool") or is_in_cache(file.parent):
            file.parent.rmdir()


def _is_of_the_run(error: Exception) -> bool:
    """Tell a run that cannot be stored from a store that cannot be written to."""
    if not isinstance(error, StoreError):
        return True
    cause = getattr(error.__cause__, "orig", None) or error.__cause__
    return isinstance(cause, duckdb.IntegrityError | duckdb.DataError)
