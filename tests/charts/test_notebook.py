from collections.abc import Iterator
from typing import Any

import altair as alt
import pytest

from embstore.charts.build import AnyChart, build_chart
from embstore.charts.notebook import (
    InlineChart,
    InlineFacetChart,
    InlineFootedChart,
    InlineHConcatChart,
    InlineLayerChart,
    InlineVConcatChart,
)
from tests.charts.specifications import SHARE, ask, rows, with_intervals


@pytest.fixture(autouse=True)
def default_renderer() -> Iterator[None]:
    with alt.renderers.enable("default"):
        yield


@pytest.fixture(scope="module")
def chart() -> AnyChart:
    return build_chart(ask(), with_intervals(rows("a", "b"), 0.1), metric=SHARE)


def shown(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """What a notebook gets."""
    bundle = chart._repr_mimebundle_(include=None, exclude=None)
    assert isinstance(bundle, dict)
    return bundle


class TestShowing:
    @pytest.mark.slow
    def test_as_svg_with_its_description_and_no_network(self, chart: AnyChart) -> None:
        bundle = shown(chart)
        assert set(bundle) == {"image/svg+xml", "text/plain"}
        svg = bundle["image/svg+xml"]
        assert svg.startswith("<svg")
        assert "<title>Anisotropy: profile across layers</title>" in svg
        assert "http" not in svg.replace("http://www.w3.org/", "")
        assert bundle["text/plain"] == chart.to_dict()["description"]

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("name", "kind"), [("html", "text/html"), ("png", "image/png"), ("svg", "image/svg+xml")]
    )
    def test_a_renderer_that_is_enabled_is_used(
        self, chart: AnyChart, name: str, kind: str
    ) -> None:
        with alt.renderers.enable(name):
            bundle = chart._repr_mimebundle_()
        found = bundle[0] if isinstance(bundle, tuple) else bundle
        assert set(found) == {kind}

    def test_options_for_the_page_ask_for_the_page(self, chart: AnyChart) -> None:
        with alt.renderers.set_embed_options(actions=False):
            assert set(shown(chart)) == {"text/html"}
        assert "image/svg+xml" in shown(chart)

    def test_a_changed_chart_is_shown_so_too(self, chart: AnyChart) -> None:
        changed = chart.properties(title="Another title").configure_axis(grid=False)
        assert "Another title" in shown(changed)["image/svg+xml"]


class TestStayingAltair:
    @pytest.mark.parametrize(
        ("line", "caption", "ours", "theirs"),
        [
            (
                "mark=rect x=layer:O y=series:N color=value:Q",
                None,
                InlineLayerChart,
                alt.LayerChart,
            ),
            ("mark=bar x=value:Q y=series:N", None, InlineChart, alt.Chart),
            ("mark=line x=depth:Q y=value:Q", None, InlineLayerChart, alt.LayerChart),
            ("mark=line x=depth:Q y=value:Q", "c", InlineFootedChart, alt.VConcatChart),
            ("mark=line x=depth:Q y=value:Q facet=kind:N", None, InlineFacetChart, alt.FacetChart),
        ],
    )
    def test_each_shape_has_its_class(
        self, line: str, caption: str | None, ours: type, theirs: type
    ) -> None:
        drawn = build_chart(ask(line), rows("a"), caption=caption)
        assert type(drawn) is ours
        assert isinstance(drawn, theirs)
        assert isinstance(drawn, alt.TopLevelMixin)
        assert shown(drawn)["image/svg+xml"].startswith("<svg")

    @pytest.mark.slow
    def test_the_specification_is_that_of_altair(self, chart: AnyChart) -> None:
        spec = chart.to_dict()
        assert alt.VConcatChart.from_dict(spec).to_dict() == spec
        # Reading a chart gives Altair's own.
        assert alt.Chart.from_dict(spec).__class__.__name__ == "VConcatChart"

    @pytest.mark.parametrize(
        "line",
        [
            "mark=bar x=value:Q y=series:N",
            "mark=line x=depth:Q y=value:Q",
            "mark=line x=depth:Q y=value:Q facet=kind:N",
        ],
    )
    @pytest.mark.parametrize("caption", [None, "c"])
    def test_it_may_be_made_interactive(self, line: str, caption: str | None) -> None:
        drawn = build_chart(ask(line), rows("a"), caption=caption)
        moving = drawn.interactive()
        assert type(moving) is type(drawn)
        (param,) = moving.to_dict()["params"]
        assert param["bind"] == "scales"
        assert shown(moving)["image/svg+xml"].startswith("<svg")

    @pytest.mark.slow
    def test_a_mark_may_be_laid_over_it(self, chart: AnyChart) -> None:
        rule = alt.Chart(alt.InlineData([{"y": 0.5}])).mark_rule().encode(y="y:Q")
        for one, footed in ((chart, True), (build_chart(ask(), rows("a")), False)):
            both = one + rule
            before, after = (
                spec["vconcat"][0] if footed else spec for spec in (one.to_dict(), both.to_dict())
            )
            assert before["layer"] == after["layer"][:-1]
            assert "image/svg+xml" in shown(both)

    def test_what_is_set_is_set_for_the_chart_not_for_its_footer(self, chart: AnyChart) -> None:
        changed = chart.properties(title="Mine.", width=200, description="Words.").to_dict()
        (view,) = changed["vconcat"]
        assert (view["title"], view["width"], changed["description"]) == ("Mine.", 200, "Words.")
        assert changed["title"] == chart.to_dict()["title"]
        assert chart.to_dict()["vconcat"][0]["title"] != "Mine."


class TestJoining:
    @pytest.mark.slow
    def test_beside_and_below(self, chart: AnyChart) -> None:
        captioned = build_chart(ask(), rows("c"), metric=SHARE, caption="What to know.")
        beside, below = chart | captioned, chart & captioned
        assert type(beside) is InlineHConcatChart
        assert type(below) is InlineVConcatChart
        for joined, key in ((beside, "hconcat"), (below, "vconcat")):
            spec = joined.to_dict()
            assert len(spec[key]) == 2
            assert spec["config"] == chart.to_dict()["config"]
            assert not any("config" in view for view in spec[key])
            assert spec["description"].endswith("What to know.")
            bundle = shown(joined)
            assert "What to know." in bundle["image/svg+xml"]
            assert bundle["text/plain"] == spec["description"]

    @pytest.mark.slow
    def test_the_parts_stay_as_they_were(self, chart: AnyChart) -> None:
        before = chart.to_dict()
        assert len((chart | chart | chart).to_dict()["hconcat"]) == 2
        assert chart.to_dict() == before

    def test_with_a_chart_of_altair(self, chart: AnyChart) -> None:
        other = alt.Chart(alt.InlineData([{"x": 1}])).mark_point().encode(x="x:Q")
        assert "image/svg+xml" in shown(chart | other)
        assert (
            "description" in (other.properties(description="Mine.") & other).to_dict()["vconcat"][0]
        )

    def test_what_is_no_chart_is_refused(self, chart: AnyChart) -> None:
        with pytest.raises(TypeError, match="Only chart objects"):
            _ = chart | "text"
