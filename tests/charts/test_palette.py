import itertools
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from embstore.api.store import Store
from embstore.charts.palette import blended, model_color, palette_of
from embstore.charts.theme import DARK, LIGHT, Theme
from tests.charts.specifications import channels
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, make_run


def table(*lines: tuple[str, str, int | None]) -> pa.Table:
    """One row per line: its name, its model, its step."""
    names = ("series", "model", "step")
    return pa.Table.from_pylist([dict(zip(names, line, strict=True)) for line in lines])


def colors(*lines: tuple[str, str, int | None], models: tuple[str, ...] = ()) -> dict[str, str]:
    names = [line[0] for line in lines]
    return dict(palette_of("series", names, table(*lines), models, LIGHT).colors)


class TestModels:
    STORE = tuple(f"lab/{letter}" for letter in "abcdefghij")

    def test_a_model_keeps_its_colour_whatever_is_beside_it(self) -> None:
        alone = colors(("c", "lab/c", None), models=self.STORE)
        beside = colors(("i", "lab/i", None), ("c", "lab/c", None), models=self.STORE)
        assert alone["c"] == beside["c"] == model_color(2, LIGHT)

    def test_a_model_that_is_added_changes_no_other(self) -> None:
        line = ("c", "lab/c", None)
        assert colors(line, models=self.STORE) == colors(line, models=(*self.STORE, "lab/k"))

    def test_in_its_series_too(self) -> None:
        lines = [("c · prose", "lab/c", None), ("c · verse", "lab/c", None), ("a", "lab/a", None)]
        found = colors(*lines, models=self.STORE)
        assert found["c · prose"] == model_color(2, LIGHT)
        assert len(set(found.values())) == 3

    @pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
    def test_three_times_as_many_models_as_colours_differ(self, theme: Theme) -> None:
        n = 3 * len(theme.colors)
        seen = [bytes.fromhex(model_color(place, theme)[1:]) for place in range(n)]
        assert min(math.dist(one, other) for one, other in itertools.combinations(seen, 2)) > 20

    def test_models_of_one_colour_differ_in_shape(self) -> None:
        models = tuple(f"m{i}" for i in range(42))
        lines = [(name, name, None) for name in models]
        found = palette_of("series", models, table(*lines), models, LIGHT)
        assert len({(found.colors[name], found.shapes[name]) for name in models}) == 42


class TestOrder:
    def test_the_steps_of_one_model_run_from_dark_to_light(self) -> None:
        lines = [(f"m@step{step}", "m", step) for step in (32, 0, 2000)]
        names = [line[0] for line in lines]
        found = palette_of("series", names, table(*lines), ("m",), LIGHT)
        assert found.ordered == (("m@step0", "m@step32", "m@step2000"),)
        assert found.colors["m@step0"] == "#440154"
        assert set(found.shapes.values()) == {"circle"}

    def test_of_several_models_later_steps_are_stronger(self) -> None:
        lines = [(f"{model}@{step}", model, step) for model in "ab" for step in (0, 10, 100)]
        found = colors(*lines, models=("a", "b"))
        assert (found["a@100"], found["b@100"]) == (model_color(0, LIGHT), model_color(1, LIGHT))
        brightness = [sum(bytes.fromhex(found[f"a@{step}"][1:])) for step in (0, 10, 100)]
        assert brightness == sorted(brightness, reverse=True)

    def test_a_line_over_many_steps_has_no_place_among_them(self) -> None:
        lines = [("a", "a", 0), ("a", "a", 10), ("b", "b", 0)]
        names = ["a", "b"]
        assert palette_of("series", names, table(*lines), ("a", "b"), LIGHT).ordered == ()


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_other_categories_have_no_colour_of_a_model(theme: Theme) -> None:
    kinds = pa.table({"kind": ["decoder"], "status": ["failed"]})
    found = palette_of("kind", ["decoder", "encoder"], kinds, (), theme)
    assert list(found.colors.values()) == list(theme.others[:2])
    states = ["measured", "undefined", "failed", "not measured"]
    found = palette_of("status", states, kinds, (), theme)
    assert list(found.colors.values()) == list(theme.statuses)
    assert not {*theme.others, *theme.statuses} & set(theme.colors)


def test_colours_mix() -> None:
    assert blended("#ff0000", "#0000ff", 0.25) == "#bf0040"


@pytest.mark.slow
def test_a_model_has_one_colour_in_all_charts_of_a_store(tmp_path: Path) -> None:
    day = datetime(2026, 11, 2, tzinfo=UTC)
    # Measured in this order, which is not that of the alphabet.
    runs = [
        make_run(name=f"lab/{letter}", created_at=day + timedelta(hours=i), metrics=ALL_METRICS)
        for i, letter in enumerate("dbca")
    ]
    store = Store(new_store(tmp_path / "four.duckdb", runs))
    expected = {f"lab/{letter}": model_color(i, LIGHT) for i, letter in enumerate("dbca")}
    for name in ("layer_profile", "sink_effect", "peak_layer", "depth_grid", "linearity_profile"):
        for models in (None, ["lab/a", "lab/c"]):
            spec = store.chart(name, models=models).to_dict()
            scales = [channel["scale"] for channel in channels(spec, "color")]
            assert scales
            for scale in scales:
                found = dict(zip(scale["domain"], scale["range"], strict=True))
                assert found == {model: expected[model] for model in models or sorted(expected)}
