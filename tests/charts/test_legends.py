import re
from pathlib import Path

import pyarrow as pa
import pytest

from embstore.asking.question import parse_question
from embstore.charts.build import build_chart, save_chart
from tests.charts.specifications import ask, channels, find, rows, spec_of

# The place and the name of an entry of a legend, as SVG has them.
ENTRY = re.compile(
    r'<g transform="translate\(([\d.]+),([\d.]+)\)"><path class="background"[^>]*/>'
    r'<g><g class="mark-symbol role-legend-symbol".*?<text[^>]*>(\d\dx+)</text>'
)


class TestMany:
    def test_the_legend_says_how_to_ask_for_fewer(self) -> None:
        names = [f"model {i:02}" for i in range(9)]
        text = (
            "-- title: t\n-- param models VARCHAR[] = NULL: which\n"
            "-- chart: mark=line x=depth:Q y=value:Q color=series:N dash=scope:N\nSELECT $models"
        )
        question = parse_question(text, Path("q.sql"))
        many = spec_of(build_chart(question, rows(*names)))
        assert "Model (9; for fewer: models=…)" in find(many, "title")
        few = spec_of(build_chart(question, rows(*names[:8])))
        assert "Model" in find(few, "title")
        # A question that takes no models says nothing.
        assert "Model" in find(spec_of(build_chart(ask(), rows(*names))), "title")

    def test_of_one_model_fewer_revisions_are_asked_for(self) -> None:
        names = [f"model@step{i}" for i in range(9)]
        text = (
            "-- title: t\n-- param models VARCHAR[] = NULL: which\n"
            "-- param revisions VARCHAR[] = NULL: which\n"
            "-- chart: mark=line x=depth:Q y=value:Q color=series:N dash=scope:N\nSELECT $models"
        )
        question = parse_question(text, Path("q.sql"))

        def title(models: list[str]) -> list[object]:
            table = rows(*names)
            per_series = table.num_rows // len(names)
            column = [model for model in models for _ in range(per_series)]
            return find(
                spec_of(build_chart(question, table.append_column("model", [column]))), "title"
            )

        assert "Model (9; for fewer: revisions=…)" in title(["a"] * 9)
        assert "Model (9; for fewer: revisions=…)" in title(["a"] * 6 + ["b"] * 3)
        assert "Model (9; for fewer: models=…)" in title(["a"] * 3 + ["b"] * 3 + ["c"] * 3)

    def test_the_legend_keeps_the_order_of_the_rows(self) -> None:
        names = ["m@step9", "m@step10", "m@step100"]
        spec = spec_of(build_chart(ask(), rows(*names)))
        (domain,) = {tuple(c["scale"]["domain"]) for c in channels(spec, "color")}
        assert list(domain) == names

    def test_no_entry_is_hidden(self, tmp_path: Path) -> None:
        names = [f"model {i:02}" for i in range(40)]
        save_chart(build_chart(ask(), rows(*names)), tmp_path / "a.svg")
        svg = (tmp_path / "a.svg").read_text()
        assert all(f">{name}</text>" in svg for name in names)

    def test_dashes_tell_apart_lines_whose_colours_come_round(self) -> None:
        question = ask("mark=line x=depth:Q y=value:Q color=series:N")
        names = [f"model {i:02}" for i in range(9)]
        (dash,) = find(spec_of(build_chart(question, rows(*names))), "strokeDash")
        assert isinstance(dash, dict)
        looks = list(map(str, dash["scale"]["range"]))
        assert len(set(looks[:7])) == 1
        assert looks[7] == looks[8] != looks[0]
        assert not find(spec_of(build_chart(question, rows(*names[:7]))), "strokeDash")


def test_a_single_series_is_named_unless_its_panel_names_it() -> None:
    spec = spec_of(build_chart(ask("mark=line x=depth:Q y=value:Q color=series:N"), rows("a")))
    assert find(spec, "text") == ["a"]
    spec = spec_of(build_chart(ask("mark=point x=depth:Q y=value:Q color=series:N"), rows("a")))
    assert all(c["legend"] for c in channels(spec, "color"))
    panel = ask("mark=line x=depth:Q y=value:Q color=series:N facet=series:N")
    spec = spec_of(build_chart(panel, rows("a")))
    colors = channels(spec["spec"], "color")
    assert all(c["legend"] is None for c in colors)


def test_names_of_states_always_have_the_same_looks() -> None:
    table = pa.table({"layer": [0, 1], "run": ["a", "a"], "status": ["failed", "measured"]})
    question = ask("mark=rect x=layer:O y=run:O color=status:N shape=status:N")
    spec = spec_of(build_chart(question, table))
    color = channels(spec, "color")[0]
    assert color["scale"]["domain"] == ["measured", "undefined", "failed", "not measured"]


def test_changes_are_drawn_around_zero() -> None:
    table = pa.table({"layer": [0, 1], "metric": ["a", "b"], "change_in_errors": [-3.0, 25.0]})
    question = ask("mark=rect x=layer:O y=metric:N color=change_in_errors:Q")
    spec = spec_of(build_chart(question, table))
    color = channels(spec, "color")[0]
    assert (color["scale"]["domain"], color["scale"]["clamp"]) == ([-10.0, 10.0], True)
    assert color["title"] == "Change in standard errors (±10 and beyond look alike)"


@pytest.mark.slow
@pytest.mark.parametrize("n", [9, 12, 13, 20, 26, 40, 41])
@pytest.mark.parametrize("letters", [2, 7, 20])
def test_legends_are_read_down_their_columns(n: int, letters: int, tmp_path: Path) -> None:
    names = [f"{i:02}{'x' * letters}" for i in range(n)]
    save_chart(build_chart(ask(), rows(*names)), tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    found = re.findall(ENTRY, svg)
    places = sorted((float(x), float(y), name) for x, y, name in found)
    assert [name for _x, _y, name in places] == names


def test_a_legend_of_states_names_those_that_are_there() -> None:
    table = pa.table({"layer": [0, 1], "run": ["a", "a"], "status": ["failed", "measured"]})
    question = ask("mark=rect x=layer:O y=run:O color=status:N shape=status:N")
    for name in ("color", "shape"):
        for channel in channels(spec_of(build_chart(question, table)), name):
            assert channel["legend"]["values"] == ["measured", "failed"]
    # A single one is what the title is about.
    for channel in channels(spec_of(build_chart(question, table.slice(1))), "color"):
        assert channel["legend"] is None


def test_the_legend_of_scopes_names_lines_and_markers(tmp_path: Path) -> None:
    save_chart(build_chart(ask(), rows("a")), tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    assert "all tokens (filled)" in svg
    assert "without attention sinks (hollow)" in svg
    curve = ask("mark=curve x=depth:Q y=value:Q color=series:N dash=scope:N")
    save_chart(build_chart(curve, rows("a")), tmp_path / "b.svg")
    assert "(hollow)" not in (tmp_path / "b.svg").read_text()


def test_long_names_stand_in_lines(tmp_path: Path) -> None:
    names = [f"organisation/{'a-long-name-' * 8}{end}" for end in "ab"]
    for chart in (
        "mark=line x=depth:Q y=value:Q color=series:N dash=scope:N",
        "mark=point x=value:Q y=series:N color=series:N fill=scope:N",
    ):
        save_chart(build_chart(ask(chart), rows(*names)), tmp_path / "a.svg")
        svg = (tmp_path / "a.svg").read_text()
        (width,) = re.findall(r'<svg[^>]* width="(\d+)"', svg)
        assert int(width) < 800
        assert all(f"name-{end}<" in svg for end in "ab")
