"""Bands over seeds in charts: drawn, told apart from intervals, named and coloured."""

from pathlib import Path

import pyarrow as pa
import pytest

from embstore.api.store import Store, open_store
from embstore.charts.build import build_chart, save_chart
from embstore.charts.chart_data import SEED_BAND
from embstore.charts.palette import model_color
from embstore.charts.theme import LIGHT
from embstore.choices import Scope
from embstore.types import LayerKey
from tests.charts.specifications import (
    SHARE,
    ask,
    channels,
    find,
    marks,
    parts,
    rows,
    spec_of,
    with_intervals,
)
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, Values, make_run

pytestmark = pytest.mark.slow


def with_seeds(table: pa.Table, *names: str, half: float = 0.05) -> pa.Table:
    """Give the lines of these names a band over seeds, and no interval."""
    series, values = table["series"].to_pylist(), table["value"].to_pylist()
    for end, sign in zip(SEED_BAND, (-1, 1), strict=True):
        ends = [
            v + sign * half if s in names else None for s, v in zip(series, values, strict=True)
        ]
        table = table.append_column(end, pa.array(ends, pa.float64()))
    n = pa.array([3 if s in names else None for s in series], pa.int64())
    return table.append_column("n_seeds", n)


def test_the_band_is_an_area_with_edges_behind_the_lines() -> None:
    spec = spec_of(build_chart(ask(), with_seeds(rows("a", "b"), "a", "b"), metric=SHARE))
    assert marks(spec)[:4] == ["area", "line", "line", "line"]
    (view,) = parts(spec, "vconcat")
    band, low, high, line, *_ = (layer["encoding"] for layer in parts(view, "layer"))
    assert (band["y"]["field"], band["y2"]["field"]) == SEED_BAND
    assert (low["y"]["field"], high["y"]["field"]) == SEED_BAND
    assert band["color"] == low["color"] == line["color"]
    assert band["detail"] == low["detail"] == [{"field": "scope", "type": "nominal"}]
    tips = [tip["title"] for tip in line["tooltip"]]
    assert tips[-3:] == ["Band over seeds, lower end", "Band over seeds, upper end", "Seeds"]
    assert "Bands are over seeds, not 95 % intervals." in str(spec["title"])


def test_beside_intervals_it_is_told_apart() -> None:
    table = with_seeds(with_intervals(rows("a", "b"), 0.1), "a")
    ci = [
        None if name == "a" else value
        for name, value in zip(
            table["series"].to_pylist(), table["ci_low"].to_pylist(), strict=True
        )
    ]
    table = table.set_column(table.column_names.index("ci_low"), "ci_low", pa.array(ci))
    spec = spec_of(build_chart(ask(), table, metric=SHARE))
    assert marks(spec)[:5] == ["area", "area", "line", "line", "line"]
    assert "Bands with edges are over seeds, the others are 95 % intervals." in str(spec["title"])
    values = [row for found in find(spec, "values") if isinstance(found, list) for row in found]
    drawn = [row for row in values if isinstance(row, dict) and "series" in row]
    assert all((row["ci_low"] is None) == (row["series"] == "a") for row in drawn)
    assert all((row["seed_low"] is None) == (row["series"] == "b") for row in drawn)


def test_without_seeds_a_chart_is_as_it_was() -> None:
    plain = spec_of(build_chart(ask(), with_intervals(rows("a"), 0.1), metric=SHARE))
    table = with_seeds(with_intervals(rows("a"), 0.1))
    assert spec_of(build_chart(ask(), table, metric=SHARE)) == plain


def test_a_line_for_each_layer_has_no_edges() -> None:
    question = ask("mark=line x=depth:Q y=value:Q color=depth:Q detail=scope:N")
    spec = spec_of(build_chart(question, with_seeds(rows("a"), "a"), metric=SHARE))
    assert marks(spec)[:2] == ["area", "line"]


def values(shift: float) -> Values:
    def number(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
        return (12.0 if metric == "twonn" else 0.2) * (1 + shift + depth)

    return number


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    runs = [
        make_run(name="first", values=values(3.0)),
        *(
            make_run(name=f"lab/{i}", values=values(i / 10), tags={"seed_group": "lab/g"})
            for i in range(3)
        ),
        *(
            make_run(
                name=f"run/{i}",
                revision=f"step{n}",
                step=n,
                values=values(i / 10 + n / 100),
                tags={"seed_group": "run"},
            )
            for i in range(3)
            for n in (1, 10, 100)
            if (i, n) != (2, 100)
        ),
    ]
    return open_store(new_store(tmp_path_factory.mktemp("seeds") / "s.duckdb", runs).path)


def test_a_group_has_the_colour_of_its_first_model(store: Store) -> None:
    spec = spec_of(store.chart("layer_profile", models=["first", "lab/g"], scopes="all"))
    scale = channels(spec, "color")[0]["scale"]
    names = store.query("models").column("model").to_pylist()
    assert names[:2] == ["first", "lab/0"]
    assert dict(zip(scale["domain"], scale["range"], strict=True)) == {
        "first": model_color(0, LIGHT),
        "lab/g · 3 seeds": model_color(1, LIGHT),
    }
    single = spec_of(store.chart("layer_profile", models="lab/0", scopes="all"))
    assert channels(single, "color")[0]["scale"]["range"] == [model_color(1, LIGHT)]


@pytest.mark.parametrize("name", ["layer_profile", "encoder_vs_decoder", "depth_grid"])
def test_the_whole_chart_reaches_the_picture(store: Store, name: str, tmp_path: Path) -> None:
    save_chart(store.chart(name, models="lab/g"), tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    assert "lab/g · 3 seeds" in svg
    assert "Bands are over seeds, not 95 % intervals." in " ".join(svg.split())
    assert svg.count("Band over seeds, upper end: ") >= 5 or name == "depth_grid"


def test_a_group_is_one_panel_of_a_heat_map_and_one_point(store: Store) -> None:
    spec = spec_of(store.chart("dimension_heatmap", models="run"))
    assert "run · 3 seeds" in str(spec)
    assert "run/0" not in str(spec)
    assert "Seeds of a group are one panel" in str(spec).replace("', '", " ")
    points = store.chart("mean_by_size", models=["first", "lab/g"], metrics="twonn")
    scale = channels(spec_of(points), "color")[0]["scale"]
    assert dict(zip(scale["domain"], scale["range"], strict=True)) == {
        "first": model_color(0, LIGHT),
        "lab/g · 3 seeds": model_color(1, LIGHT),
    }


def test_both_stacks_have_a_colour_of_their_own(tmp_path: Path) -> None:
    runs = [make_run(name="t5", kind="encoder-decoder"), make_run(name="b")]
    opened = open_store(new_store(tmp_path / "s.duckdb", runs).path)
    scale = channels(spec_of(opened.chart("mean_by_size")), "color")[0]["scale"]
    assert sorted(scale["domain"]) == ["b", "t5 · decoder", "t5 · encoder"]
    assert len(set(scale["range"])) == 3


def test_a_headline_speaks_of_seeds(store: Store) -> None:
    spec = spec_of(store.chart("layer_profile", models="lab/g", scopes="all"))
    assert "Anisotropy in g (3 seeds) is highest at layer 4" in str(find(spec, "text"))


def test_no_headline_tells_what_a_missing_seed_moves(store: Store) -> None:
    uneven = spec_of(store.chart("anisotropy_by_step", models="run"))
    assert "rises" not in str(find(uneven, "text"))
    assert "falls" not in str(find(uneven, "text"))
    even = spec_of(store.chart("anisotropy_by_step", models=["run/0", "run/1"]))
    assert "of run (2 seeds) rises" in str(find(even, "text"))


def test_no_linear_map_is_told_to_explain_what_a_seed_may_lack(tmp_path: Path) -> None:
    runs = [
        make_run(name=f"lab/{i}", metrics=ALL_METRICS, tags={"seed_group": "g"}) for i in range(2)
    ]
    opened = open_store(new_store(tmp_path / "s.duckdb", runs).path)
    spec = spec_of(opened.chart("linearity_profile"))
    assert "explains" not in str(find(spec, "text"))
    single = spec_of(opened.chart("linearity_profile", seeds="single"))
    assert "A linear map explains" in str(find(single, "text"))
