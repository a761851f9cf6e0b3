"""Measured runs that cannot be stored are kept in files, and taken in once they can be."""

import dataclasses
import gzip
import hashlib
import json
import logging
import math
import struct
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embstore._version import __version__
from embstore.errors import StoreError
from embstore.store import ids, migration, spool, spool_folders
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.run_files import encode, file_name, read_run
from embstore.store.writing import write_run
from embstore.types import LayerKey, Run, Spectrum, StudyMark
from tests.holding import held, hold
from tests.processes import finish, finish_killed, start
from tests.store.contents import counts, rows
from tests.stores import file_database, new_store
from tests.synthetic import make_run, with_effects

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMBSTORE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "embstore")


def bits(value: object) -> object:
    """Return a record as plain values that are equal only if every bit is."""
    if dataclasses.is_dataclass(value):
        return {f.name: bits(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, tuple):
        return tuple(map(bits, value))
    if isinstance(value, dict):
        return {key: bits(item) for key, item in value.items()}
    return type(value), value


def through_a_file(run: Run, folder: Path) -> Run:
    content = encode(run)
    file = folder / file_name(run, content)
    file.write_bytes(content)
    return read_run(file)


def full_run() -> Run:
    """A run that has something everywhere."""
    run = with_effects(make_run(tags={"lab": "ä=\"'\n"}), lambda _: (0.1, -0.3, 0.2))
    return dataclasses.replace(
        run,
        study=StudyMark("tiny", "f" * 64),
        model_config='{"hidden_act":"\\u00e4"}',
        checkpoint=dataclasses.replace(run.checkpoint, step=7, files_sha256="e" * 64),
        provenance=dataclasses.replace(
            run.provenance,
            git_dirty=True,
            created_at=datetime(2026, 2, 3, 4, 5, 6, 789012, tzinfo=UTC),
        ),
    )


def test_a_file_holds_a_run_to_the_last_bit(tmp_path: Path) -> None:
    for run in (full_run(), make_run(kind="encoder-decoder")):
        assert bits(through_a_file(run, tmp_path)) == bits(run)


doubles = st.floats(width=64)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(doubles, min_size=1, max_size=9),
    st.lists(doubles | st.none(), min_size=1, max_size=4),
    st.text(max_size=20),
)
def test_any_numbers_and_names_come_back(
    eigenvalues: list[float], values: list[float | None], name: str
) -> None:
    run = make_run(n_layers=1)
    first = run.measured.measurements[: len(values)]
    key = LayerKey("decoder", 0, "embedding")
    measured = dataclasses.replace(
        run.measured,
        measurements=tuple(
            dataclasses.replace(old, value=value, window_effects=(value or -0.0, math.pi))
            for old, value in zip(first, values, strict=False)
        ),
        spectra=(Spectrum(key, "all", np.array(eigenvalues), 3),),
    )
    run = dataclasses.replace(
        run,
        measured=measured,
        model=dataclasses.replace(run.model, name=name),
        tags={name: name},
    )
    with tempfile.TemporaryDirectory() as folder:
        # All NaNs are one: which of them a float holds is lost where JSON names it.
        again = through_a_file(run, Path(folder))
    assert json.dumps(plain(again)) == json.dumps(plain(run))


def plain(run: Run) -> Any:
    return {
        "values": [repr(m.value) for m in run.measured.measurements],
        "effects": [repr(m.window_effects) for m in run.measured.measurements],
        "eigenvalues": run.measured.spectra[0].eigenvalues.tobytes().hex(),
        "name": [run.model.name, dict(run.tags)],
    }


def test_the_first_line_tells_people_what_a_file_is(tmp_path: Path) -> None:
    run = make_run()
    head = json.loads(gzip.decompress(encode(run)).split(b"\n")[0])
    assert head | {"sha256": ""} == {
        "embstore_run": 1,
        "schema": migration.HEAD,
        "embstore_version": __version__,
        "run_id": ids.run_id_of(run),
        "model": "example/decoder-small",
        "revision": "main",
        "sha256": "",
    }
    # The same run is the same file; a repetition of it is another one.
    again = dataclasses.replace(run, repeat=1)
    assert encode(run) == encode(make_run())
    assert file_name(run, encode(run)) != file_name(again, encode(again))


def refit(content: bytes, **head: object) -> bytes:
    """Change the first line of a file."""
    first, _, body = gzip.decompress(content).partition(b"\n")
    return gzip.compress(json.dumps({**json.loads(first), **head}).encode() + b"\n" + body)


def changed_body(content: bytes, old: bytes, new: bytes) -> bytes:
    """Change the run in a file, and say that it is right."""
    first, _, body = gzip.decompress(content).partition(b"\n")
    assert old in body
    body = body.replace(old, new, 1)
    head = {**json.loads(first), "sha256": hashlib.sha256(body).hexdigest()}
    return gzip.compress(json.dumps(head).encode() + b"\n" + body)


WHOLE = encode(make_run())
DAMAGED = {
    "empty": b"",
    "text": b"hello",
    "cut off": WHOLE[: len(WHOLE) // 2],
    "a byte less": WHOLE[:-1],
    "another number": gzip.compress(gzip.decompress(WHOLE).replace(b'"n":256', b'"n":257', 1)),
    "another checksum": refit(WHOLE, sha256="0" * 64),
    "another id": refit(WHOLE, run_id="0" * 32),
    "another file": gzip.compress(b'{"a": 1}\n[]'),
    "no lines": gzip.compress(b"[]"),
    "a format that is no number": refit(WHOLE, embstore_run="one"),
    "text for a number": changed_body(WHOLE, b'"n":256', b'"n":"256"'),
    "an unknown scope": changed_body(WHOLE, b'"scope":"all"', b'"scope":"some"'),
    "an unknown field": changed_body(WHOLE, b'"n":256', b'"m":256'),
    "a null where none may be": changed_body(WHOLE, b'"hidden_size":8', b'"hidden_size":null'),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_refused_by_name_and_kept(
    content: bytes, path: Path, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    folder = spool_folders.beside(path)
    folder.mkdir()
    whole = make_run(seed=1)
    good = folder / file_name(whole, encode(whole))
    good.write_bytes(encode(whole))
    bad = folder / "bad.run.json.gz"
    bad.write_bytes(content)
    spool.take_in_waiting(database)
    refused, taken = (record.message for record in caplog.records)
    assert refused.startswith(f"{bad} is damaged or no run of embstore (")
    assert refused.endswith("): it is left there")
    assert "\n" not in refused
    assert taken == f"took 1 run that was kept in {folder} into {path}"
    assert list(folder.iterdir()) == [bad]
    assert bad.read_bytes() == content
    assert counts(database)["run"] == 1


@pytest.mark.parametrize("head", [{"embstore_run": 2}, {"schema": "9999"}])
def test_a_file_of_a_newer_embstore_waits_for_it(
    head: dict[str, object], path: Path, database: Database
) -> None:
    folder = spool_folders.beside(path)
    folder.mkdir()
    file = folder / "new.run.json.gz"
    file.write_bytes(refit(WHOLE, embstore_version="7.0", **head))
    taken = spool.take_in(database, [file])
    assert taken.refused == (
        f"{file} is of embstore 7.0, newer than this one, {__version__}: upgrade embstore: it is "
        "left there",
    )
    assert file.exists()


@pytest.mark.slow
def test_what_is_taken_in_is_what_writing_it_would_have_stored(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runs = [full_run(), make_run(name="other", kind="encoder")]
    direct = new_store(tmp_path / "direct.duckdb", runs)
    for run in runs:
        spool.keep(file_database(path), run, StoreError("locked"))
    folder = spool_folders.beside(path)
    assert len(spool.waiting(file_database(path))) == 2
    database = open_database(path, lazy=True)
    spool.take_in_waiting(database)
    assert [record.message for record in caplog.records] == [
        f"took 2 runs that were kept in {folder} into {path}"
    ]
    for table in counts(direct):
        # NULLs of the same columns, floats of the same bits.
        sql = f"SELECT * FROM {table} ORDER BY ALL"
        assert database.select(sql) == direct.select(sql), table
    # The folder goes with the last file.
    assert [found.name for found in path.parent.glob("embstore*")] == [path.name]
    spool.take_in_waiting(database)
    assert len(caplog.records) == 1


def test_taking_in_twice_changes_nothing(path: Path, database: Database) -> None:
    file = spool.keep(file_database(path), make_run(), StoreError("locked"))
    content = file.read_bytes()
    assert spool.take_in(database, [file]) == spool.Taken(1, 0, ())
    before = counts(database)
    # As after a kill between storing and deleting.
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    assert spool.take_in(database, [file, file]) == spool.Taken(0, 1, ())
    assert counts(database) == before
    assert not file.exists()


def test_the_same_work_measured_twice_is_a_repetition(path: Path, database: Database) -> None:
    kept = make_run(created_at=datetime(2026, 1, 1, tzinfo=UTC))
    file = spool.keep(file_database(path), kept, StoreError("locked"))
    content = file.read_bytes()
    write_run(database, make_run())
    assert spool.take_in(database, [file]) == spool.Taken(1, 0, ())
    found = rows(database, "SELECT repeat, created_at FROM run ORDER BY repeat")
    assert [row["repeat"] for row in found] == [0, 1]
    assert found[1]["created_at"] == kept.provenance.created_at
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    assert spool.take_in(database, [file]) == spool.Taken(0, 1, ())


def test_a_run_that_no_store_takes_is_refused_by_name(path: Path, database: Database) -> None:
    run = make_run()
    configuration = dataclasses.replace(run.configuration, seed=2**63)
    unfit = dataclasses.replace(run, configuration=configuration)
    file = spool.keep(file_database(path), unfit, StoreError("refused"))
    good = spool.keep(file_database(path), make_run(seed=1), StoreError("locked"))
    taken = spool.take_in(database, [file, good])
    assert (taken.stored, taken.known) == (1, 0)
    (refused,) = taken.refused
    assert refused.startswith(f"{file} cannot be stored (")
    assert file.exists()
    assert counts(database)["run"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("how", ["reads", "writes"])
def test_a_run_is_kept_while_a_notebook_holds_the_store(how: str, path: Path) -> None:
    new_store(path)
    database = file_database(path, timeout=0.02)
    with held(path, how) as holder:
        waits: list[None] = []
        kept = spool.store_or_keep(database, make_run(), wait=lambda: waits.append(None))
        assert isinstance(kept, spool.Kept)
        assert kept.file.parent == spool_folders.beside(path)
        assert kept.reason.startswith(f"{path} is locked by process {holder.pid} (waited 0.6 s)")
        assert bits(read_run(kept.file)) == bits(make_run())
        # It waited long for the first one, and only shortly for those that follow.
        again = spool.store_or_keep(database, make_run(seed=1), wait=lambda: waits.append(None))
        assert isinstance(again, spool.Kept)
        assert "waited 0.02 s" in again.reason
        assert len(waits) == 1
        # Taking in waits no longer than a question: the file stays.
        with pytest.raises(StoreError, match=r"is locked by process .* \(waited 0\.02 s\)"):
            spool.take_in_waiting(file_database(path, timeout=0.02))
        assert len(spool.waiting(file_database(path))) == 2
    spool.take_in_waiting(database)
    assert counts(database)["run"] == 2
    assert spool.waiting(file_database(path)) == []


def test_a_store_that_is_released_in_time_leaves_no_file(path: Path) -> None:
    new_store(path)
    database = file_database(path, timeout=0.1)
    releasing = threading.Timer(0.2, finish, [hold(path, "reads")])
    files: list[list[Path]] = []

    def release() -> None:
        # The run is in a file before the long wait: a kill would not lose it.
        files.append(spool.waiting(file_database(path)))
        releasing.start()

    assert spool.store_or_keep(database, make_run(), wait=release) == ids.run_id_of(make_run())
    releasing.join()
    assert [len(found) for found in files] == [1]
    assert spool.waiting(file_database(path)) == []
    assert not spool_folders.beside(path).exists()
    assert counts(database)["run"] == 1


def test_an_interrupted_wait_keeps_the_run(
    path: Path,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def interrupt(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(spool, "write_run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        spool.store_or_keep(database, make_run())
    (file,) = spool.waiting(file_database(path))
    (record,) = caplog.records
    assert record.message == (
        f"example/decoder-small@main is measured, but not stored: it is kept in {file}"
    )


def test_an_interrupted_long_wait_keeps_the_run(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    new_store(path)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with held(path, "reads"), pytest.raises(KeyboardInterrupt):
        spool.store_or_keep(file_database(path, timeout=0.02), make_run(), wait=interrupt)
    (file,) = spool.waiting(file_database(path))
    assert [record.message for record in caplog.records] == [
        f"example/decoder-small@main is measured, but not stored: it is kept in {file}"
    ]


def test_an_error_that_nobody_thought_of_loses_nothing(
    path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(spool, "write_run", fail)
    kept = spool.store_or_keep(database, make_run())
    assert isinstance(kept, spool.Kept)
    assert kept.reason == "unexpected MemoryError: no room"
    assert spool.waiting(file_database(path)) == [kept.file]


def test_without_the_folder_a_run_is_kept_in_the_cache(tmp_path: Path, cache: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    database = open_database(home / "s.duckdb", lazy=True)
    home.rmdir()
    kept = spool.store_or_keep(database, make_run())
    assert isinstance(kept, spool.Kept)
    assert kept.file.is_relative_to(cache / "spool")
    assert kept.file.parent.name.startswith("s.duckdb-")
    # Nothing is made where the folder was, which may be a disk that is not mounted.
    assert not home.exists()
    home.mkdir()
    spool.take_in_waiting(database)
    assert counts(database)["run"] == 1
    assert list((cache / "spool").iterdir()) == []


def test_where_no_file_can_be_written_it_is_said(
    path: Path, database: Database, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: Path, _content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool, "write_durably", full)
    with pytest.raises(StoreError) as caught:
        spool.keep(file_database(path), make_run(), StoreError(f"{path} is locked"))
    assert str(caught.value).startswith(
        f"{path} is locked; the measured run could not be kept in a file either, in "
        f"{spool_folders.beside(path)} (no space left on device) nor in {cache}"
    )
    assert not spool_folders.beside(path).exists()


FULL = """
import resource, sys
from pathlib import Path
from embstore.store import spool
from embstore.store.connection import open_database
from tests.synthetic import make_run

database = open_database(sys.argv[1], lazy=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
kept = spool.store_or_keep(database, make_run(name="large", n_layers=100, hidden_size=64))
print(kept.file)
print(kept.reason)
"""


@pytest.mark.slow
def test_a_full_disk_keeps_the_run_whole(path: Path, database: Database) -> None:
    # The store's log outgrows the limit; the file, which is packed, does not.
    file, reason = finish(start(FULL, path)).splitlines()
    assert "File too large" in reason
    run = make_run(name="large", n_layers=100, hidden_size=64)
    assert bits(read_run(Path(file))) == bits(run)
    spool.take_in_waiting(database)
    assert counts(database)["run"] == 1


@pytest.mark.slow
def test_a_killed_process_leaves_no_half_file(path: Path, database: Database) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from embstore.store import spool\n"
        "from tests.stores import file_database\n"
        "from tests.synthetic import make_run\n"
        "os.fsync = lambda _handle: os.kill(os.getpid(), signal.SIGKILL)\n"
        "spool.keep(file_database(Path(sys.argv[1])), make_run(), ValueError())\n"
    )
    finish_killed(start(code, path))
    assert len(list(spool_folders.beside(path).iterdir())) == 1
    # What is half written is no run.
    assert spool.waiting(file_database(path)) == []
    spool.take_in_waiting(database)


@pytest.mark.slow
def test_two_processes_take_in_the_same_files(path: Path, database: Database) -> None:
    for seed in range(4):
        spool.keep(file_database(path), make_run(seed=seed), StoreError("locked"))
    files = spool.waiting(file_database(path))
    threads = [
        threading.Thread(target=spool.take_in, args=(database, order))
        for order in (files, files[::-1])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(database)["run"] == 4
    assert spool.waiting(file_database(path)) == []
