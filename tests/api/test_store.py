import copy
import pickle
from pathlib import Path

import altair as alt
import pyarrow as pa
import pytest

from embstore.api.store import Store, open_store
from embstore.errors import QueryError, StoreError, UsageError
from embstore.store.connection import open_database
from embstore.store.migration import HEAD
from embstore.store.writing import write_run
from tests.stores import new_store
from tests.synthetic import make_run


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("api") / "embstore.duckdb"
    new_store(
        path,
        [
            make_run(name="lab/decoder"),
            make_run(name="lab/encoder", kind="encoder"),
        ],
    )
    return open_store(path)


def test_repr_says_what_is_there(store: Store) -> None:
    assert repr(store) == "Store('embstore.duckdb', 2 models, 2 runs)"
    assert store.path.name == "embstore.duckdb"


def test_query_takes_python_values(store: Store) -> None:
    table = store.query("layer_profile", metric="twonn", models=["lab/encoder"], scopes=["all"])
    assert isinstance(table.table, pa.Table)
    # The synthetic encoder's dimension is 12 plus a thousandth of the layer.
    expected = [12.0, 12.001, 12.002, 12.003, 12.004]
    assert table.column("value").to_pylist() == pytest.approx(expected)


def test_a_parameter_may_be_called_name(store: Store, tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text("-- title: t\n-- param name VARCHAR: n\nSELECT $name AS said")
    own = open_store(store.path, queries=[tmp_path])
    assert own.query("q", name="x").to_pylist() == [{"said": "x"}]
    assert store.sql("SELECT $text AS a, $name AS b", text=1, name=2).num_rows == 1


def test_sql_reads_and_cannot_write(store: Store) -> None:
    text = "SELECT count(DISTINCT model) AS n FROM profile WHERE metric = $metric"
    assert store.sql(text, metric="anisotropy").to_pylist() == [{"n": 2}]
    with pytest.raises(QueryError, match="must be a SELECT"):
        store.sql("DELETE FROM measurement")
    with pytest.raises(UsageError, match="no value for metric"):
        store.sql(text)


@pytest.mark.slow
def test_chart_is_altairs_and_knows_the_metric(store: Store) -> None:
    chart = store.chart("layer_profile", metric="twonn", by="layer")
    assert isinstance(chart, alt.VConcatChart)
    spec = chart.to_dict()
    (view,) = spec["vconcat"]
    assert view["title"] == "Intrinsic dimension (TwoNN): profile across layers"
    assert view["layer"][0]["encoding"]["x"]["field"] == "layer"
    assert "256 tokens of example-text in 4 windows." in " ".join(spec["title"]["text"])
    for name, kind in (("encoder_vs_decoder", alt.FacetChart), ("peak_layer", alt.LayerChart)):
        assert isinstance(store.chart(name).vconcat[0], kind)


@pytest.mark.slow
def test_a_notebook_shows_the_chart_and_the_store(store: Store, tmp_path: Path) -> None:
    bundle = store.chart("layer_profile")._repr_mimebundle_()
    assert isinstance(bundle, dict)
    # A picture, which needs no network; test_inline_chart has the rest.
    assert bundle["image/svg+xml"].startswith("<svg")
    dark, light = (store.chart("layer_profile", theme=name).to_dict() for name in ("dark", "light"))
    assert dark["config"]["background"] != light["config"].get("background", "white")
    with pytest.raises(UsageError, match=r"unknown chart theme 'red'.*; choose from light, dark"):
        store.chart("layer_profile", theme="red")
    named = open_store(new_store(tmp_path / "n.duckdb").path)
    write_run(open_database(named.path), make_run(name="lab/<b>"))
    shown = named._repr_html_()
    assert "lab/&lt;b&gt;" in shown
    assert "<b>" not in shown
    assert "2026-11-02 09:30 UTC" in shown


@pytest.mark.slow
def test_an_answer_draws_itself(store: Store) -> None:
    answer = store.query("layer_profile", metric="twonn", by="layer")
    drawn = store.chart("layer_profile", metric="twonn", by="layer", theme="dark")
    for same in (answer, copy.copy(answer), pickle.loads(pickle.dumps(answer))):
        assert same.plot(theme="dark").to_dict() == drawn.to_dict()
    with pytest.raises(QueryError, match="question runs has no chart"):
        store.query("runs").plot()
    with pytest.raises(QueryError, match=r"only the answer to a question has a chart: save the"):
        store.sql("SELECT 1 AS x").plot()


def test_models_and_questions_are_listed(store: Store, tmp_path: Path) -> None:
    assert store.models["model"].to_pylist() == store.query("models")["model"].to_pylist() != []
    (tmp_path / "mine.sql").write_text("-- title: Mine\n-- doc: D\nSELECT 1 AS x\n")
    (tmp_path / "broken.sql").write_text("-- chart: x\nSELECT 1\n")
    listed = Store(store._database, queries=[tmp_path]).queries
    names = listed["name"].to_pylist()
    assert set(names) == {*store.queries["name"].to_pylist(), "mine"}
    assert listed.to_pylist()[names.index("mine")]["title"] == "Mine"


def test_compare_takes_one_metric_or_several(store: Store) -> None:
    one = store.compare("lab/decoder", "lab/encoder", metric="twonn", scope="all")
    several = store.compare("lab/decoder", "lab/encoder", metric=["twonn"], scope=["all"])
    assert one.table.equals(several.table)
    assert one.notes[0].startswith("A is lab/decoder@main, run ")
    assert one.to_pylist()[0]["difference"] == pytest.approx(4.0)
    with pytest.raises(QueryError, match="did you mean lab/encoder"):
        store.compare("lab/decoder", "lab/encode")


def test_reasons_stand_beside_missing_values(store: Store) -> None:
    asked = store.query("layer_profile", metric="twonn")
    assert asked.column_names.index("reason") > asked.column_names.index("value") + 1
    told = store.with_reasons(asked)
    assert told.column_names.index("reason") == told.column_names.index("value") + 1
    assert told["reason"].null_count == told.num_rows


@pytest.mark.slow
def test_stores_are_merged_and_exported_and_asked_as_folders(store: Store, tmp_path: Path) -> None:
    other = open_store(new_store(tmp_path / "other.duckdb", [make_run(name="lab/third")]).path)
    (told,) = other.merge(store.path, dry_run=True)
    (done,) = other.merge(str(store.path))
    assert told == done
    assert (done.new, done.known) == (2, 0)
    exported = other.export(tmp_path / "ex")
    assert (exported.new, exported.folder) == (3, tmp_path / "ex")
    place = open_store(tmp_path / "ex")
    assert repr(place) == "Store('ex', 3 models, 3 runs)"
    assert place.place == str(tmp_path / "ex")
    assert place.info()["schema_revision"] == other.info()["schema_revision"] == HEAD
    answers = [asked.query("layers", models=["lab/third"]).table for asked in (place, other)]
    assert answers[0] == answers[1]
    back = open_store(new_store(tmp_path / "back.duckdb").path)
    assert back.import_(tmp_path / "ex").new == 3
    assert back.info()["models"] == ["lab/decoder", "lab/encoder", "lab/third"]


@pytest.mark.slow
def test_runs_are_tagged_renamed_and_removed(tmp_path: Path) -> None:
    path = new_store(tmp_path / "s.duckdb", [make_run(name="a"), make_run(name="b")]).path
    store = open_store(path)
    run = str(store.query("runs", models=["a"]).to_pylist()[0]["run_id"])
    assert store.tag(run[:8], {"lr": "0.1", "seed": "1"}) == {"lr": "0.1", "seed": "1"}
    assert store.tag(run, {"seed": None}) == {"lr": "0.1"}
    assert open_store(path, tags={"lr": ["0.1", "0.3"]}).info()["models"] == ["a"]
    store.rename("a", "c")
    assert store.info()["models"] == ["b", "c"]
    told = store.remove(model="c", dry_run=True)
    assert told.runs["run_id"].to_pylist() == [run]
    assert store.remove(run=run).measurements == 54
    assert store.info()["models"] == ["b"]


def test_info_counts(store: Store) -> None:
    info = store.info()
    assert (info["runs"], info["checkpoints"], info["metrics"]) == (2, 2, 3)
    assert info["models"] == ["lab/decoder", "lab/encoder"]
    size = info["size_bytes"]
    assert isinstance(size, int)
    assert size >= store.path.stat().st_size > 0


def test_opening_a_store_that_is_not_there_makes_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store at"):
        open_store(tmp_path / "none.duckdb")
    assert not list(tmp_path.iterdir())


def test_the_environment_names_the_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBSTORE_STORE", str(store.path))
    assert open_store().path == store.path
