"""Views of their own for what is on another scale, and the markers of scopes."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from embstore.charts.build import build_chart, save_chart
from embstore.errors import UsageError
from tests.charts.specifications import SHARE, ask, channels, find, marks, parts, rows, spec_of


def training(*sites: str) -> pa.Table:
    """Two steps of an embedding at 68 and of a block at 5."""
    found = [
        {"site": site, "step": step, "layer": layer, "value": value, "series": "m", "state": site}
        for site, layer, value in (("embedding", 0, 68.0), ("block", 1, 5.0))
        for step in (1, 10)
        if site in sites
    ]
    return pa.Table.from_pylist(found)


HEAT = "mark=rect x=step:O y=layer:O color=value:Q facet=series:N apart=site:N"
LINES = "mark=line x=step:Q y=value:Q color=layer:Q facet=series:N detail=state:N apart=site:N"


class TestApart:
    def test_each_part_has_its_own_rows_and_scale_the_blocks_above(self, tmp_path: Path) -> None:
        table = training("embedding", "block")
        values = pa.array([68.0, 69.0, 5.0, 6.0])
        chart = build_chart(ask(HEAT), table.set_column(3, "value", values))
        spec = spec_of(chart)
        views = parts(spec, "vconcat")
        datasets = spec["datasets"]
        assert isinstance(datasets, dict)
        shown = [{row["value"] for row in datasets[view["data"]["name"]]} for view in views]
        assert shown == [{5.0, 6.0}, {68.0, 69.0}]
        assert spec["resolve"] == {"scale": {"color": "independent"}}
        save_chart(chart, tmp_path / "a.svg")
        svg = (tmp_path / "a.svg").read_text()
        assert svg.count("<linearGradient") == 2
        assert "Value, blocks" in svg
        assert "Value, embedding" in svg

    def test_a_single_value_has_no_gradient(self, tmp_path: Path) -> None:
        save_chart(build_chart(ask(HEAT), training("embedding", "block")), tmp_path / "a.svg")
        svg = (tmp_path / "a.svg").read_text()
        assert "<linearGradient" not in svg
        assert ">68</text>" in svg

    def test_the_lower_view_is_low_and_has_the_axis_of_both(self) -> None:
        above, below = parts(
            spec_of(build_chart(ask(LINES), training("embedding", "block"))), ("vconcat")
        )
        assert above["spec"]["height"] > 2 * below["spec"]["height"]
        for view, labels, title in ((above, False, None), (below, None, "Training step")):
            x = channels(view, "x")[0]
            assert (x["axis"].get("labels"), x["title"]) == (labels, title)
        assert channels(below, "y")[0]["title"] == "Embedding"
        assert below["facet"]["column"]["header"] == {"labels": False}

    def test_one_part_is_a_chart_as_any_other(self) -> None:
        spec = spec_of(build_chart(ask(HEAT), training("block")))
        assert "vconcat" not in spec
        assert "facet" in spec


SCOPES = pa.table(
    {
        "series": ["a", "a", "b", "b"],
        "scope": ["all", "no_sinks"] * 2,
        "value": [0.9, 0.4, 0.1, 0.1],
        "layer": ["layer 3", "layer 1", "layer 0", "layer 0"],
        "metric": ["anisotropy"] * 4,
    }
)


def said_below(spec: dict[str, object]) -> str:
    """What stands below a chart, its lines joined."""
    lines = spec["title"]["text"]  # type: ignore[index]
    return " ".join(lines)


@pytest.mark.parametrize("mark", ["line", "curve"])
def test_one_scope_other_than_all_tokens_is_said_below(mark: str) -> None:
    question = ask(f"mark={mark} x=depth:Q y=value:Q color=series:N dash=scope:N")
    both = rows("a", "b")
    by_scope = {scope: both.filter(pc.equal(both["scope"], scope)) for scope in ("all", "no_sinks")}
    said = "Tokens counted: without attention sinks."
    assert said in str(spec_of(build_chart(question, by_scope["no_sinks"]))["title"])
    for table in (by_scope["all"], both):
        assert "Tokens counted:" not in str(spec_of(build_chart(question, table))["title"])
    bare = by_scope["all"].drop_columns("scope")
    plain = ask(f"mark={mark} x=depth:Q y=value:Q color=series:N")
    asked = build_chart(plain, bare, params={"scope": "no_sinks"})
    assert said in str(spec_of(asked)["title"])
    # Where something names it there is no need to.
    named = ask(f"mark={mark} x=depth:Q y=value:Q color=series:N facet=scope:N")
    assert "Tokens counted:" not in str(spec_of(build_chart(named, by_scope["no_sinks"]))["title"])


class TestMarkers:
    def test_all_is_filled_and_no_sinks_a_larger_ring(self) -> None:
        chart = ask("mark=point x=value:Q y=series:N color=series:N fill=scope:N")
        spec = spec_of(build_chart(chart, SCOPES))
        for key, values in (("fillOpacity", [1.0, 0.0]), ("size", [80, 220])):
            (channel,) = (c for c in find(spec, key) if isinstance(c, dict))
            assert channel["scale"]["domain"] == ["all tokens", "without attention sinks"]
            assert channel["scale"]["range"] == values
        assert "Filled: all tokens; hollow: without attention sinks." in str(spec["title"])

    def test_looks_are_those_of_the_scope_whichever_come_first(self) -> None:
        chart = ask("mark=point x=value:Q y=series:N color=series:N fill=scope:N")
        spec = spec_of(build_chart(chart, SCOPES.slice(1, 1)))
        (channel,) = (c for c in find(spec, "fillOpacity") if isinstance(c, dict))
        assert channel["scale"]["range"] == [0.0]

    def test_with_labels_each_scope_has_a_row(self) -> None:
        chart = ask("mark=point x=value:Q y=series:N color=series:N fill=scope:N label=layer:N")
        spec = spec_of(build_chart(chart, SCOPES))
        assert "yOffset" in str(spec)
        assert marks(spec) == ["point", "text"]

    def test_a_dumbbell_of_shares_is_on_0_to_1(self) -> None:
        table = pa.table(
            {
                "series": ["a"],
                "at_peak": [0.02],
                "at_peak_no_sinks": [0.01],
                "metric": ["anisotropy"],
            }
        )
        chart = ask("mark=dumbbell x=at_peak:Q x2=at_peak_no_sinks:Q y=series:N color=series:N")
        spec = spec_of(build_chart(chart, table, metric=SHARE))
        assert marks(spec) == ["rule", "point", "point"]
        assert {str(x["scale"]) for x in channels(spec, "x")} == {"{'domain': [0, 1]}"}
        assert "Filled: all tokens; hollow: without attention sinks" in str(spec["title"])

    def test_the_ends_of_another_dumbbell_are_named_by_their_columns(self) -> None:
        table = pa.table({"series": ["a"], "before_tuning": [2.0], "after_tuning": [3.0]})
        chart = ask("mark=dumbbell x=after_tuning:Q x2=before_tuning:Q y=series:N color=series:N")
        said = str(spec_of(build_chart(chart, table))["title"])
        assert "Filled: After tuning; hollow: Before tuning." in said
        assert "sinks" not in said

    def test_the_words_of_fillings_are_what_is_drawn(self) -> None:
        names = ["one", "two", "three", "four"]
        table = pa.table({"series": ["a"] * 4, "kind": names, "value": [1.0, 2.0, 3.0, 4.0]})
        chart = ask("mark=point x=value:Q y=series:N color=series:N fill=kind:N")
        spec = spec_of(build_chart(chart, table))
        (channel,) = (c for c in find(spec, "fillOpacity") if isinstance(c, dict))
        assert channel["scale"]["range"] == [1.0, 0.0, 0.4, 0.7]
        assert "Filled: one; hollow: two; light: three; dark: four." in said_below(spec)

    def test_a_curve_has_no_markers(self) -> None:
        table = pa.table({"depth": [0.0, 0.5, 1.0], "value": [1.0, 2.0, 1.0]})
        assert marks(spec_of(build_chart(ask("mark=curve x=depth:Q y=value:Q"), table))) == ["line"]

    def test_a_far_rule_leaves_the_room_to_the_values(self) -> None:
        table = pa.table({"series": ["a"], "value": [8.0], "ceiling": [60.0]})
        chart = ask("mark=point x=value:Q y=series:N rule=ceiling:Q")
        spec = spec_of(build_chart(chart, table))
        assert marks(spec) == ["point"]
        assert "The ceiling of 60 lies beyond the axis." in str(spec["title"])


def test_panels_with_the_same_rows_name_them_once() -> None:
    table = pa.table(
        {
            "series": ["a", "a", "b", "b"],
            "metric": ["x", "y", "x", "y"],
            "layer": [0, 0, 0, 0],
            "errors": [1.0, 2.0, 3.0, 4.0],
        }
    )
    chart = ask("mark=rect x=layer:O y=metric:N color=errors:Q facet=series:N")
    assert spec_of(build_chart(chart, table))["resolve"] == {"scale": {"x": "independent"}}
    own = {"scale": {"x": "independent", "y": "independent"}}
    assert spec_of(build_chart(chart, table.slice(0, 3)))["resolve"] == own


def test_long_names_of_panels_are_broken(tmp_path: Path) -> None:
    long = "an-organisation/a-model-whose-name-is-much-longer-than-its-panel-is-wide"
    table = pa.table({"series": [long, "b"], "depth": [0.0, 0.0], "value": [1.0, 2.0]})
    chart = build_chart(ask("mark=line x=depth:Q y=value:Q facet=series:N"), table)
    save_chart(chart, tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    assert ">an-organisation/a-model-whose-name-is-</tspan>" in svg
    assert ">much-longer-than-its-panel-is-wide</tspan>" in svg
    assert ">b</text>" in svg


@pytest.mark.parametrize("sign", ["it's", '"a"', "\\ x", "</script>", "α", "\u2028", "\n"])
def test_a_long_name_of_a_panel_may_have_any_letters(sign: str, tmp_path: Path) -> None:
    table = pa.table(
        {"series": [f"{sign} model " * 9, "b"], "depth": [0.0] * 2, "value": [1.0] * 2}
    )
    chart = build_chart(ask("mark=line x=depth:Q y=value:Q facet=series:N"), table)
    save_chart(chart, tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text().count("model") >= 9


def test_panels_stand_in_the_order_of_the_rows(tmp_path: Path) -> None:
    chart = ask("mark=point x=depth:Q y=value:Q facet=series:O")
    for names in (["step 0", "step 32", "step 2000"], [0, 32, 2000], [2000, 32, 0]):
        table = pa.table({"series": names, "depth": [0.5] * 3, "value": [1.5] * 3})
        save_chart(build_chart(chart, table), tmp_path / "a.svg")
        drawn = re.findall(r">((?:step )?[0-9]+)</text>", (tmp_path / "a.svg").read_text())
        shown = [name for name in drawn if name in set(map(str, names))]
        assert shown[:3] == list(map(str, names))


class TestColumns:
    LINES = "mark=line x=step:Q y=value:Q color=layer:Q facet=series:N detail=state:N apart=site:N"

    def test_panels_may_stand_below_each_other(self, tmp_path: Path) -> None:
        table = pa.table(
            {
                "depth": [0.0, 1.0] * 3,
                "value": [0.1, 0.2] * 3,
                "series": ["a"] * 6,
                "measure": ["x", "x", "y", "y", "z", "z"],
            }
        )
        question = ask("mark=line x=depth:Q y=value:Q color=series:N facet=measure:N")
        widths = {}
        for columns in (1, 2, 3):
            path = tmp_path / f"{columns}.svg"
            save_chart(build_chart(question, table, columns=columns), path)
            (width,) = re.findall(r'<svg[^>]* width="(\d+)"', path.read_text())
            widths[columns] = int(width)
        # On a phone of 350 pixels type of 13 is 9 and more.
        assert widths[1] < 350 * 13 / 9 < widths[2] <= widths[3]

    def test_below_each_other_each_view_names_its_panels(self, tmp_path: Path) -> None:
        table = training("embedding", "block")
        other = table.set_column(4, "series", pa.array(["n"] * table.num_rows))
        chart = build_chart(ask(self.LINES), pa.concat_tables([table, other]), columns=1)
        save_chart(chart, tmp_path / "a.svg")
        assert (tmp_path / "a.svg").read_text().count(">n</text>") == 2

    @pytest.mark.parametrize("columns", [0, 4])
    def test_so_many_columns_are_refused(self, columns: int) -> None:
        with pytest.raises(UsageError, match=f"1 to 3 columns of panels, not {columns}"):
            build_chart(ask(HEAT), training("block"), columns=columns)
