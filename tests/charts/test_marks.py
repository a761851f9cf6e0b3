import math
import re
from pathlib import Path

import pyarrow as pa
import pytest

from embstore.charts.build import build_chart, save_chart
from embstore.charts.theme import LIGHT
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


class TestBand:
    def test_the_interval_is_an_area_behind_the_lines(self) -> None:
        spec = spec_of(build_chart(ask(), with_intervals(rows("a", "b"), 0.1), metric=SHARE))
        # The ground of hollow markers, the markers, and the names of the lines.
        assert marks(spec) == ["area", "line", "point", "point", "text", "text"]
        (view,) = parts(spec, "vconcat")
        layers = parts(view, "layer")
        band, line, *_ = (layer["encoding"] for layer in layers)
        assert (band["y"]["field"], band["y2"]["field"]) == ("ci_low", "ci_high")
        # Looks like the line's: one axis, one colour, an area per line and scope.
        assert {**band["y"], "field": "value"} == line["y"]
        assert band["x"] == line["x"]
        assert band["color"] == line["color"]
        assert band["detail"] == [{"field": "scope", "type": "nominal"}]
        assert layers[0]["mark"]["opacity"] <= 0.2
        assert layers[0]["mark"]["clip"] is True
        tips = [tip["title"] for tip in line["tooltip"]]
        assert tips[-2:] == ["Interval, lower end", "Interval, upper end"]

    def test_it_reaches_the_picture(self, tmp_path: Path) -> None:
        save_chart(build_chart(ask(), with_intervals(rows("a", "b"), 0.1)), tmp_path / "a.svg")
        svg = (tmp_path / "a.svg").read_text()
        # Two series in two scopes; a screen reader gets the bounds with each point.
        assert svg.count('opacity="0.15"') == 4
        assert "area mark" not in svg
        assert svg.count("Interval, upper end: ") >= 20

    def test_a_legend_is_not_as_faint_as_the_band(self) -> None:
        names = [f"model {i}" for i in range(8)]
        spec = spec_of(build_chart(ask(), with_intervals(rows(*names), 0.1), metric=SHARE))
        colors = [c["legend"] for c in find(spec, "color") if isinstance(c, dict)]
        assert all(legend["symbolOpacity"] == 1 for legend in colors if legend)
        assert "Bands are 95 % intervals." in str(spec["title"])

    def test_without_intervals_a_chart_is_as_it_was(self) -> None:
        plain = spec_of(build_chart(ask(), rows("a", "b"), metric=SHARE))
        assert spec_of(build_chart(ask(), with_intervals(rows("a", "b"), None), metric=SHARE)) == (
            plain
        )
        assert marks(plain) == ["line", "point", "point", "text", "text"]

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
        "chart", ["mark=line x=depth:Q y=layer:Q", "mark=point x=depth:Q y=layer:Q"]
    )
    def test_only_the_estimate_has_one(self, chart: str) -> None:
        spec = spec_of(build_chart(ask(chart), with_intervals(rows("a"), 0.1)))
        assert "area" not in marks(spec)
        assert not find(spec, "ci_low")

    def test_bands_of_many_layers_are_fainter(self) -> None:
        table = with_intervals(rows("a"), 0.1)
        few = spec_of(build_chart(ask(), table))
        many = spec_of(
            build_chart(ask("mark=line x=depth:Q y=value:Q color=depth:Q detail=scope:N"), table)
        )
        lightness = [
            next(m["opacity"] for m in find(spec, "mark") if isinstance(m, dict))
            for spec in (few, many)
        ]
        assert lightness == [0.15, 0.05]


class TestPoints:
    TABLE = pa.table(
        {
            "series": ["a", "b"],
            "value": [40.0, 70.0],
            "ci_low": [35.0, None],
            "ci_high": [45.0, 75.0],
            "ceiling": [60.0, 60.0],
        }
    )

    def test_the_interval_is_a_bar_through_the_point(self) -> None:
        spec = spec_of(build_chart(ask("mark=point x=value:Q y=series:N"), self.TABLE))
        assert marks(spec) == ["rule", "point"]
        (view,) = parts(spec, "vconcat")
        bar, point = parts(view, "layer")
        assert (bar["encoding"]["x"]["field"], bar["encoding"]["x2"]["field"]) == (
            *("ci_low", "ci_high"),
        )
        assert bar["encoding"]["x"]["title"] == point["encoding"]["x"]["title"]

    def test_it_stands_upright_where_the_estimate_does(self) -> None:
        table = self.TABLE.append_column("size", pa.array([8, 16]))
        spec = spec_of(build_chart(ask("mark=point x=size:Q y=value:Q color=series:N"), table))
        assert marks(spec) == ["rule", "point"]
        (view,) = parts(spec, "vconcat")
        bar, point = parts(view, "layer")
        assert (bar["encoding"]["y"]["field"], bar["encoding"]["y2"]["field"]) == (
            *("ci_low", "ci_high"),
        )
        assert bar["encoding"]["x"] == point["encoding"]["x"]
        assert bar["encoding"]["y"]["title"] == point["encoding"]["y"]["title"]
        assert "Bars are 95 % intervals." in str(spec["title"])

    @pytest.mark.parametrize(
        ("x", "y", "along"), [("value", "series", "x"), ("size", "value", "y")]
    )
    def test_a_bar_over_seeds_has_caps(self, x: str, y: str, along: str) -> None:
        table = self.TABLE.append_column("size", pa.array([8, 16]))
        for end, values in (("seed_low", [None, 60.0]), ("seed_high", [None, 90.0])):
            table = table.append_column(end, pa.array(values, pa.float64()))
        kind = "N" if y == "series" else "Q"
        question = ask(f"mark=point x={x}:Q y={y}:{kind} color=series:N")
        spec = spec_of(build_chart(question, table))
        assert marks(spec) == ["rule", "rule", "tick", "tick", "point"]
        (view,) = parts(spec, "vconcat")
        fields = [layer["encoding"][along]["field"] for layer in parts(view, "layer")]
        assert fields == ["ci_low", "seed_low", "seed_low", "seed_high", "value"]
        assert "Bars with caps are over seeds, the others are 95 % intervals." in str(spec["title"])

    def test_a_rule_marks_a_value_once(self, tmp_path: Path) -> None:
        chart = build_chart(ask("mark=point x=value:Q y=series:N rule=ceiling:Q"), self.TABLE)
        spec = spec_of(chart)
        assert marks(spec) == ["rule", "rule", "point"]
        at = find(spec, "x")[0]
        assert isinstance(at, dict)
        assert (at["field"], at["aggregate"]) == ("ceiling", "max")
        # The axis keeps one title.
        assert {x["title"] for x in channels(spec, "x")} == {"Value"}
        save_chart(chart, tmp_path / "a.svg")
        assert (tmp_path / "a.svg").read_text().count('stroke-dasharray="5,4"') == 1


class TestCells:
    TABLE = pa.table({"layer": [0, 1], "step": [1, 1], "value": [1.0, None]})

    def test_a_cell_without_a_value_is_grey_and_crossed_out(self, tmp_path: Path) -> None:
        chart = build_chart(ask("mark=rect x=step:O y=layer:O color=value:Q"), self.TABLE)
        spec = spec_of(chart)
        (view,) = parts(spec, "vconcat")
        assert view["view"] == {"fill": LIGHT.empty}
        save_chart(chart, tmp_path / "a.svg")
        svg = (tmp_path / "a.svg").read_text()
        assert svg.count(">×</text>") == 1
        assert "× marks a cell without a value." in svg

    def test_a_whole_map_has_no_crosses_and_no_note(self, tmp_path: Path) -> None:
        table = self.TABLE.slice(0, 1)
        chart = build_chart(ask("mark=rect x=step:O y=layer:O color=value:Q"), table)
        save_chart(chart, tmp_path / "a.svg")
        assert "×" not in (tmp_path / "a.svg").read_text()

    @pytest.mark.parametrize("column", ["value", "distance", "change_in_errors"])
    def test_numbers_in_colour_have_one_legend(self, column: str, tmp_path: Path) -> None:
        table = self.TABLE.rename_columns(["layer", "step", column])
        table = pa.concat_tables([table, table.set_column(2, column, pa.array([2.0, -3.0]))])
        chart = build_chart(ask(f"mark=rect x=step:O y=layer:O color={column}:Q"), table)
        save_chart(chart, tmp_path / "a.svg")
        svg = (tmp_path / "a.svg").read_text()
        assert svg.count("<linearGradient") == 1
        assert svg.count("role-legend-gradient") == 1

    def test_many_names_take_less_room_and_may_go_without_labels(self) -> None:
        names = [f"step{i}" for i in range(100)]
        table = pa.table({"layer": [0] * 100, "run": names, "value": [1.0] * 100})
        spec = spec_of(build_chart(ask("mark=rect x=layer:O y=run:O color=value:Q"), table))
        assert spec["height"] == {"step": 6}
        assert all(y["axis"]["labelOverlap"] == "greedy" for y in channels(spec, "y"))

    def test_states_differ_by_shape_too(self) -> None:
        table = pa.table({"layer": [0, 1], "run": ["a", "a"], "status": ["failed", "measured"]})
        question = ask("mark=rect x=layer:O y=run:O color=status:N shape=status:N")
        spec = spec_of(build_chart(question, table))
        assert marks(spec) == ["rect", "point"]
        (shape,) = channels(spec, "shape")
        assert len(set(shape["scale"]["range"])) == 4
        assert str(spec["description"]).startswith(
            "Profile across layers. Heat map of Status by Layer and Run, 2 values, for failed"
        )

    def test_each_panel_has_its_own_layers_and_steps(self) -> None:
        table = self.TABLE.append_column("series", pa.array(["a", "b"]))
        question = ask("mark=rect x=step:O y=layer:O color=value:Q facet=series:N")
        (view,) = parts(spec_of(build_chart(question, table)), "vconcat")
        assert view["resolve"] == {"scale": {"x": "independent", "y": "independent"}}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_type_is_legible_at_column_width(theme: str, tmp_path: Path) -> None:
    """A chart of one panel, printed 3.4 inches wide, has type of 6 points and more."""
    save_chart(
        build_chart(ask(), rows("lab/decoder", "lab/encoder"), theme=theme), tmp_path / "a.svg"
    )
    svg = (tmp_path / "a.svg").read_text()
    width = int(re.findall(r'<svg[^>]* width="(\d+)"', svg)[0])
    smallest = min(float(size) for size in re.findall(r'font-size="([\d.]+)px"', svg))
    assert smallest * 3.4 * 72 / width >= 6


def test_panels_are_legible_across_a_page(tmp_path: Path) -> None:
    """Three panels, printed 7 inches wide, likewise."""
    question = ask("mark=line x=depth:Q y=value:Q color=series:N facet=series:N")
    save_chart(build_chart(question, rows("a", "b", "c")), tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    width = int(re.findall(r'<svg[^>]* width="(\d+)"', svg)[0])
    smallest = min(float(size) for size in re.findall(r'font-size="([\d.]+)px"', svg))
    assert smallest * 7 * 72 / width >= 6


def test_points_without_scopes_are_not_hollow() -> None:
    chart = ask("mark=point x=layer:Q y=value:Q color=series:N")
    spec = spec_of(build_chart(chart, rows("a", "b")))
    assert spec["mark"]["filled"]  # type: ignore[index]


def test_curves_have_markers_where_colours_come_round() -> None:
    chart = ask("mark=curve x=depth:Q y=value:Q color=series:N")
    few = spec_of(build_chart(chart, rows(*"abcdefg")))
    assert "point" not in marks(few)
    many = spec_of(build_chart(chart, rows(*"abcdefgh")))
    assert "point" in marks(many)
