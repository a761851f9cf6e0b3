"""Whether a store can be written to is found out before an hour of measuring, without a change."""

import os
import re
import shutil
import tempfile
from pathlib import Path

import duckdb
import pytest

from embstore.errors import StoreError, StoreLockedError
from embstore.store.connection import open_database
from embstore.store.copies import signature
from tests.holding import held
from tests.processes import finish, start
from tests.stores import file_database, new_store


def test_a_probe_changes_nothing(path: Path) -> None:
    open_database(path, lazy=True).check_writable()
    assert list(path.parent.iterdir()) == []
    database = new_store(path)
    with duckdb.connect(path) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute("CREATE TABLE more (i INTEGER)")
    before = signature(path)
    assert before[1] is not None
    database.check_writable()
    assert signature(path) == before
    assert len(list(path.parent.iterdir())) == 2


@pytest.mark.parametrize("how", ["reads", "writes"])
def test_a_holder_is_named(how: str, path: Path) -> None:
    new_store(path)
    with held(path, how) as holder:
        message = rf"^{path} is locked by process {holder.pid} \(waited 0.1 s\): wait until"
        with pytest.raises(StoreLockedError, match=message):
            file_database(path, timeout=0.1).check_writable()
    file_database(path, timeout=0.1).check_writable()


def test_a_full_disk_is_seen(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(path.parent)._replace(free=1_234_567)
    monkeypatch.setattr("embstore.store.probing.shutil.disk_usage", lambda _folder: usage)
    message = r"^.* cannot be written to, because its disk is full \(1\.2 MB are free\): make room"
    with pytest.raises(StoreError, match=message):
        open_database(path, lazy=True).check_writable()


def test_a_folder_that_is_gone_is_named(path: Path) -> None:
    database = open_database(path, lazy=True)
    path.parent.rmdir()
    message = r"its folder .* takes no new files \(no such file or directory\): change that"
    with pytest.raises(StoreError, match=message):
        database.check_writable()


def test_a_log_without_its_store_is_told_before(path: Path) -> None:
    path.with_name(f"{path.name}.wal").write_bytes(b"data")
    with pytest.raises(StoreError, match="holds data of a store that is missing"):
        open_database(path, lazy=True)


PROBE = """
import os, sys
from embstore.errors import StoreError
from embstore.store.connection import open_database

os.setuid(65534)  # root may do everything
try:
    open_database(sys.argv[1], lazy=True).check_writable()
except StoreError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes somebody else")
@pytest.mark.parametrize(
    ("file", "folder", "message"),
    [
        (0o444, 0o777, "cannot be opened: permission denied; change its permissions"),
        # The file may be written, but the log beside it may not.
        (0o666, 0o555, r"its folder .* takes no new files \(permission denied\): change that"),
        (None, 0o555, "could not be created: its folder .* cannot be written to; change"),
        (0o666, 0o777, None),
    ],
)
def test_permissions_of_file_and_folder(file: int | None, folder: int, message: str | None) -> None:
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "a.duckdb"
        if file is not None:
            new_store(path)
            path.chmod(file)
        Path(home).chmod(folder)
        said = finish(start(PROBE, path)).strip()
    assert (said == "") if message is None else re.search(message, said), said
