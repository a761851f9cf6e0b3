"""An export at an address answers as its store does, and lets nothing else be read."""

import importlib.util
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from embstore.api.store import open_store
from embstore.asking.ask import find_question, run_question
from embstore.errors import QueryError, StoreError, StoreVersionError
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.exports.export_files import MANIFEST
from embstore.store.exports.exporting import export_store
from embstore.store.writing import write_run
from tests.cli.running import embstore
from tests.range_server import Served, serve
from tests.store.contents import contents, counts
from tests.stores import new_store
from tests.synthetic import make_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Database:
    rng = random.Random(0)
    # One run with many numbers that do not compress, of which a question needs few.
    large = make_run(name="lab/large", n_layers=2500, values=lambda *_: rng.random())
    runs = [make_run(name="lab/a", tags={"lr": "1"}), make_run(name="lab/b", kind="encoder"), large]
    return new_store(tmp_path_factory.mktemp("store") / "embstore.duckdb", runs)


@pytest.fixture(scope="module")
def site(store: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("site")
    export_store(store, site / "geometry")
    (site / "empty").mkdir()
    (site / "secret.parquet").write_bytes(next(site.rglob("model-*.parquet")).read_bytes())
    return site


@pytest.fixture
def served(site: Path) -> Iterator[Served]:
    with serve(site) as server:
        yield server


def at(served: Served, name: str = "geometry") -> str:
    return f"{served.address}/{name}"


def test_it_holds_what_the_store_holds(store: Database, served: Served) -> None:
    assert contents(open_database(at(served), create=False)) == contents(store)


@pytest.mark.parametrize("name", ["layer_profile", "runs", "layers", "peak_layer", "provenance"])
def test_questions_are_answered_as_in_the_store(store: Database, served: Served, name: str) -> None:
    question = find_question(name)
    given = {"models": ["lab/a", "lab/b"]}
    place = open_database(f"{at(served)}/", create=False)
    assert run_question(place, question, given) == run_question(store, question, given)


def test_it_is_put_together_once_and_read_in_parts(site: Path, served: Served) -> None:
    place = open_store(at(served))
    place.sql("SELECT model FROM named_checkpoint")
    asked = len(served.requests)
    place.sql("SELECT model FROM named_checkpoint")
    assert len(served.requests) == asked
    served.sent = 0
    (row,) = place.sql("SELECT max(layer) AS n FROM measurement").to_pylist()
    assert row["n"] == 2500
    numbers = sum(file.stat().st_size for file in site.rglob("measurement.parquet"))
    # Of thirteen columns it is one that is needed, and it compresses well.
    assert served.sent < numbers / 3
    assert {method for method, _ in served.requests} == {"GET", "HEAD"}


def test_nothing_else_can_be_read(site: Path, served: Served, tmp_path: Path) -> None:
    place = open_database(at(served), create=False)
    assert counts(place)["run"] == 3
    before = set(served.requests)
    for sql, says in (
        *(
            (f"SELECT * FROM '{file}'", f'Cannot access file "{file}"')
            for file in (
                f"{served.address}/secret.parquet",
                f"{at(served)}/../secret.parquet",
                f"{at(served)}/{MANIFEST}",
                site / "secret.parquet",
            )
        ),
        (f"SELECT * FROM read_text('{at(served)}/{MANIFEST}')", "read_text is not allowed"),
        (f"COPY (SELECT 1) TO '{tmp_path / 'x.csv'}'", "found COPY"),
        (f"COPY (SELECT 1) TO '{served.address}/x.csv'", "found COPY"),
        (f"ATTACH '{served.address}/x.duckdb'", "found ATTACH"),
        ("SET allowed_paths = ['/etc/passwd']", "found SET"),
        ("SET ca_cert_file = '/etc/passwd'", "found SET"),
        ("CREATE SECRET (TYPE http)", "found CREATE"),
    ):
        with pytest.raises(QueryError, match=says):
            place.select_untrusted(sql)
    assert set(served.requests) == before
    assert list(tmp_path.iterdir()) == []


def test_tags_choose_runs(served: Served) -> None:
    chosen = open_store(at(served), tags={"lr": "1"})
    assert chosen.query("models").column("model").to_pylist() == ["lab/a"]
    # Of the other runs no file is looked at.
    runs = {path.split("/")[3] for _, path in served.requests if "/runs/" in path}
    assert len(runs) == 1


def test_the_command_line_takes_an_address(store: Database, served: Served) -> None:
    for command in ("ls models", "query layer_profile -p models=lab/a", "compare lab/a lab/b"):
        answers = [embstore(*command.split(), "-s", place) for place in (store.path, at(served))]
        assert answers[1].returncode == 0, answers[1].stderr
        assert answers[0].stdout == answers[1].stdout
    assert f'"store": "{at(served)}"' in embstore("info", "-f", "json", "-s", at(served)).stdout
    assert repr(open_store(at(served))) == "Store('geometry', 3 models, 3 runs)"


def test_it_is_only_read(served: Served) -> None:
    with pytest.raises(StoreError, match="is an export, which is only read"):
        open_database(at(served))
    with pytest.raises(StoreError, match=r"fetch its folder, then .* with `embstore import DIR`$"):
        write_run(open_database(at(served), create=False), make_run())


def test_the_scheme_of_an_address_may_be_in_capitals(served: Served) -> None:
    place = open_database(at(served).replace("http:", "HTTP:"), create=False)
    assert counts(place)["run"] == 3


def test_what_is_no_export_is_told(site: Path, served: Served, tmp_path: Path) -> None:
    shutil.copytree(site / "geometry", site / "newer", dirs_exist_ok=True)
    text = (site / "newer" / MANIFEST).read_text()
    (site / "newer" / MANIFEST).write_text(text.replace('"schema": "0', '"schema": "9'))
    (site / "page").mkdir(exist_ok=True)
    (site / "page" / MANIFEST).write_text("<html>")
    for address, says, kind in (
        (at(served, "empty"), r"no export at .* \(.*404.*\): give the address", StoreError),
        ("http://127.0.0.1:1/x", r"no export at .*Could not connect", StoreError),
        (at(served, "page"), "is not one that embstore wrote", StoreError),
        (at(served, "newer"), "newer than this embstore's", StoreVersionError),
        (f"{at(served)}?download=true", r"has \? in it", StoreError),
    ):
        with pytest.raises(kind, match=says) as caught:
            open_database(address, create=False).select("SELECT 1 AS one")
        assert "\n" not in str(caught.value)


def test_a_file_that_is_gone_is_told(site: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site")
    for gone in ("runs/*/measurement.parquet", "tables/model-*.parquet"):
        next((tmp_path / "site" / "geometry").glob(gone)).unlink()
        with serve(tmp_path / "site") as served:
            place = open_database(at(served), create=False)
            with pytest.raises(StoreError, match="could not be read") as caught:
                place.select("SELECT sum(value) AS n FROM measurement")
        assert at(served) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_certificate_that_nobody_vouches_for_is_refused(site: Path, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with openssl")
    pem = tmp_path / "own.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", pem, "-out", tmp_path / "certificate", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    pem.write_text(pem.read_text() + (tmp_path / "certificate").read_text())
    with (
        serve(site, certificate=pem) as served,
        pytest.raises(StoreError, match=r"no export at https://.*certificate"),
    ):
        open_database(at(served), create=False).select("SELECT 1 AS one")


def test_without_the_extension_it_says_how_to_get_it(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if "httpfs" in name else find(name, *rest),
    )
    # Where DuckDB keeps extensions that it has downloaded.
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(StoreError, match=r"pip install 'embstore\[lake\]'") as caught:
        open_database(at(served), create=False).select("SELECT 1 AS one")
    assert "\n" not in str(caught.value)
    assert served.requests == []
