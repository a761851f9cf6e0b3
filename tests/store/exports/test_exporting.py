"""An export: whole whenever it is stopped, a store to ask, and back to the same store."""

import contextlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from huggingface_hub import metadata_load
from hypothesis import given, settings
from hypothesis import strategies as st

from embstore.asking.ask import find_questions, run_question
from embstore.errors import QueryError, StoreError, StoreLockedError, StoreVersionError
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.exports import data_card
from embstore.store.exports.export_files import MANIFEST, Manifest, fact_path, read_manifest
from embstore.store.exports.exporting import export_store
from embstore.store.mending.deriving import derive_numbers
from embstore.store.mending.find_runs import Selection
from embstore.store.mending.merging import import_export, merge_stores
from embstore.store.mending.removing import remove_runs
from embstore.store.mending.renaming import rename_model
from embstore.store.mending.tagging import tag_run
from embstore.store.scores import write_scores
from embstore.store.table_names import FACTS, NUMBERS
from embstore.store.verification.faults import find_faults
from embstore.store.writing import write_failure, write_run, write_runs
from embstore.types import Run
from tests.processes import finish, finish_killed, start
from tests.range_server import serve
from tests.store.contents import contents, counts, rows
from tests.stores import file_database, new_store
from tests.synthetic import ALL_METRICS, make_failure, make_run, make_scores

pytestmark = pytest.mark.slow

NAMES = ("lab/m", "组织/模型 'x' \"y\"")
RUNS = [
    *(make_run(name=NAMES[0], revision=f"step{i}", step=i, metrics=ALL_METRICS) for i in (1, 2)),
    make_run(name=NAMES[1], kind="encoder-decoder", corpus="verse", tags={"lab": "ä"}),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Database:
    database = new_store(tmp_path_factory.mktemp("store") / "embstore.duckdb", RUNS)
    (run_id,) = write_runs(database, RUNS[:1])
    tag_run(database, run_id, {"lab": "b"})
    write_failure(database, make_failure())
    derive_numbers(database, ["stable_rank"], models=[RUNS[0].model.name])
    write_scores(database, make_scores(*RUNS))
    return database


@pytest.fixture(scope="module")
def exported(store: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export that tests only read."""
    return export_store(store, tmp_path_factory.mktemp("export") / "geometry").folder


@pytest.fixture
def export(exported: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree(exported, tmp_path / "geometry"))


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in found
    }


def test_imported_again_it_is_the_same_store(
    store: Database, exported: Path, database: Database
) -> None:
    told = import_export(database, exported, dry_run=True)
    assert set(counts(database).values()) == {0}
    done = import_export(database, exported)
    assert told == done
    assert (done.new, done.known) == (3, 0)
    assert contents(database) == contents(store)
    assert import_export(database, exported).new == 0
    assert contents(database) == contents(store)


def test_every_question_is_answered_in_place_as_in_the_store(
    store: Database, exported: Path
) -> None:
    place = open_database(exported, create=False)
    with store.held(), place.held():
        assert counts(place) == counts(store)
        for question in find_questions().values():
            given = {
                name: value
                for name, value in (("before", "step1"), ("after", "step2"), ("model", NAMES[0]))
                if any(parameter.name == name for parameter in question.parameters)
            }
            answers = [run_question(database, question, given) for database in (place, store)]
            assert answers[0] == answers[1], question.name


def test_in_place_only_the_files_of_the_export_can_be_read(
    exported: Path, store: Database, tmp_path: Path
) -> None:
    place = open_database(exported, create=False)
    outside = exported.parent / "outside.parquet"
    shutil.copy(next(exported.glob("tables/model-*")), outside)
    for sql, says in (
        (f"SELECT * FROM read_text('{outside}')", "read_text is not allowed"),
        *(
            (f"SELECT * FROM '{file}'", f'Cannot access file "{file}"')
            for file in (
                outside,
                f"{exported}/../outside.parquet",
                exported / MANIFEST,
                store.path,
            )
        ),
        (
            f"SELECT * FROM enable_logging(storage='file', storage_path='{tmp_path / 'x'}')",
            "enable_logging is not allowed",
        ),
        (f"COPY (SELECT 1) TO '{tmp_path / 'x.csv'}'", "found COPY"),
        (f"ATTACH '{tmp_path / 'x.duckdb'}'", "found ATTACH"),
        ("DROP VIEW measurement", "found DROP"),
        ("DELETE FROM run", "found DELETE"),
        ("SET allowed_directories = ['/']", "found SET"),
        ("INSTALL httpfs", "found LOAD"),
    ):
        with pytest.raises(QueryError, match=says):
            place.select_untrusted(sql)
    assert place.select_untrusted("SELECT count(*) AS n FROM run")["n"].to_pylist() == [3]
    assert list(tmp_path.iterdir()) == []


def test_tags_choose_runs_of_an_export_too(exported: Path) -> None:
    chosen = open_database(exported, create=False, tags=[("lab", "b")])
    found = rows(chosen, "SELECT DISTINCT model, revision FROM profile")
    assert found == [{"model": NAMES[0], "revision": "step1"}]
    assert counts(chosen)["model"] == 1


def test_again_it_adds_only_what_is_new(store: Database, tmp_path: Path) -> None:
    copy = open_database(shutil.copy(store.path, tmp_path / "copy.duckdb"))
    first = export_store(copy, tmp_path / "ex")
    assert (first.new, first.known) == (3, 0)
    before = files_of(first.folder)
    again = export_store(copy, tmp_path / "ex")
    assert (again.new, again.known, again.size) == (0, 3, first.size)
    # A second time nothing is written at all.
    after = files_of(first.folder)
    unchanged = {name for name in before if before[name] == after.get(name)}
    assert {name for name in before if not name.startswith(("tables/", "."))} <= unchanged
    assert before.keys() == after.keys()
    write_run(copy, make_run(seed=5))
    more = export_store(copy, tmp_path / "ex")
    assert (more.new, more.known) == (1, 3)
    last = files_of(first.folder)
    assert all(last[name] == before[name] for name in before if name.startswith("runs/"))
    assert sum(name.startswith("tables/") for name in last) == len(FACTS)
    assert counts(open_database(tmp_path / "ex", create=False)) == counts(copy)


def test_what_changed_in_the_store_changes_in_the_export(store: Database, tmp_path: Path) -> None:
    copy = open_database(shutil.copy(store.path, tmp_path / "copy.duckdb"))
    export_store(copy, tmp_path / "ex")
    rename_model(copy, NAMES[0], "lab/new")
    (row, *_) = rows(copy, "SELECT run_id FROM run ORDER BY run_id")
    tag_run(copy, str(row["run_id"]), {"later": "1"})
    export_store(copy, tmp_path / "ex")
    place = open_database(tmp_path / "ex", create=False)
    assert contents(place) == contents(copy)


def test_runs_of_other_stores_and_removed_ones_stay(store: Database, tmp_path: Path) -> None:
    copy = open_database(shutil.copy(store.path, tmp_path / "copy.duckdb"))
    other = new_store(tmp_path / "other.duckdb", [RUNS[0], make_run(name="lab/else")])
    export_store(other, tmp_path / "ex")
    remove_runs(copy, Selection(models=[NAMES[1]]))
    done = export_store(copy, tmp_path / "ex")
    assert (done.new, done.known, done.others) == (1, 1, 1)
    merge_stores(copy, [other.path])
    assert contents(open_database(tmp_path / "ex", create=False)) == contents(copy)


def test_a_run_keeps_the_numbers_it_was_exported_with(tmp_path: Path) -> None:
    mine, theirs = (
        new_store(
            tmp_path / name,
            [make_run(values=lambda *_, v=value: v, created_at=datetime(2026, 1, day, tzinfo=UTC))],
        )
        for name, value, day in (("a", 1.0, 1), ("b", 2.0, 2))
    )
    export_store(mine, tmp_path / "ex")
    export_store(theirs, tmp_path / "ex")
    found = rows(
        open_database(tmp_path / "ex", create=False),
        "SELECT DISTINCT value, created_at FROM profile",
    )
    assert found == [{"value": 1.0, "created_at": datetime(2026, 1, 1, tzinfo=UTC)}]


def test_an_export_of_an_empty_store_is_one(tmp_path: Path, database: Database) -> None:
    export_store(database, tmp_path / "ex")
    assert set(counts(open_database(tmp_path / "ex", create=False)).values()) == {0}
    assert import_export(database, tmp_path / "ex").new == 0


KILLED = """
import os, signal, sys
from embstore.store.exports import exporting, parquet_files
from embstore.store.connection import open_database

exporting._BATCH = 1
copy, calls = parquet_files._copy, []
def counted(*arguments):
    calls.append(arguments)
    if len(calls) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return copy(*arguments)
parquet_files._copy = counted
exporting.export_store(open_database(sys.argv[1]), sys.argv[2])
"""


@pytest.mark.parametrize(("step", "runs"), [(1, 0), (4, 0), (8, 0), (16, 1), (21, 1), (32, 2)])
def test_a_killed_export_is_a_readable_one_and_the_next_completes_it(
    store: Database, tmp_path: Path, step: int, runs: int
) -> None:
    """Of each run six tables of numbers are written, then the nine of facts."""
    folder = tmp_path / "ex"
    finish_killed(start(KILLED, store.path, folder, str(step)))
    place = open_database(folder, create=False)
    assert counts(place)["run"] == runs
    assert len(rows(place, "SELECT DISTINCT run_id FROM profile")) == runs
    assert (counts(place)["model"] > 0) == (runs > 0)
    done = export_store(store, folder)
    assert (done.new, done.known) == (3 - runs, runs)
    assert contents(open_database(folder, create=False)) == contents(store)
    assert not [name for name in files_of(folder) if "partial" in name]


FULL = """
import resource, sys
from embstore.errors import StoreError
from embstore.store.connection import open_database
from embstore.store.exports.exporting import export_store

database = open_database(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    export_store(database, sys.argv[2])
except StoreError as error:
    print(error)
"""


def test_without_room_for_anything_no_folder_is_left(store: Database, tmp_path: Path) -> None:
    said = finish(start(FULL, store.path, tmp_path / "ex", "10"))
    assert said.startswith(f"{tmp_path / 'ex'} cannot be written: ")
    assert not (tmp_path / "ex").exists()


def test_a_full_disk_is_told_and_leaves_a_readable_export(store: Database, tmp_path: Path) -> None:
    said = finish(start(FULL, store.path, tmp_path / "ex", "3000"))
    assert said.startswith(f"{tmp_path / 'ex'} could not be written")
    assert said.count("\n") == 1
    assert counts(open_database(tmp_path / "ex", create=False))["run"] == 0
    assert export_store(store, tmp_path / "ex").new == 3


Spoil = Callable[[Path], object]


def largest(folder: Path) -> Path:
    return max(folder.glob("runs/*/measurement.parquet"), key=lambda path: path.stat().st_size)


def flip(folder: Path) -> None:
    content = bytearray(largest(folder).read_bytes())
    content[len(content) // 2] ^= 1
    largest(folder).write_bytes(content)


def change(**to: object) -> Spoil:
    def spoil(folder: Path) -> None:
        said = json.loads((folder / MANIFEST).read_text())
        (folder / MANIFEST).write_text(json.dumps({**said, **to}))

    return spoil


FILE = {"sha256": "0" * 64, "size": 1, "rows": 1}


@pytest.mark.parametrize(
    ("spoil", "says", "kind"),
    [
        (flip, "differs from its checksum", StoreError),
        (lambda folder: largest(folder).write_bytes(b""), "differs from its", StoreError),
        (lambda folder: largest(folder).unlink(), "cannot be read", StoreError),
        (lambda folder: (folder / MANIFEST).unlink(), "is no export", StoreError),
        (lambda folder: (folder / MANIFEST).write_text("{"), "is not one", StoreError),
        (lambda folder: (folder / MANIFEST).write_bytes(b"\xff"), "cannot be read", StoreError),
        (lambda folder: (folder / MANIFEST).write_text("[]"), "is not one", StoreError),
        (change(schema="9999"), "has schema 9999, newer than", StoreVersionError),
        (change(schema="9999", tables={"new": FILE}), "newer than", StoreVersionError),
        (change(schema=7), "is not one", StoreError),
        (change(format="other"), "is not one", StoreError),
        (change(runs={"../../etc": {}}), "is not one", StoreError),
        (change(runs={"0" * 32: {"../x": FILE}}), "is not one", StoreError),
        (change(tables={"model": {**FILE, "sha256": "../" * 21 + "x"}}), "is not one", StoreError),
        (change(tables={"model": {**FILE, "size": None}}), "is not one", StoreError),
    ],
)
def test_a_damaged_export_is_refused_and_nothing_taken(
    export: Path, database: Database, spoil: Spoil, says: str, kind: type[StoreError]
) -> None:
    spoil(export)
    for dry_run in (True, False):
        with pytest.raises(kind) as caught:
            import_export(database, export, dry_run=dry_run)
        assert says in str(caught.value)
        assert str(export) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert set(counts(database).values()) == {0}


def only(folder: Path, pattern: str) -> Path:
    return min(folder.glob(pattern))


MENDED: dict[str, tuple[Spoil, int]] = {
    "a bit": (flip, 1),
    "spectra": (lambda folder: only(folder, "runs/*/spectrum.parquet").unlink(), 1),
    "a folder": (lambda folder: shutil.rmtree(only(folder, "runs/*")), len(NUMBERS)),
    "a table": (lambda folder: only(folder, "tables/model-*").unlink(), 1),
    "tables": (lambda folder: shutil.rmtree(folder / "tables"), len(FACTS)),
    "half a table": (lambda folder: only(folder, "tables/run-*").write_bytes(b"PAR1"), 1),
    "all runs": (lambda folder: shutil.rmtree(folder / "runs"), 3 * len(NUMBERS)),
    "the card": (lambda folder: (folder / "README.md").unlink(), 0),
    "the metadata": (lambda folder: (folder / "croissant.json").write_text("{"), 0),
}


@pytest.mark.parametrize("what", MENDED)
def test_exporting_again_mends_what_is_damaged(
    store: Database, export: Path, exported: Path, what: str
) -> None:
    spoil, files = MENDED[what]
    spoil(export)
    done = export_store(store, export)
    assert (done.new, done.known, done.mended, done.damaged) == (0, 3, files, 0)
    assert {name: (export / name).read_bytes() for name in files_of(export)} == {
        name: (exported / name).read_bytes() for name in files_of(exported)
    }
    assert export_store(store, export).mended == 0


def test_damaged_runs_of_other_stores_stay_and_are_told(
    store: Database, export: Path, tmp_path: Path
) -> None:
    other = new_store(tmp_path / "other.duckdb", [make_run(name="lab/else")])
    export_store(other, export)
    (theirs,) = (row["run_id"] for row in rows(other, "SELECT run_id FROM run"))
    mine = next(run_id for run_id in read_manifest(export).runs if run_id != theirs)
    for run_id in (theirs, mine):
        (export / f"runs/{run_id}/layer.parquet").unlink()
    done = export_store(store, export)
    assert (done.known, done.others, done.mended, done.damaged) == (3, 1, 1, 1)
    done = export_store(other, export)
    assert (done.known, done.others, done.mended, done.damaged) == (1, 3, 1, 0)
    place = open_database(export, create=False)
    assert place.damaged_files() == {}
    assert counts(place)["run"] == 4
    # What describes the others cannot be made from this store.
    only(export, "tables/corpus-*").unlink()
    with pytest.raises(StoreError, match=r"1 of its runs are not in this store.*new folder"):
        export_store(store, export)


def test_a_mended_run_has_the_facts_of_its_new_numbers(tmp_path: Path) -> None:
    one, two = (
        new_store(
            tmp_path / f"{day}.duckdb",
            [
                make_run(
                    created_at=datetime(2026, 11, day, tzinfo=UTC),
                    values=lambda *_, day=day: day / 10,
                )
            ],
        )
        for day in (1, 2)
    )
    folder = export_store(one, tmp_path / "ex").folder
    flip(folder)
    assert export_store(two, folder).mended == 1
    assert contents(open_database(folder, create=False)) == contents(two)


def test_what_others_put_into_the_folder_stays(store: Database, tmp_path: Path) -> None:
    copy = open_database(shutil.copy(store.path, tmp_path / "copy.duckdb"))
    folder = export_store(copy, tmp_path / "ex").folder
    theirs = {
        "tables/mine.parquet": b"mine",
        "tables/notes/a.txt": b"a",
        "runs/plots/a.png": b"png",
        f"{only(folder, 'runs/*').relative_to(folder)}/notes.txt": b"a",
        "LICENSE": b"MIT",
    }
    for name, content in theirs.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    card = folder / "README.md"
    text = card.read_text().replace("pretty_name:", "license: mit\npretty_name:")
    text = text.replace("# Geometry", "By us.\n\n# Our geometry")
    card.write_bytes(text.encode() + b"A line of ours.\n\xff")
    metadata = json.loads((folder / "croissant.json").read_text())
    metadata = {**metadata, "name": "ours", "license": "MIT"}
    mine = {"@type": "cr:FileObject", "@id": "mine", "contentUrl": "tables/mine.parquet"}
    metadata["distribution"].append(mine)
    (folder / "croissant.json").write_text(json.dumps(metadata))
    write_run(copy, make_run(seed=5, name="lab/new"))
    only(folder, "runs/*/layer.parquet").unlink()
    export_store(copy, folder)
    assert {name: (folder / name).read_bytes() for name in theirs} == theirs
    said = card.read_bytes().decode(errors="replace")
    for words in ("license: mit", "By us.", "# Our geometry", "A line of ours.\n\ufffd", "lab/new"):
        assert said.count(words) == 1, words
    assert "4 runs" in said
    card.write_text(said)
    configs = metadata_load(card)["configs"]  # type: ignore[index]
    assert len(configs) == len(FACTS) + len(NUMBERS)
    assert all(list(folder.glob(config["data_files"])) for config in configs)
    now = json.loads((folder / "croissant.json").read_text())
    assert (now["name"], now["license"]) == ("ours", "MIT")
    assert mine in now["distribution"]
    assert len(now["distribution"]) == len(metadata["distribution"])
    table = fact_path("run", read_manifest(folder).tables["run"])
    assert table in [item.get("contentUrl") for item in now["distribution"]]
    assert contents(open_database(folder, create=False)) == contents(copy)


def test_a_card_without_the_marks_keeps_its_text(export: Path, store: Database) -> None:
    card = export / "README.md"
    for text in ("Nothing but this.\n", "---\nlicense: mit\n---\nOurs.\n"):
        card.write_text(text)
        export_store(store, export)
        assert card.read_text().endswith("---\n" + text.rpartition("---\n")[2])
        said = metadata_load(card)
        assert said is not None
        assert len(said["configs"]) == len(FACTS) + len(NUMBERS)
        assert said.get("license") == ("mit" if "mit" in text else None)


@pytest.mark.parametrize("address", [False, True])
def test_verifying_an_export_compares_the_checksums(export: Path, address: bool) -> None:
    flip(export)
    gone = only(export, "tables/model-*")
    gone.unlink()
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(serve(export)).address if address else str(export)
        (fault,) = find_faults(open_database(place, create=False))
    assert (fault.fault, fault.rows) == ("a damaged file", 2)
    assert f"{largest(export).relative_to(export)} differs from its checksum" in fault.example
    assert f"{gone.relative_to(export)} cannot be read" in fault.example
    assert "export the store again" in fault.advice
    assert "embstore rm" not in fault.advice


def test_faults_of_an_export_are_mended_in_a_store(store: Database, tmp_path: Path) -> None:
    copy = open_database(shutil.copy(store.path, tmp_path / "copy.duckdb"))
    with copy.begin() as connection:
        connection.exec_driver_sql("DELETE FROM spectrum WHERE layer = 1")
    folder = export_store(copy, tmp_path / "ex").folder
    found = find_faults(open_database(folder, create=False))
    assert "missing spectra" in {fault.fault for fault in found}
    assert all("take it into a store with `embstore import`" in fault.advice for fault in found)


def test_runs_that_refer_to_nothing_do_not_spread(
    store: Database, database: Database, tmp_path: Path
) -> None:
    for table in ("model", "checkpoint", "corpus"):
        broken = open_database(shutil.copy(store.path, tmp_path / f"{table}.duckdb"))
        with broken.begin() as connection:
            connection.exec_driver_sql(f"DELETE FROM {table}")
        attempts: tuple[Callable[[], object], ...] = (
            lambda: export_store(broken, tmp_path / "ex"),  # noqa: B023 - called at once
            lambda: merge_stores(database, [store.path, broken.path]),  # noqa: B023
            lambda: merge_stores(database, [broken.path], dry_run=True),  # noqa: B023
        )
        says = rf"{table}\.duckdb has runs whose model, checkpoint or text is missing .*verify"
        for attempt in attempts:
            with pytest.raises(StoreError, match=says):
                attempt()
    assert set(counts(database).values()) == {0}
    assert counts(open_database(tmp_path / "ex", create=False))["run"] == 0


def test_a_folder_that_cannot_be_reached_is_refused(
    store: Database, database: Database, tmp_path: Path
) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for place in (loop, loop / "ex", tmp_path / ("long" * 100)):
        attempts: tuple[Callable[[], object], ...] = (
            lambda: export_store(store, place),  # noqa: B023 - called at once
            lambda: import_export(database, place),  # noqa: B023
            lambda: merge_stores(database, [place]),  # noqa: B023
        )
        for attempt in attempts:
            with pytest.raises(StoreError) as caught:
                attempt()
            assert str(place) in str(caught.value)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: largest(folder).write_bytes(b"PAR1"),
        lambda folder: largest(folder).write_bytes(bytes(largest(folder).stat().st_size)),
        lambda folder: largest(folder).unlink(),
        lambda folder: only(folder, "tables/model-*").unlink(),
        lambda folder: only(folder, "tables/model-*").write_bytes(b"PAR1"),
    ],
)
def test_a_damaged_file_is_told_when_it_is_asked(export: Path, spoil: Spoil) -> None:
    before = {path: path.read_bytes() for path in export.rglob("*.parquet")}
    spoil(export)
    (changed,) = (path for path in before if not path.exists() or path.read_bytes() != before[path])
    place = open_database(export, create=False)
    with pytest.raises(StoreError, match=f"^{changed} .*: fetch it again, or export the store"):
        rows(place, "SELECT sum(hash(p)) FROM profile AS p")


def test_an_export_is_only_read(export: Path, store: Database, tmp_path: Path) -> None:
    says = "is an export, which is only read: take it into a store with `embstore import"
    with pytest.raises(StoreError, match=says):
        open_database(export)
    place = open_database(export, create=False)
    for change_it in (
        lambda: write_run(place, make_run()),
        lambda: rename_model(place, NAMES[0], "x"),
        lambda: remove_runs(place, Selection(models=[NAMES[0]])),
        lambda: merge_stores(place, [store.path]),
        lambda: export_store(place, tmp_path / "other"),
    ):
        with pytest.raises(StoreError, match=says):
            change_it()
    with pytest.raises(StoreError, match="was opened with tags"):
        export_store(open_database(store.path, tags=[("lab", "b")]), tmp_path / "other")


def test_only_a_folder_of_its_own_is_taken(store: Database, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("x")
    for name, says in (
        ("full", r"holds something else \(thesis.tex\)"),
        ("file", "is a file: name a folder"),
        ("missing/ex", "is not a folder"),
        ("a*b", r"has \* in it"),
        ("a[b]", r"has \[ in it"),
    ):
        with pytest.raises(StoreError, match=says):
            export_store(store, tmp_path / name)
    assert (tmp_path / "full" / "thesis.tex").read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]


@pytest.mark.parametrize("name", ["it's", "x=1", "two words", "日本", "100%", "a;b", 'a"b'])
def test_any_other_name_of_a_folder_will_do(store: Database, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    folder = export_store(store, tmp_path / name / "ex").folder
    export_store(store, folder)
    assert contents(open_database(folder, create=False)) == contents(store)


def test_two_exports_at_once_take_turns(store: Database, export: Path) -> None:
    from filelock import FileLock

    with (
        FileLock(export / ".embstore.lock"),
        pytest.raises(StoreLockedError, match="written to by another process"),
    ):
        export_store(file_database(store.path, timeout=0.1), export)


def test_the_card_names_the_tables_as_a_hub_reads_them(exported: Path) -> None:
    text = (exported / "README.md").read_text()
    said = metadata_load(exported / "README.md")
    assert said is not None
    configs = {config["config_name"]: config["data_files"] for config in said["configs"]}
    assert next(iter(configs)) == "measurement"
    assert set(configs) == {*FACTS, *NUMBERS}
    with duckdb.connect() as connection:
        for table, pattern in configs.items():
            (n,) = connection.execute(f"SELECT count(*) FROM '{exported / pattern}'").fetchall()[0]
            assert f"| `{table}` | {n:,} |" in text
    assert "`lab/m`" in text


def test_a_card_withstands_the_names_of_strangers() -> None:
    hostile = ["a`b\n# heading", "---\nconfigs: []"]
    card = data_card.data_card(Manifest(), hostile)
    assert card.count("\n---\n") == 1
    assert "\n# heading" not in card


def test_the_hubs_own_library_reads_it(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    for table in ("measurement", "run", "spectrum"):
        found = datasets.load_dataset(
            str(exported), table, split="train", cache_dir=str(tmp_path / "cache")
        )
        place = open_database(exported, create=False)
        assert found.num_rows == counts(place)[table]


def test_croissant_describes_every_column(exported: Path) -> None:
    said = json.loads((exported / "croissant.json").read_text())
    assert said["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    place = open_database(exported, create=False)
    sources = {item["@id"]: item for item in said["distribution"]}
    manifest = read_manifest(exported)
    assert {record["name"] for record in said["recordSet"]} == {*FACTS, *NUMBERS}
    for record in said["recordSet"]:
        table = record["name"]
        columns = place.select(f"SELECT * FROM {table} LIMIT 0").column_names
        assert [field["name"] for field in record["field"]] == columns
        for field in record["field"]:
            (kind,) = field["source"].keys() - {"extract"}
            source = sources[field["source"][kind]["@id"]]
            assert source["containedIn"] == {"@id": "repo"}
            if kind == "fileObject":
                assert source["sha256"] == manifest.tables[table].sha256
                assert (exported / source["contentUrl"]).is_file()
            else:
                assert len(list(exported.glob(source["includes"]))) == 3


SOME = st.lists(
    st.sampled_from(
        [
            *(make_run(n_layers=1, seed=seed, name=name) for seed in (0, 1) for name in ("x", "y")),
            make_run(n_layers=1, corpus="verse", values=lambda *_: None),
            # Another name: weights of one fingerprint are of one kind of model.
            make_run(name="z", n_layers=1, kind="encoder-decoder", tags={"k": "v"}),
        ]
    ),
    max_size=4,
)


@settings(max_examples=8, deadline=None)
@given(SOME, SOME)
def test_there_and_back_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, first: list[Run], then: list[Run]
) -> None:
    folder = tmp_path_factory.mktemp("back")
    database = new_store(folder / "a.duckdb", first)
    export_store(database, folder / "ex")
    write_runs(database, then)
    export_store(database, folder / "ex")
    back = open_database(folder / "back.duckdb", lazy=True)
    import_export(back, folder / "ex")
    assert (
        contents(back) == contents(database) == contents(open_database(folder / "ex", create=False))
    )
