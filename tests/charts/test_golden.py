"""The specification of every built-in chart, as it was when somebody looked at the picture.

A file in ``golden/`` is a chart without its data, and with what it repeats left out: layers
after the first show only the channels in which they differ, tooltips only their titles, and
what all charts of a theme share stands once, in ``config-light.json`` and
``config-dark.json``. Where a change is meant, renew them, look at the pictures, and read
the difference as part of the change::

    EMBSTORE_RENEW_GOLDEN=1 pytest tests/charts/test_golden.py
"""

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from embstore.api.store import Store
from embstore.asking.ask import find_questions
from embstore.charts.theme import THEMES, config_of
from embstore.choices import Scope
from embstore.store.scores import write_scores
from embstore.types import LayerKey
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, Values, make_run, make_scores, with_windows

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parent / "golden"
RENEW = bool(os.environ.get("EMBSTORE_RENEW_GOLDEN"))
CHARTED = sorted(name for name, question in find_questions().items() if question.encoding)
# What the store of most charts has nothing for: a fixture of its own.
OF_THEIR_OWN = {
    "value_by_tokens": "sizes",
    "shuffled_text": "shuffled",
    "loss_correlation": "windows",
    "published": "published",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A decoder at three steps, an encoder, and another decoder."""
    database = new_store(
        tmp_path_factory.mktemp("golden") / "golden.duckdb",
        [
            *(
                make_run(
                    name="lab/decoder",
                    revision=f"step{step}",
                    step=step,
                    n_layers=3,
                    metrics=ALL_METRICS,
                )
                for step in (0, 10, 1000)
            ),
            make_run(name="lab/encoder", kind="encoder", n_layers=2, metrics=ALL_METRICS),
            make_run(name="lab/other", n_layers=4, metrics=ALL_METRICS),
        ],
    )
    return Store(database)


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A decoder that read two amounts: lines over the tokens read need both."""
    runs = [make_run(name="lab/decoder", tokens=n, metrics=ALL_METRICS) for n in (256, 512)]
    return Store(new_store(tmp_path_factory.mktemp("golden") / "sizes.duckdb", runs))


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two models, each over a text as it is and with its words and tokens shuffled."""
    runs = [
        make_run(name=f"lab/{kind}", kind=kind, metrics=ALL_METRICS, shuffle=shuffle)
        for kind in ("decoder", "encoder")
        for shuffle in ("none", "words", "tokens")
    ]
    return Store(new_store(tmp_path_factory.mktemp("golden") / "shuffled.duckdb", runs))


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A decoder whose windows each have a dimension and a loss."""
    run = with_windows(
        make_run(),
        window_twonn_ml=lambda key: (3.0, 1.0 + key.layer, 4.0, 2.5, 2.0),
        window_loss=lambda _key: (3.0, 1.0, 2.0, 4.0, 1.5),
    )
    return Store(new_store(tmp_path_factory.mktemp("golden") / "windows.duckdb", [run]))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A model of a name, and of as many layers, as one that a paper has values of."""
    run = make_run(name="gpt2", n_layers=12, hidden_size=768, metrics=ALL_METRICS)
    return Store(new_store(tmp_path_factory.mktemp("golden") / "published.duckdb", [run]))


def without_repetition(spec: dict[str, Any]) -> dict[str, Any]:
    """Leave out data, configuration, and what a layer has in common with the first."""
    kept = {k: v for k, v in spec.items() if k not in {"$schema", "data", "datasets", "config"}}
    if "spec" in kept:
        kept["spec"] = without_repetition(kept["spec"])
    if "vconcat" in kept:
        kept["vconcat"] = [without_repetition(view) for view in kept["vconcat"]]
    if "encoding" in kept:
        kept["encoding"] = titled_tooltips(kept["encoding"])
    if "layer" in kept:
        layers = [without_repetition(layer) for layer in kept["layer"]]
        first = layers[0]["encoding"]
        for layer in layers[1:]:
            layer["encoding"] = {
                key: value for key, value in layer["encoding"].items() if first.get(key) != value
            }
        kept["layer"] = layers
    return kept


def titled_tooltips(encoding: dict[str, Any]) -> dict[str, Any]:
    if "tooltip" not in encoding:
        return encoding
    return {**encoding, "tooltip": [tip["title"] for tip in encoding["tooltip"]]}


def written(value: object, indent: str = "") -> str:
    """Write JSON with each object on one line where it fits."""
    line = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if len(indent) + len(line) <= 96 or not isinstance(value, dict | list) or not value:
        return line
    deeper = indent + " "
    if isinstance(value, list):
        inner = [deeper + written(item, deeper) for item in value]
        return "[\n" + ",\n".join(inner) + f"\n{indent}]"
    inner = [
        f"{deeper}{json.dumps(key)}: {written(item, deeper)}" for key, item in sorted(value.items())
    ]
    return "{\n" + ",\n".join(inner) + f"\n{indent}}}"


def compare(name: str, found: object) -> None:
    path = GOLDEN / f"{name}.json"
    text = written(found) + "\n"
    if RENEW:
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text)
    assert path.exists(), (
        f"no {path}; renew: EMBSTORE_RENEW_GOLDEN=1 pytest tests/charts/test_golden.py"
    )
    assert text == path.read_text()


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Five decoders, one of them at five steps, all scored."""
    runs = [
        *(make_run(name=f"lab/decoder-{n}", n_layers=n, values=_wavy(n)) for n in (2, 3, 5, 6)),
        *(
            make_run(name="lab/steps", revision=f"step{n}", step=n, values=_wavy(n))
            for n in (0, 10, 100, 1000, 10_000)
        ),
    ]
    database = new_store(tmp_path_factory.mktemp("golden") / "scored.duckdb", runs)
    write_scores(database, make_scores(*runs))
    return Store(database)


def _wavy(n: int) -> Values:
    """Give numbers whose order differs from layer to layer."""

    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
        return 10 + depth + math.sin(n + key.layer)

    return values


@pytest.mark.parametrize("name", CHARTED)
def test_chart_is_as_it_was(request: pytest.FixtureRequest, store: Store, name: str) -> None:
    fixture = "scored" if name.startswith("score_") else OF_THEIR_OWN.get(name)
    asked = request.getfixturevalue(fixture) if fixture else store
    compare(name, without_repetition(asked.chart(name).to_dict()))


@pytest.mark.parametrize("theme", THEMES)
def test_theme_is_as_it_was(theme: str) -> None:
    compare(f"config-{theme}", config_of(THEMES[theme]).to_dict())


def test_every_golden_file_has_its_chart() -> None:
    there = {path.stem for path in GOLDEN.glob("*.json")}
    assert there == {*CHARTED, *(f"config-{theme}" for theme in THEMES)}


@pytest.mark.skipif(RENEW, reason="it would be written, not compared")
def test_a_changed_chart_does_not_pass(store: Store) -> None:
    spec = without_repetition(store.chart("layer_profile", by="layer").to_dict())
    with pytest.raises(AssertionError):
        compare("layer_profile", spec)
