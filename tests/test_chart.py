import hashlib
import json
import math
import re
import stat
from decimal import Decimal
from pathlib import Path

import altair as alt
import pyarrow as pa
import pytest

from embstore.chart import AnyChart, build_chart, save_chart
from embstore.chart_spec import COLORS, INTERVAL, SHAPES
from embstore.errors import EmbstoreError, QueryError, UsageError
from embstore.question import Question, parse_question
from embstore.types import MetricInfo

NASTY = "</script><img src=x onerror=alert(1)>"
SHARE = MetricInfo("anisotropy", 1, "Anisotropy", "A", "", "1", "1/d", "1", "")
DIMENSION = MetricInfo("twonn", 1, "Intrinsic dimension", "ID", "", "dimensions", "0", "inf", "")


def ask(chart: str = "mark=line x=depth:Q y=value:Q color=series:N dash=scope:N") -> Question:
    text = f"-- title: Profile across layers\n-- chart: {chart}\nSELECT 1"
    return parse_question(text, Path("q.sql"))


def rows(*series: str, metric: str = "anisotropy", top: float = 0.9, n: int = 5) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "series": name,
                "scope": scope,
                "kind": "decoder" if scope == "all" else "encoder",
                "layer": layer,
                "depth": layer / (n - 1),
                "value": top * layer / (n - 1),
                "metric": metric,
            }
            for name in series
            for scope in ("all", "no_sinks")
            for layer in range(n)
        ]
    )


def spec_of(chart: AnyChart) -> dict[str, object]:
    spec: dict[str, object] = json.loads(json.dumps(chart.to_dict()))
    return spec


def find(node: object, key: str) -> list[object]:
    """Every value under ``key``, anywhere in a specification."""
    if isinstance(node, dict):
        return [v for k, v in node.items() if k == key] + [
            found for v in node.values() for found in find(v, key)
        ]
    return [found for item in node for found in find(item, key)] if isinstance(node, list) else []


@pytest.fixture(scope="module")
def chart() -> AnyChart:
    table = rows("lab/a-model-with-a-very-long-name-that-no-legend-may-cut", NASTY)
    return build_chart(ask(), table, metric=SHARE, caption="What the reader sees.")


class TestBuild:
    def test_series_differ_by_colour_and_by_shape(self) -> None:
        names = [f"model {i:02}" for i in range(14)]
        spec = spec_of(build_chart(ask(), rows(*names)))
        (color,) = {json.dumps(c["scale"]) for c in find(spec, "color") if isinstance(c, dict)}
        (shape,) = {json.dumps(c["scale"]) for c in find(spec, "shape") if isinstance(c, dict)}
        pairs = list(zip(json.loads(color)["range"], json.loads(shape)["range"], strict=True))
        assert len(set(pairs)) == len(names)
        assert pairs[0] == (COLORS[0], SHAPES[0])
        assert json.loads(color)["domain"] == names

    def test_axis_of_a_share_runs_from_0_to_1(self) -> None:
        spec = spec_of(build_chart(ask(), rows("a", top=0.11), metric=SHARE))
        assert {json.dumps(y["scale"]) for y in find(spec, "y") if isinstance(y, dict)} == {
            '{"domain": [0, 1]}'
        }

    def test_axis_follows_values_too_small_for_the_full_range(self) -> None:
        spec = spec_of(build_chart(ask(), rows("a", top=0.01), metric=SHARE))
        assert all(y["scale"] == {} for y in find(spec, "y") if isinstance(y, dict))

    def test_axis_title_has_the_metrics_title_and_unit(self) -> None:
        spec = spec_of(build_chart(ask(), rows("a", metric="twonn"), metric=DIMENSION))
        titles = {y["title"] for y in find(spec, "y") if isinstance(y, dict)}
        assert titles == {"Intrinsic dimension [dimensions]"}
        assert spec["title"] == "Intrinsic dimension: profile across layers"

    def test_metric_of_other_rows_names_nothing(self) -> None:
        table = pa.concat_tables([rows("a"), rows("a", metric="twonn")])
        spec = spec_of(build_chart(ask(), table, metric=SHARE))
        assert spec["title"] == "Profile across layers"
        assert "Value" in find(spec, "title")

    def test_names_are_never_cut(self, chart: AnyChart) -> None:
        assert set(map(str, find(spec_of(chart)["config"], "labelLimit"))) == {"0"}

    def test_scopes_are_in_words(self, chart: AnyChart) -> None:
        values = find(spec_of(chart), "scope")
        assert set(map(str, values)) == {"all", "without attention sinks"}

    def test_describes_itself_to_a_screen_reader(self, chart: AnyChart) -> None:
        words = spec_of(chart)["description"]
        assert isinstance(words, str)
        assert words.startswith("Anisotropy: profile across layers. Line chart of Anisotropy again")
        assert words.endswith("What the reader sees.")

    def test_caption_stands_below(self, chart: AnyChart) -> None:
        title = spec_of(chart)["title"]
        assert isinstance(title, dict)
        assert title["text"] == ["What the reader sees."]
        assert title["orient"] == "bottom"
        assert isinstance(chart, alt.VConcatChart)

    def test_missing_values_are_gaps_and_wide_integers_numbers(self) -> None:
        table = pa.table(
            {
                "x": pa.array([Decimal(3), Decimal(4)], pa.decimal128(38, 0)),
                "y": pa.array([math.nan, None]),
            }
        )
        spec = spec_of(build_chart(ask("mark=point x=x:Q y=y:Q"), table))
        (data,) = find(spec, "datasets")
        assert isinstance(data, dict)
        assert list(data.values()) == [[{"x": 3, "y": None}, {"x": 4, "y": None}]]

    def test_axis_may_be_a_parameter(self) -> None:
        text = (
            "-- title: t\n-- param by VARCHAR = 'depth': axis\n"
            "-- chart: mark=line x=$by:Q y=value:Q\nSELECT $by"
        )
        question = parse_question(text, Path("q.sql"))
        x = find(spec_of(build_chart(question, rows("a"))), "x")
        assert {str(c["field"]) for c in x if isinstance(c, dict)} == {"depth"}
        x = find(spec_of(build_chart(question, rows("a"), params={"by": "layer"})), "x")
        assert {str(c["field"]) for c in x if isinstance(c, dict)} == {"layer"}

    def test_facets_make_panels(self) -> None:
        question = ask("mark=line x=depth:Q y=value:Q color=series:N facet=kind:N")
        assert isinstance(build_chart(question, rows("a")), alt.FacetChart)
        captioned = spec_of(build_chart(question, rows("a"), caption="c"))
        assert find(captioned, "column")[0] == {"field": "kind", "title": None, "type": "nominal"}

    def test_a_field_name_is_not_a_path(self) -> None:
        table = pa.table({"a.b[0]": [1.0], "y": [2.0]})
        spec = spec_of(build_chart(ask("mark=bar x=a.b[0]:Q y=y:Q"), table))
        assert "a\\.b\\[0\\]" in find(spec, "field")


def with_intervals(table: pa.Table, half: float | None) -> pa.Table:
    values = table["value"].to_pylist()
    for name, sign in zip(INTERVAL, (-1, 1), strict=True):
        bounds = [None if half is None else value + sign * half for value in values]
        table = table.append_column(name, pa.array(bounds, pa.float64()))
    return table


def marks(spec: dict[str, object]) -> list[object]:
    return [mark["type"] for mark in find(spec, "mark") if isinstance(mark, dict)]


class TestBand:
    def test_the_interval_is_an_area_behind_the_lines(self) -> None:
        spec = spec_of(build_chart(ask(), with_intervals(rows("a", "b"), 0.1), metric=SHARE))
        assert marks(spec) == ["area", "line", "point"]
        layers = spec["layer"]
        assert isinstance(layers, list)
        band, line, _ = (layer["encoding"] for layer in layers)
        assert (band["y"]["field"], band["y2"]["field"]) == ("ci_low", "ci_high")
        # Looks like the line's: one axis, one colour, an area per line and scope.
        assert {**band["y"], "field": "value"} == line["y"]
        assert band["x"] == line["x"]
        assert band["color"] == line["color"]
        assert band["detail"] == [{"field": "scope", "type": "nominal"}]
        assert layers[0]["mark"]["opacity"] <= 0.2
        assert layers[0]["mark"]["clip"] is True
        assert line["color"]["legend"]["symbolOpacity"] == 1
        tips = [tip["title"] for tip in line["tooltip"]]
        assert tips[-2:] == ["Interval, lower end", "Interval, upper end"]

    def test_it_reaches_the_picture(self, tmp_path: Path) -> None:
        save_chart(build_chart(ask(), with_intervals(rows("a", "b"), 0.1)), tmp_path / "a.svg")
        svg = (tmp_path / "a.svg").read_text()
        # Two series in two scopes; a screen reader gets the bounds with each point.
        assert svg.count('opacity="0.15"') == 4
        assert "area mark" not in svg
        assert svg.count("Interval, upper end: ") >= 20

    def test_without_intervals_a_chart_is_as_it_was(self) -> None:
        plain = spec_of(build_chart(ask(), rows("a", "b"), metric=SHARE))
        assert spec_of(build_chart(ask(), with_intervals(rows("a", "b"), None), metric=SHARE)) == (
            plain
        )
        assert marks(plain) == ["line", "point"]

    def test_where_a_bound_or_the_value_is_missing_the_band_has_a_gap(self) -> None:
        table = pa.table(
            {
                "x": [0.0, 1.0, 2.0, 3.0],
                "value": [1.0, None, 3.0, math.nan],
                "ci_low": [0.5, 0.5, None, 0.5],
                "ci_high": [1.5, 1.5, 3.5, 1.5],
            }
        )
        spec = spec_of(build_chart(ask("mark=line x=x:Q y=value:Q"), table))
        (data,) = find(spec, "datasets")
        assert isinstance(data, dict)
        (drawn,) = data.values()
        assert [(row["ci_low"], row["ci_high"]) for row in drawn] == [
            (0.5, 1.5),
            (None, None),
            (None, None),
            (None, None),
        ]

    @pytest.mark.parametrize(
        "chart", ["mark=line x=depth:Q y=layer:Q", "mark=point x=depth:Q y=value:Q"]
    )
    def test_only_a_line_of_the_estimate_has_one(self, chart: str) -> None:
        spec = spec_of(build_chart(ask(chart), with_intervals(rows("a"), 0.1)))
        assert "area" not in marks(spec)
        assert not find(spec, "ci_low")


class TestScales:
    SCALE = "mark=line x=mean_distance:Q y=dimension:Q color=depth:Q facet=series:N detail=state:N"

    def curves(self, n_models: int, nearest: float = 1.0) -> pa.Table:
        return pa.Table.from_pylist(
            [
                {
                    "series": f"model {model}",
                    "state": f"layer {layer}",
                    "depth": layer / 2,
                    "rank": 2**step,
                    "mean_distance": nearest * 2**step,
                    "dimension": 9.0 - step,
                }
                for model in range(n_models)
                for layer in range(3)
                for step in range(4)
            ]
        )

    def test_distances_and_ranks_run_on_a_log_scale(self) -> None:
        for column, base in (("mean_distance", 10), ("rank", 2)):
            question = ask(f"mark=line x={column}:Q y=dimension:Q color=state:N")
            for x in find(spec_of(build_chart(question, self.curves(1))), "x"):
                assert isinstance(x, dict)
                assert (x["scale"]["type"], x["scale"]["base"]) == ("log", base)
                assert x["title"].endswith("(log scale)")

    def test_a_distance_of_zero_has_no_logarithm(self) -> None:
        question = ask("mark=line x=mean_distance:Q y=dimension:Q color=state:N")
        for x in find(spec_of(build_chart(question, self.curves(1, nearest=0.0))), "x"):
            assert isinstance(x, dict)
            assert "type" not in x["scale"]
            assert x["title"] == "Mean distance"

    def test_numbers_in_colour_run_from_dark_to_light(self) -> None:
        spec = spec_of(build_chart(ask(self.SCALE), self.curves(2)))
        colors = [c for c in find(spec, "color") if isinstance(c, dict)]
        assert all(c["scale"]["scheme"]["name"] == "viridis" for c in colors)
        assert all(c["scale"]["domain"] == [0, 1] for c in colors)
        # A shape per number would mean nothing.
        assert find(spec, "shape") == []
        assert spec["description"] == (
            "Profile across layers. Line chart of Intrinsic dimension against Mean distance, "
            "24 values, for model 0, model 1."
        )

    def test_every_panel_has_its_own_distances(self) -> None:
        spec = spec_of(build_chart(ask(self.SCALE), self.curves(2)))
        assert spec["resolve"] == {"scale": {"x": "independent"}}
        ranks = ask(self.SCALE.replace("mean_distance", "rank"))
        assert "resolve" not in spec_of(build_chart(ranks, self.curves(2)))

    def test_many_panels_are_wrapped(self) -> None:
        few = spec_of(build_chart(ask(self.SCALE), self.curves(3)))
        many = spec_of(build_chart(ask(self.SCALE), self.curves(4)))
        assert "columns" not in few
        assert many["columns"] == 3
        assert many["facet"] == {"field": "series", "title": None, "type": "nominal"}


class TestRefusals:
    def test_no_chart_line(self) -> None:
        question = parse_question("-- title: t\nSELECT 1", Path("runs.sql"))
        with pytest.raises(QueryError, match="query runs has no chart; print it: embstore query"):
            build_chart(question, rows("a"))

    def test_missing_column_names_file_and_columns(self) -> None:
        with pytest.raises(QueryError, match=r"q\.sql: the chart's y is column 'v'; the query ret"):
            build_chart(ask("mark=line x=depth:Q y=v:Q"), rows("a"))

    def test_no_rows(self) -> None:
        with pytest.raises(QueryError, match="query q: no rows"):
            build_chart(ask(), rows("a").slice(0, 0))

    def test_too_many_rows_suggests_aggregation(self) -> None:
        with pytest.raises(QueryError, match=r"5002 rows, more than the 5000 .* aggregate in SQL"):
            build_chart(ask(), rows("a", n=2501))


class TestSave:
    def test_svg_is_the_same_to_the_byte(self, chart: AnyChart, tmp_path: Path) -> None:
        digests = set()
        for name in ("a.svg", "b.svg"):
            save_chart(chart, tmp_path / name)
            digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
        assert len(digests) == 1
        svg = (tmp_path / "a.svg").read_text()
        assert "<title>Anisotropy: profile across layers</title>" in svg
        assert "What the reader sees.</desc>" in svg
        assert "<img" not in svg

    def test_html_holds_everything_and_loads_nothing(self, chart: AnyChart, tmp_path: Path) -> None:
        save_chart(chart, tmp_path / "a.html")
        page = (tmp_path / "a.html").read_text()
        assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
        assert "<title>Anisotropy: profile across layers</title>" in page
        assert not re.findall(r"(?:src|href)\s*=\s*[\"']?\s*(?:https?:)?//", page)
        assert not re.findall(r"\b(?:import|fetch|load)\s*\(\s*[\"'`]https?:", page)
        # Namespaces, schema names and a link in a message; no content network.
        hosts = set(re.findall(r"https?://([\w.-]+)", page))
        assert hosts <= {"www.w3.org", "vega.github.io", "github.com"}
        # Three scripts, each ended once: the model's name ends none.
        assert page.count("<script") == page.count("</script") == 3
        spec = re.search(r'id="spec">(.*?)</script>', page, re.DOTALL)
        assert spec is not None
        assert json.loads(spec[1]) == spec_of(chart)

    @pytest.mark.parametrize(
        ("name", "start"), [("a.png", b"\x89PNG"), ("a.pdf", b"%PDF-"), ("a.JSON", b"{")]
    )
    def test_other_formats(self, chart: AnyChart, tmp_path: Path, name: str, start: bytes) -> None:
        save_chart(chart, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
        assert [path.name for path in tmp_path.iterdir()] == [name]

    @pytest.mark.parametrize("name", ["a.docx", "a"])
    def test_unknown_suffix_names_the_known(
        self, chart: AnyChart, tmp_path: Path, name: str
    ) -> None:
        with pytest.raises(UsageError, match=r"expected \.html, \.svg, \.png, \.pdf, \.json"):
            save_chart(chart, tmp_path / name)

    def test_missing_folder_and_folder_as_file(self, chart: AnyChart, tmp_path: Path) -> None:
        with pytest.raises(EmbstoreError, match=r"cannot write .*: no folder '.*'; create it"):
            save_chart(chart, tmp_path / "nowhere" / "a.json")
        (tmp_path / "b.json").mkdir()
        with pytest.raises(EmbstoreError, match="it is a folder"):
            save_chart(chart, tmp_path / "b.json")

    def test_a_full_disk_keeps_the_old_file(
        self, chart: AnyChart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "a.json").write_text("old")

        def full(path: Path, content: bytes) -> int:
            path.touch()
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(EmbstoreError, match=r"cannot write .*a\.json: no space left on device"):
            save_chart(chart, tmp_path / "a.json")
        assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
        assert (tmp_path / "a.json").read_text() == "old"

    def test_a_link_keeps_pointing_and_a_new_file_is_readable(
        self, chart: AnyChart, tmp_path: Path
    ) -> None:
        (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
        save_chart(chart, tmp_path / "link.json")
        assert (tmp_path / "link.json").is_symlink()
        mode = (tmp_path / "real.json").stat().st_mode
        (tmp_path / "plain").touch()
        assert stat.S_IMODE(mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
