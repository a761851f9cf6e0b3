import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from embstore.charts.build import build_chart, save_chart
from tests.charts.specifications import SHARE, ask, channels, find, rows, spec_of


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
            for x in channels(spec_of(build_chart(question, self.curves(1))), "x"):
                assert (x["scale"]["type"], x["scale"]["base"]) == ("log", base)
                assert x["title"].endswith("(log scale)")

    def test_a_distance_of_zero_has_no_logarithm(self) -> None:
        question = ask("mark=line x=mean_distance:Q y=dimension:Q color=state:N")
        for x in channels(spec_of(build_chart(question, self.curves(1, nearest=0.0))), "x"):
            assert "type" not in x["scale"]
            assert x["title"] == "Mean distance"

    def test_numbers_in_colour_run_from_dark_to_light(self) -> None:
        spec = spec_of(build_chart(ask(self.SCALE), self.curves(2)))
        colors = channels(spec, "color")
        assert all(c["scale"]["scheme"]["name"] == "viridis" for c in colors)
        assert all(c["scale"]["domain"] == [0, 1] for c in colors)
        # A shape per number would mean nothing.
        assert find(spec, "shape") == []
        assert spec["description"] == (
            "Profile across layers. Line chart of Intrinsic dimension against Mean distance, "
            "24 values, for model 0, model 1. Intrinsic dimension runs from 6 to 9."
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
        assert many["facet"] == {
            "field": "series",
            "sort": ["model 0", "model 1", "model 2", "model 3"],
            "title": None,
            "type": "nominal",
        }


def steps(*numbers: int) -> pa.Table:
    return pa.table({"step": numbers, "value": [1.0] * len(numbers)})


def x_axis(chart: str, table: pa.Table) -> dict[str, Any]:
    return channels(spec_of(build_chart(ask(chart), table)), "x")[0]


class TestSteps:
    CHART = "mark=line x=step:Q:symlog y=value:Q"

    def test_ticks_are_zero_and_the_powers_of_ten(self) -> None:
        x = x_axis(self.CHART, steps(0, 1, 512, 1000, 143_000))
        assert x["axis"]["values"] == [0, 1, 10, 100, 1000, 10_000, 100_000]
        assert x["scale"] == {"type": "symlog", "constant": 1, "nice": False}
        assert x["title"] == "Training step (log scale)"

    def test_few_decades_have_ticks_between(self) -> None:
        x = x_axis(self.CHART, steps(0, 1000, 2000, 10_000))
        assert x["axis"]["values"] == [0, 1000, 2000, 5000, 10_000]
        # Linear up to the first step: no empty decades between 0 and 1000.
        assert x["scale"]["constant"] == 1000

    @pytest.mark.parametrize("zero", [(), (0,)])
    def test_between_two_round_numbers_ticks_are_the_steps(self, zero: tuple[int, ...]) -> None:
        near = (600, 700, 800, 900)
        assert x_axis(self.CHART, steps(*zero, *near))["axis"]["values"] == [*zero, *near]
        # One round number is no scale either; of many steps a few are enough.
        many = range(1000, 1900, 9)
        values = x_axis(self.CHART, steps(*zero, *many))["axis"]["values"]
        assert values == [*zero, 1000, 1225, 1450, 1666, 1891]

    def test_labels_are_short_and_each_by_itself(self, tmp_path: Path) -> None:
        chart = build_chart(ask(self.CHART), steps(0, 1, 10, 1000, 100_000))
        save_chart(chart, tmp_path / "a.svg")
        labels = re.findall(r">(\d+k?)</text>", (tmp_path / "a.svg").read_text())
        assert {"0", "1", "10", "1k", "100k"} <= set(labels)

    def test_without_a_scale_steps_are_evenly_spaced(self) -> None:
        x = x_axis("mark=line x=step:Q y=value:Q", steps(0, 1000, 143_000))
        assert "type" not in x["scale"]

    def test_all_at_zero_is_no_logarithm(self) -> None:
        x = x_axis(self.CHART, steps(0, 0))
        assert "type" not in x["scale"]


def test_rows_of_names_stand_as_the_answer_orders_them() -> None:
    table = pa.table({"layer": [0, 0], "run": ["step9", "step10"], "value": [1.0, 2.0]})
    spec = spec_of(build_chart(ask("mark=rect x=layer:O y=run:O color=value:Q"), table))
    (y,) = {json.dumps(y, sort_keys=True) for y in find(spec, "y")}
    assert json.loads(y)["sort"] is None


def test_layers_rise() -> None:
    table = pa.table({"layer": [0, 1], "step": [1, 1], "value": [1.0, 2.0]})
    spec = spec_of(build_chart(ask("mark=rect x=step:O y=layer:O color=value:Q"), table))
    assert all(y["sort"] == "descending" for y in channels(spec, "y"))


class TestWholeNumbers:
    """An axis of whole numbers has its ticks at whole numbers, however few there are."""

    def test_two_layers_have_three_ticks(self) -> None:
        question = ask("mark=line x=layer:Q y=value:Q color=series:N")
        for x in channels(spec_of(build_chart(question, rows("a", n=3))), "x"):
            assert x["axis"]["values"] == [0, 1, 2]
            assert x["axis"]["format"] == "d"

    def test_the_ticks_drawn_are_whole(self, tmp_path: Path) -> None:
        question = ask("mark=line x=layer:Q y=value:Q color=series:N")
        for n in (2, 3, 6, 12):
            save_chart(build_chart(question, rows("a", n=n)), tmp_path / "c.svg")
            labels = re.findall(r"<text[^>]*>([0-9]+)</text>", (tmp_path / "c.svg").read_text())
            assert labels == sorted(set(labels), key=int)
            assert labels[0] == "0"
            assert int(labels[-1]) <= n - 1

    def test_few_whole_numbers_on_a_log_scale(self) -> None:
        table = pa.table({"rank": [1, 2, 3], "y": [0.5, 1.5, 2.5]})
        spec = spec_of(build_chart(ask("mark=point x=rank:Q y=y:Q"), table))
        (x,) = channels(spec, "x")
        assert (x["scale"]["type"], x["axis"]["values"]) == ("log", [1, 2, 3])

    def test_fractions_and_many_numbers_are_left_to_vega(self) -> None:
        for values in ([0.0, 1.0, 2.0], [0, 10, 20]):
            table = pa.table({"x": values, "y": [0.5, 1.5, 2.5]})
            spec = spec_of(build_chart(ask("mark=point x=x:Q y=y:Q"), table))
            (x,) = channels(spec, "x")
            assert "values" not in x["axis"]


class TestFarNumbers:
    """Values far from those an axis is made for."""

    @pytest.mark.parametrize("top", [3e9, 1.5, -0.2])
    def test_an_axis_of_shares_follows_what_is_no_share(self, top: float, tmp_path: Path) -> None:
        dumbbell = ask("mark=dumbbell x=at_peak:Q x2=at_peak_no_sinks:Q y=series:N color=series:N")
        table = pa.table(
            {
                "series": ["a", "b"],
                "at_peak": [top, 0.5],
                "at_peak_no_sinks": [0.1, 0.2],
                "metric": ["anisotropy"] * 2,
            }
        )
        line = build_chart(ask(), rows("a", top=top), metric=SHARE)
        for chart, key in ((line, "y"), (build_chart(dumbbell, table, metric=SHARE), "x")):
            assert all("domain" not in axis["scale"] for axis in channels(spec_of(chart), key))
            save_chart(chart, tmp_path / "a.png")

    def test_depths_beyond_the_model_are_drawn(self) -> None:
        table = pa.table({"depth": [0.0, 4e9], "value": [1.0, 2.0], "series": ["a", "a"]})
        chart = build_chart(ask("mark=line x=depth:Q y=value:Q color=series:N"), table)
        assert all("domain" not in x["scale"] for x in channels(spec_of(chart), "x"))

    @pytest.mark.parametrize(("top", "written"), [(2e-9, "2e−9"), (2e12, "2e12")])
    def test_ticks_are_no_rows_of_zeros(self, top: float, written: str, tmp_path: Path) -> None:
        save_chart(build_chart(ask(), rows("a", top=top)), tmp_path / "a.svg")
        svg = (tmp_path / "a.svg").read_text()
        assert f">{written}</text>" in svg
        assert "000000" not in "".join(re.findall(r">([^<]*)</text>", svg))


class TestPairs:
    CHART = "mark=rect x=neighbor:N y=series:N color=distance:Q"

    def pairs(self, n: int, nearest: int) -> pa.Table:
        return pa.Table.from_pylist(
            [
                {"series": f"m{i:02}", "neighbor": f"m{j:02}", "distance": 1.0 + j, "rank": rank}
                for i in range(n)
                for rank, j in enumerate(sorted(range(n), key=lambda j: abs(i - j))[1:], 1)
                if rank <= nearest
            ]
        )

    def test_what_is_not_asked_for_is_said(self) -> None:
        texts = find(spec_of(build_chart(ask(self.CHART), self.pairs(12, 10))), "text")
        (some,) = (text for text in texts if isinstance(text, list))
        assert " ".join(some) == (
            "Grey: not among the 10 nearest of the row's model (nearest=11 draws all), or not "
            "measured alike."
        )
        assert "nearest" not in str(
            spec_of(build_chart(ask(self.CHART), self.pairs(12, 11)))["title"]
        )

    def test_columns_of_many_models_are_named(self, tmp_path: Path) -> None:
        save_chart(build_chart(ask(self.CHART), self.pairs(40, 10)), tmp_path / "a.svg")
        svg = (tmp_path / "a.svg").read_text()
        assert all(svg.count(f">m{i:02}</text>") == 2 for i in range(40))
