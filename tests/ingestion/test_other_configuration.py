"""Weights that are stored are not measured as the same model under another configuration."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

import embstore
from embstore.choices import Sampling
from embstore.errors import ModelError
from embstore.ingestion.dry_run import preview
from embstore.ingestion.request import ModelSpec, Request, Settings

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {
    "tokens": 256,
    "window": 32,
    "sample": 100,
    "metrics": "anisotropy",
    "scopes": "all",
}
Ingest = Callable[..., str]


@pytest.fixture
def model(tiny_llama: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_llama, tmp_path / "model"))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "s.duckdb"


@pytest.fixture
def ingest(model: Path, text: Path, store: Path) -> Ingest:
    """Measure the model, and return what became of it."""

    def measure(**options: object) -> str:
        asked = {"corpus": text, "store": store, **SMALL, **options}
        (outcome,) = embstore.ingest(model, **asked)
        return outcome.status

    return measure


def change(model: Path, **settings: object) -> None:
    file = model / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


def configs(store: Path) -> list[dict[str, Any]]:
    found = embstore.open(store).sql("SELECT model_config FROM run ORDER BY created_at")
    return [json.loads(row["model_config"]) for row in found.to_pylist()]


def test_another_configuration_is_refused_whatever_is_asked(
    model: Path, text: Path, store: Path, ingest: Ingest, tmp_path: Path
) -> None:
    assert ingest() == "measured"
    change(model, rms_norm_eps=0.5)
    why = r"^model is stored with the same weights and another configuration: rms_norm_eps was "
    other = tmp_path / "other.txt"
    other.write_text(text.read_text()[::-1])
    # As it was, with more of it, and over a text that nothing is stored of.
    for options in ({}, {"metrics": "anisotropy,twonn"}, {"corpus": other}):
        with pytest.raises(ModelError, match=why):
            ingest(**options)
    assert len(configs(store)) == 1


def test_a_dry_run_says_so(model: Path, text: Path, store: Path, ingest: Ingest) -> None:
    ingest()
    change(model, rms_norm_eps=0.5)
    request = Request(
        (ModelSpec(str(model)),),
        str(text),
        Settings(scopes=("all",), metrics=("anisotropy",), sampling=Sampling(256, 32, 100)),
    )
    with pytest.raises(ModelError, match="another configuration"):
        preview(request, store)


def test_under_another_name_it_is_another_model(model: Path, store: Path, ingest: Ingest) -> None:
    ingest()
    change(model, rms_norm_eps=0.5)
    assert ingest(name="other") == "measured"
    assert ingest(name="other") == "stored"
    assert [config["rms_norm_eps"] for config in configs(store)] == [1e-6, 0.5]
    names = embstore.open(store).sql("SELECT DISTINCT model, value FROM profile_latest")
    assert len({row["value"] for row in names.to_pylist()}) > len(configs(store))


def test_force_measures_it_and_then_that_counts(model: Path, store: Path, ingest: Ingest) -> None:
    ingest()
    change(model, rms_norm_eps=0.5)
    assert ingest(force=True) == "measured"
    assert ingest() == "stored"
    change(model, rms_norm_eps=1e-6)
    with pytest.raises(ModelError, match=r"rms_norm_eps was 0\.5, is 1e-06"):
        ingest()
    assert [config["rms_norm_eps"] for config in configs(store)] == [1e-6, 0.5]


def test_what_no_hidden_state_depends_on_may_change(model: Path, ingest: Ingest) -> None:
    ingest()
    change(model, attention_dropout=0.5, use_cache=False, eos_token_id=7)
    assert ingest() == "stored"
    assert ingest(metrics="anisotropy,twonn") == "measured"


def test_runs_that_do_not_say_it_are_not_compared(model: Path, store: Path, ingest: Ingest) -> None:
    ingest()
    with duckdb.connect(store) as connection:
        connection.execute("UPDATE run SET model_config = NULL")
    change(model, rms_norm_eps=0.5)
    assert ingest() == "stored"
