"""What ``embstore ingest`` says and does where the store cannot be written to."""

import re
from pathlib import Path

import pytest

import embstore as api
from embstore.errors import StoreError
from embstore.ingestion import one_checkpoint
from embstore.store import spool, spool_folders
from tests.cli.running import embstore
from tests.holding import held
from tests.processes import imported
from tests.stores import file_database, new_store
from tests.synthetic import make_run

SMALL = ("--tokens", "128", "--window", "32", "--sample", "64", "--no-pairs")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMBSTORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EMBSTORE_LOCK_TIMEOUT", "0.05")
    (tmp_path / "home").mkdir()
    return new_store(tmp_path / "home" / "s.duckdb").path


def runs(store: Path) -> object:
    return api.open(store).info()["runs"]


@pytest.mark.slow
def test_a_run_that_cannot_be_stored_is_told_on_two_lines_and_by_the_exit_code(
    tiny_llama: Path, text: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise StoreError(f"{store} could not be written (the disk is full)")

    arguments = ("ingest", tiny_llama, "--corpus", text, *SMALL, "-s", store)
    with monkeypatch.context() as patch:
        patch.setattr(spool, "write_run", refuse)
        done = embstore(*arguments)
    assert (done.returncode, done.stdout) == (3, "")
    (file,) = spool.waiting(file_database(store))
    folder = spool_folders.beside(store)
    measured, error = done.stderr.splitlines()
    assert re.fullmatch(
        rf"tiny-llama@local: measured on 128 tokens in \d+ s, but not stored: kept in {file}",
        measured,
    )
    assert error == (
        f"error: the checkpoint is measured, but not in the store ({store} could not be written "
        f"(the disk is full)): kept in {folder}, and taken in by the next ingest into this store, "
        f"or by `embstore ingest --spool {folder}`"
    )
    # A dry run says that it waits, and leaves it there.
    shown = embstore(*arguments, "--dry-run")
    assert shown.returncode == 0
    assert shown.stderr == (
        f"note: 1 measured run in {folder}: not stored yet, an ingest takes in what is there "
        "first\n"
    )
    assert spool.waiting(file_database(store)) == [file]
    again = embstore(*arguments)
    assert again.returncode == 0
    taken, stored, *found = again.stderr.splitlines()
    assert taken == f"note: took 1 run that was kept in {folder} into {store}"
    assert "already measured" in stored
    assert found[-1].startswith("next: embstore chart layer_profile -p models=tiny-llama ")


@pytest.mark.slow
def test_a_store_that_is_held_ends_an_ingest_and_a_dry_run_at_once(
    tiny_llama: Path, text: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(one_checkpoint, "measure_batches")
    arguments = ("ingest", tiny_llama, "--corpus", text, *SMALL, "-s", store)
    with held(store, "reads") as holder:
        said = (
            f"error: {store} is locked by process {holder.pid} (waited 0.05 s): wait until that "
            "process has finished, or wait longer with EMBSTORE_LOCK_TIMEOUT=SECONDS\n"
        )
        for more in ((), ("--dry-run",)):
            done = embstore(*arguments, *more)
            assert (done.returncode, done.stderr) == (3, said)
            # A dry run shows its table as well.
            assert ("to do" in done.stdout) == bool(more)


def test_a_spool_is_taken_in_without_a_model(store: Path) -> None:
    for seed in range(2):
        spool.keep(file_database(store), make_run(seed=seed), StoreError("locked"))
    folder = spool_folders.beside(store)
    done = embstore("ingest", "--spool", folder, "-s", store)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"note: took 2 runs that were kept in {folder} into {store}\n"
    assert runs(store) == 2
    gone = embstore("ingest", "--spool", folder, "-s", store)
    assert gone.returncode == 2
    assert gone.stderr == (
        f"error: {folder} is not there; what was in it may be stored: name the folder that "
        "measured runs are kept in\n"
    )


def test_a_spool_goes_into_a_store_that_is_made_for_it(store: Path, tmp_path: Path) -> None:
    spool.keep(file_database(store), make_run(), StoreError("locked"))
    other = tmp_path / "other.duckdb"
    assert embstore("ingest", "--spool", spool_folders.beside(store), "-s", other).returncode == 0
    assert runs(other) == 1
    empty = tmp_path / "empty"
    empty.mkdir()
    nothing = embstore("ingest", "--spool", empty, "-s", other)
    assert nothing.returncode == 0
    assert nothing.stderr == f"{empty} has no run that is new in the store\n"


def test_damaged_files_fail_a_spool_and_the_others_are_stored(store: Path) -> None:
    spool.keep(file_database(store), make_run(), StoreError("locked"))
    folder = spool_folders.beside(store)
    bad = folder / "bad.run.json.gz"
    bad.write_bytes(b"torn")
    done = embstore("ingest", "--spool", folder, "-s", store)
    assert done.returncode == 1
    taken, error = done.stderr.splitlines()
    assert taken == f"note: took 1 run that was kept in {folder} into {store}"
    assert error.startswith(f"error: {bad} is damaged or no run of embstore (")
    assert list(folder.iterdir()) == [bad]
    assert runs(store) == 1


def test_a_spool_into_a_held_store_stays(store: Path) -> None:
    spool.keep(file_database(store), make_run(), StoreError("locked"))
    before = spool.waiting(file_database(store))
    with held(store) as holder:
        done = embstore("ingest", "--spool", spool_folders.beside(store), "-s", store)
    assert done.returncode == 3
    assert f"is locked by process {holder.pid}" in done.stderr
    assert spool.waiting(file_database(store)) == before


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (("gpt2",), "a MODEL"),
        (("--corpus", "a.txt"), "--corpus"),
        (("--study", "tiny"), "--study"),
        (("--dry-run",), "--dry-run"),
        (("-f", "json"), "--format"),
        (("--no-pairs",), "--pairs or --no-pairs"),
    ],
)
def test_a_spool_takes_no_options_of_measuring(
    more: tuple[str, ...], named: str, tmp_path: Path
) -> None:
    done = embstore("ingest", "--spool", tmp_path, *more, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (f"error: {named} conflicts with --spool, which measures nothing\n")


@pytest.mark.slow
def test_taking_in_imports_no_torch(store: Path) -> None:
    spool.keep(file_database(store), make_run(), StoreError("locked"))
    code = "import sys, embstore\nembstore.take_in(sys.argv[1], store=sys.argv[2])"
    assert not {"torch", "transformers"} & imported(code, spool_folders.beside(store), store)
    assert file_database(store, timeout=1).select("SELECT * FROM run").num_rows == 1
