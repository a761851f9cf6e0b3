import json
import math
import re
from decimal import Decimal
from pathlib import Path

import altair as alt
import pyarrow as pa
import pytest

from embstore.asking.question import parse_question
from embstore.charts.build import AnyChart, build_chart
from embstore.charts.theme import LIGHT, SHAPES
from embstore.errors import QueryError, UsageError
from tests.charts.specifications import DIMENSION, NASTY, SHARE, ask, channels, find, rows, spec_of


@pytest.fixture(scope="module")
def chart() -> AnyChart:
    table = rows("lab/a-model-with-a-very-long-name-that-no-legend-may-cut", NASTY)
    return build_chart(ask(), table, metric=SHARE, caption="What the reader sees.")


class TestBuild:
    def test_series_differ_by_colour_and_by_shape(self) -> None:
        names = [f"model {i:02}" for i in range(14)]
        spec = spec_of(build_chart(ask(), rows(*names)))
        (color,) = {json.dumps(c["scale"]) for c in channels(spec, "color")}
        (shape,) = {json.dumps(c["scale"]) for c in channels(spec, "shape")}
        pairs = list(zip(json.loads(color)["range"], json.loads(shape)["range"], strict=True))
        assert len(set(pairs)) == len(names)
        assert pairs[0] == (LIGHT.colors[0], SHAPES[0])
        assert json.loads(color)["domain"] == names

    def test_axis_of_a_share_runs_from_0_to_1(self) -> None:
        spec = spec_of(build_chart(ask(), rows("a", top=0.11), metric=SHARE))
        assert {json.dumps(y["scale"]) for y in channels(spec, "y")} == {'{"domain": [0, 1]}'}

    def test_axis_follows_values_too_small_for_the_full_range(self) -> None:
        spec = spec_of(build_chart(ask(), rows("a", top=0.01), metric=SHARE))
        assert all(y["scale"] == {} for y in channels(spec, "y"))

    def test_axis_title_has_the_metrics_title_and_unit(self) -> None:
        spec = spec_of(build_chart(ask(), rows("a", metric="twonn"), metric=DIMENSION))
        titles = {y["title"] for y in channels(spec, "y")}
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
        assert set(map(str, values)) == {"all tokens", "without attention sinks"}

    def test_describes_itself_to_a_screen_reader(self, chart: AnyChart) -> None:
        words = spec_of(chart)["description"]
        assert isinstance(words, str)
        assert words.startswith("Anisotropy: profile across layers. Line chart of Anisotropy again")
        assert "Anisotropy runs from 0 to 0.9." in words
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
                "x": pa.array([Decimal(3), Decimal(4), Decimal(5)], pa.decimal128(38, 0)),
                "y": pa.array([math.nan, None, 1.0]),
            }
        )
        spec = spec_of(build_chart(ask("mark=point x=x:Q y=y:Q"), table))
        (data,) = find(spec, "datasets")
        assert isinstance(data, dict)
        assert list(data.values()) == [
            [{"x": 3, "y": None}, {"x": 4, "y": None}, {"x": 5, "y": 1.0}]
        ]

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
        assert find(captioned, "column")[0] == {
            "field": "kind",
            "sort": ["decoder", "encoder"],
            "title": None,
            "type": "nominal",
        }

    def test_a_title_wider_than_the_chart_is_broken(self) -> None:
        text = f"-- title: {'word ' * 20}\n-- chart: mark=line x=depth:Q y=value:Q\nSELECT 1"
        spec = spec_of(build_chart(parse_question(text, Path("q.sql")), rows("a")))
        assert isinstance(spec["title"], list)
        assert " ".join(spec["title"]) == ("word " * 20).strip()

    def test_the_themes_differ_in_colours_only(self) -> None:
        def without_colours(theme: str) -> str:
            text = json.dumps(spec_of(build_chart(ask(), rows("a", "b"), theme=theme)))
            return re.sub(r"#[0-9a-fA-F]{6}", "#", text)

        assert without_colours("light") == without_colours("dark")

    def test_a_field_name_is_not_a_path(self) -> None:
        table = pa.table({"a.b[0]": [1.0], "y": [2.0]})
        spec = spec_of(build_chart(ask("mark=bar x=a.b[0]:Q y=y:Q"), table))
        assert "a\\.b\\[0\\]" in find(spec, "field")


class TestRefusals:
    def test_no_chart_line(self) -> None:
        question = parse_question("-- title: t\nSELECT 1", Path("runs.sql"))
        with pytest.raises(
            QueryError, match="question runs has no chart; print it: embstore query"
        ):
            build_chart(question, rows("a"))

    def test_missing_column_names_file_and_columns(self) -> None:
        with pytest.raises(
            QueryError, match=r"q\.sql: the chart's y is column 'v'; the question ret"
        ):
            build_chart(ask("mark=line x=depth:Q y=v:Q"), rows("a"))

    def test_no_rows(self) -> None:
        with pytest.raises(QueryError, match="question q: no rows"):
            build_chart(ask(), rows("a").slice(0, 0))

    def test_rows_without_a_number(self) -> None:
        table = pa.table({"x": [1.0, 2.0], "y": pa.nulls(2, pa.float64())})
        with pytest.raises(QueryError, match=r"no row has a value in 'y', so .* embstore query q"):
            build_chart(ask("mark=point x=x:Q y=y:Q"), table)

    def test_unknown_theme_names_the_known(self) -> None:
        with pytest.raises(
            UsageError, match="unknown chart theme 'sepia'; choose from light, dark"
        ):
            build_chart(ask(), rows("a"), theme="sepia")

    def test_unknown_scale_names_the_known(self) -> None:
        text = (
            "-- title: t\n-- param scale VARCHAR = 'cubic': of the axis\n"
            "-- chart: mark=line x=depth:Q:$scale y=value:Q\nSELECT $scale"
        )
        question = parse_question(text, Path("q.sql"))
        with pytest.raises(QueryError, match="'cubic'; expected one of linear, log, symlog"):
            build_chart(question, rows("a"))

    def test_too_many_rows_suggests_aggregation(self) -> None:
        with pytest.raises(QueryError, match=r"5002 rows, more than the 5000 .* aggregate in SQL"):
            build_chart(ask(), rows("a", n=2501))
