"""The titles of charts: what they say where the finding of the seed study holds, and where not."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embstore.api.store import Store
from embstore.asking.ask import find_questions
from embstore.choices import Scope
from embstore.errors import QueryError
from embstore.types import LayerKey, Run
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, make_run

pytestmark = pytest.mark.slow

STEPS = (0, 1, 10, 100, 1000, 10_000)
ERRORS = {"twonn": 0.01, "anisotropy": 0.01}


def title(store: Store, name: str, **params: Any) -> str:
    """What a chart says at its top: what was found, or the question."""
    found = store.chart(name, **params).to_dict()
    (view,) = found.get("vconcat", (found,))
    words = view["title"]
    text = words["text"] if isinstance(words, dict) else words
    return " ".join(text) if isinstance(text, list) else text


def run(
    of_step: Callable[[float, str, LayerKey, Scope, float], float], step: int = 0, **given: object
) -> Run:
    """A run whose numbers depend on how far training is, from 0 to 1."""
    far = math.log10(step + 1) / 4

    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
        return of_step(far, metric, key, scope, depth)

    known = {"revision": f"step{step}", "step": step, "n_layers": 6, "metrics": ALL_METRICS}
    return make_run(**{**known, "values": values, "errors": ERRORS, **given})  # type: ignore[arg-type]


def as_in_the_study(far: float, metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
    """Sinks make a bell that grows; the dimension rises and falls, but for the embedding."""
    if metric == "anisotropy":
        return 0.05 + (0.9 * far if scope == "all" else 0.0) * 4 * depth * (1 - depth)
    if metric == "twonn":
        return 68.0 if key.layer == 0 else 10 + 10 * math.sin(math.pi * far)
    return 0.5


def otherwise(far: float, metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
    """Nothing of it: sinks do nothing, the profile is flat, the dimension only falls."""
    if metric == "twonn":
        return 3.0 if key.layer == 0 else 80 - 60 * far
    return 0.5


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("titles") / "studied.duckdb"
    return Store(new_store(path, [run(as_in_the_study, step, name="lab/m") for step in STEPS]))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("titles") / "other.duckdb"
    return Store(new_store(path, [run(otherwise, step, name="lab/m") for step in STEPS]))


@pytest.mark.parametrize(
    ("name", "params", "holds", "does_not"),
    [
        (
            "layer_profile",
            {"revisions": ["step10000"]},
            "Without attention sinks, anisotropy in m falls from 0.95 to 0.050 at layer 3 (depth "
            "0.5); its peak is then 0.050, at layer 0 (depth 0)",
            "Anisotropy: profile across layers",
        ),
        (
            "layer_profile",
            {},
            "Without attention sinks, anisotropy falls at the peaks of 5 of 6 profiles, most in "
            "m@step10000: from 0.95 to 0.050 at layer 3 (depth 0.5)",
            "Anisotropy: profile across layers",
        ),
        (
            "sink_effect",
            {},
            "Attention sinks raise anisotropy at the peaks of 5 of 6 profiles, most in "
            "m@step10000: from 0.050 to 0.95 at layer 3",
            "Without attention sinks, no peak of anisotropy changes by more than a tenth",
        ),
        (
            "phases",
            {},
            "Intrinsic dimension (TwoNN) of m rises from 10.0 at step 0 to 20.0 at step 100, then "
            "falls to 10.0 at step 10,000",
            "Intrinsic dimension (TwoNN) of m falls from 80.0 at step 0 to 20.0 at step 10,000",
        ),
        (
            "dimension_by_step",
            {},
            "The mean intrinsic dimension (TwoNN) over the blocks of m rises from 10.0 at step 0 "
            "to 20.0 at step 100, then falls to 10.0 at step 10,000",
            "The mean intrinsic dimension (TwoNN) over the blocks of m falls from 80.0 at step 0 "
            "to 20.0 at step 10,000",
        ),
        (
            "dimension_ceiling",
            {},
            "No dimension exceeds 60: the highest is 20.0 (m, layer 1)",
            "The dimension exceeds 60: 80.0 (m, layer 1)",
        ),
        (
            "dimension_ceiling",
            {"ceiling": 20.1},
            "It is open whether a dimension exceeds 20.1: the highest is 20.0 (m, layer 1)",
            "The dimension exceeds 20.1: 80.0 (m, layer 1)",
        ),
        (
            "anisotropy_by_step",
            {},
            "The maximum of anisotropy over the layers of m rises from 0.050 at step 0 to 0.95 at "
            "step 10,000",
            "The maximum of anisotropy over the layers of m stays at 0.50 from step 0 to "
            "step 10,000",
        ),
        (
            "checkpoint_changes",
            {"metric": "twonn"},
            "No change exceeds 3 standard errors",
            "twonn changed by more than 3 standard errors, most clearly in layer 1 of m · step0 to "
            "step10000: from 80.0 to 20.0",
        ),
        ("coverage", {}, "Everything is measured", "Everything is measured"),
    ],
)
def test_says_what_the_rows_show(
    studied: Store, other: Store, name: str, params: dict[str, object], holds: str, does_not: str
) -> None:
    assert title(studied, name, **params) == holds
    assert title(other, name, **params) == does_not


@pytest.mark.parametrize("metric", ["anisotropy", "twonn"])
def test_charts_agree_where_sinks_matter(metric: str, studied: Store) -> None:
    def count(name: str) -> list[str]:
        return re.findall(r"the peaks of (.* profiles)", title(studied, name, metric=metric))

    found = [count(name) for name in ("layer_profile", "encoder_vs_decoder", "sink_effect")]
    assert found == [found[0]] * 3


@pytest.mark.parametrize("name", ["dimension_by_step", "dimension_heatmap"])
def test_of_some_layers_no_mean_over_the_blocks_is_told(studied: Store, name: str) -> None:
    assert title(studied, name).startswith("The mean intrinsic dimension (TwoNN) over the blocks")
    assert title(studied, name, layers=[1, 2]).startswith("Intrinsic dimension (TwoNN): layer by")


def test_a_change_without_errors_is_not_called_none(tmp_path: Path) -> None:
    known = {"name": "lab/m", "errors": {"twonn": 0.01}}
    runs = [run(as_in_the_study, step, **known) for step in (0, 10_000)]
    store = Store(new_store(tmp_path / "errors.duckdb", runs))
    assert re.fullmatch(
        r"No change exceeds 3 standard errors; \d+ more have no standard errors",
        title(store, "checkpoint_changes"),
    )


def test_the_shapes_of_profiles_without_errors_stay_open(tmp_path: Path) -> None:
    runs = [make_run(name=f"lab/{letter}", errors={}) for letter in "abcd"]
    store = Store(new_store(tmp_path / "open.duckdb", runs))
    assert title(store, "bell_shape") == (
        "Without standard errors it cannot be decided whether any of 4 profiles is a bell"
    )


def test_the_question_stands_below_the_finding(studied: Store) -> None:
    (view,) = studied.chart("sink_effect").to_dict()["vconcat"]
    assert view["title"]["subtitle"] == "Anisotropy: what sinks do to the peak"


def test_a_question_of_ones_own_is_titled_by_itself(studied: Store, tmp_path: Path) -> None:
    text = find_questions()["sink_effect"].sql.replace("What sinks do", "Mine")
    (tmp_path / "sink_effect.sql").write_text(text)
    mine = Store(studied._database, queries=[tmp_path])
    assert title(mine, "sink_effect") == "Anisotropy: mine to the peak"


UNUSUAL: dict[str, list[Run]] = {
    "one layer": [make_run(name="lab/tiny", n_layers=1, metrics=ALL_METRICS)],
    "no values": [make_run(values=lambda *_: None, metrics=ALL_METRICS)],
    "values here and there": [
        make_run(
            n_layers=6,
            values=lambda metric, key, scope, depth: (
                None if key.layer % 2 or scope == "no_sinks" else depth
            ),
            metrics=ALL_METRICS,
        )
    ],
    "many models": [
        make_run(name=f"lab/{i}", kind="encoder" if i % 3 else "decoder", metrics=ALL_METRICS)
        for i in range(21)
    ],
    "long names": [
        make_run(name=f"organisation/{'a-very-long-name-' * 6}{i}", metrics=ALL_METRICS)
        for i in range(3)
    ],
    "negative numbers": [make_run(values=lambda *_: -1.5, metrics=ALL_METRICS)],
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_stores_are_drawn_or_refused(name: str, tmp_path: Path) -> None:
    store = Store(new_store(tmp_path / "unusual.duckdb", UNUSUAL[name]))
    titles: list[str] = []
    refusals: dict[str, str] = {}
    for question in find_questions().values():
        if question.encoding is None:
            continue
        try:
            titles.append(title(store, question.name))
        except QueryError as error:
            refusals[question.name] = str(error)
    assert all(said.startswith(f"question {asked}: ") for asked, said in refusals.items())
    assert len(titles) >= 2
    assert all(said and not re.search(r"\b(None|nan|inf)\b", said) for said in titles)


def test_two_models_have_no_nearest(tmp_path: Path) -> None:
    runs = [make_run(name=f"lab/{letter}") for letter in "abc"]
    store = Store(new_store(tmp_path / "three.duckdb", runs))
    assert title(store, "nearest_models").startswith("Most alike are ")
    with pytest.raises(QueryError, match=r"fewer than 3 models .* embstore compare A B"):
        store.chart("nearest_models", models=["lab/a", "lab/b"])
