"""From model and text to stored numbers; and doing it again."""

import json
import shutil
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import embstore
from embstore.choices import SCOPES, TOKEN_SCOPES, Sampling
from embstore.errors import CorpusError, ModelError, UsageError
from embstore.ingestion import one_checkpoint, resources
from embstore.ingestion.dry_run import Preview, Work, preview
from embstore.ingestion.plan import choose_window
from embstore.ingestion.request import ModelSpec, Request, Settings, choose_scopes
from embstore.inputs.windows import Windows
from embstore.metrics.registry import PAIR_METRICS
from embstore.metrics.selection import PRESETS
from tests import tiny_models
from tests.metrics.clouds import OF_VECTORS

SMALL: dict[str, Any] = {"tokens": 256, "window": 32, "sample": 100}


def ingest(model: Path | list[Path], text: Path, store: Path, **options: object) -> list[str]:
    outcomes = embstore.ingest(model, corpus=text, store=store, **{**SMALL, **options})
    return [outcome.status for outcome in outcomes]


@pytest.mark.slow
def test_every_metric_of_every_layer_and_scope_is_stored(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    assert ingest(tiny_llama, text, store, metrics="all", scopes=TOKEN_SCOPES) == ["measured"]
    opened = embstore.open(store)
    (found,) = opened.sql("SELECT count(*) AS n FROM profile").to_pylist()
    n_states, n_pairs = 1 + 3 + 1, 3
    assert found["n"] == 3 * (n_states * len(OF_VECTORS) + n_pairs * len(PAIR_METRICS))
    undefined = opened.sql("SELECT DISTINCT metric FROM profile WHERE value IS NULL").to_pylist()
    # It draws sets of so many tokens.
    assert undefined == [{"metric": "ph_dim"}]
    spectra = opened.sql("SELECT count(*) AS n, min(len(eigenvalues)) AS d FROM spectrum")
    assert spectra.to_pylist() == [{"n": n_states * 3, "d": 32}]


@pytest.mark.slow
def test_a_run_keeps_how_it_was_made(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    ingest(tiny_llama, text, store, seed=7, tags={"lab": "a"}, batch_size=3)
    (row,) = embstore.open(store).sql("SELECT * FROM run").to_pylist()
    assert (row["tokens"], row["window_size"], row["n_windows"]) == (256, 32, 8)
    assert (row["sample_size"], row["seed"], row["batch_size"]) == (100, 7, 3)
    assert (row["dtype"], row["accumulation_dtype"]) == ("float32", "float64")
    assert (row["device"], row["attention"]) == ("cpu", "sdpa")
    assert json.loads(row["tags"]) == {"lab": "a"}
    assert json.loads(row["metric_versions"]).keys() == set(PRESETS["default"])
    assert (row["scopes"], row["intervals"]) == ("all,no_sinks", True)
    assert row["embstore_version"] == embstore.__version__
    assert row["forward_seconds"] + row["geometry_seconds"] <= row["wall_seconds"]
    assert row["peak_memory_bytes"] > 10**7


@pytest.mark.slow
def test_the_same_work_again_does_nothing(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    assert ingest(tiny_llama, text, store) == ["measured"]
    assert ingest(tiny_llama, text, store) == ["stored"]
    assert ingest(tiny_llama, text, store, batch_size=2, tags={"x": "y"}) == ["stored"]
    assert embstore.open(store).info()["runs"] == 1


@pytest.mark.slow
def test_other_work_is_another_run(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    works: list[dict[str, Any]] = [
        {},
        {"seed": 1},
        {"tokens": 288},
        {"sample": 90},
        {"name": "other"},
        {"scopes": ["no_first"]},
        {"metrics": "all"},
    ]
    for options in works:
        assert ingest(tiny_llama, text, store, **options) == ["measured"], options
    assert embstore.open(store).info()["runs"] == 7


@pytest.mark.slow
def test_only_the_scopes_asked_for_are_measured(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    assert ingest(tiny_llama, text, store, scopes="no_sinks,all", pairs=False) == ["measured"]
    assert ingest(tiny_llama, text, store, scopes=["all", "no_sinks"], pairs=False) == ["stored"]
    opened = embstore.open(store)
    (row,) = opened.sql("SELECT scopes, metric_versions FROM run").to_pylist()
    assert row["scopes"] == "all,no_sinks"
    names = set(PRESETS["default"]) - PAIR_METRICS.keys()
    assert json.loads(row["metric_versions"]).keys() == names
    found = opened.sql("SELECT scope, count(*) AS n FROM profile GROUP BY scope ORDER BY scope")
    assert found.to_pylist() == [{"scope": s, "n": 5 * len(names)} for s in ("all", "no_sinks")]


@pytest.mark.parametrize(
    ("names", "scopes"),
    [
        ("all", ("all",)),
        (" no_sinks, all ", ("all", "no_sinks")),
        (["no_first", "no_first"], ("no_first",)),
        (reversed(SCOPES), SCOPES),
    ],
)
def test_scopes_come_in_one_order(names: str | Iterable[str], scopes: tuple[str, ...]) -> None:
    assert choose_scopes(names) == scopes


@pytest.mark.parametrize("names", ["", "all,", "none", ["All"], []])
def test_unknown_scopes_are_refused(names: str | list[str]) -> None:
    with pytest.raises(UsageError, match="choose from all, no_first, no_sinks"):
        choose_scopes(names)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"metrics": None}, "metrics is None; give names, families or presets"),
        ({"metrics": 5}, "metrics is 5; give names"),
        ({"metrics": ["core", 1]}, "metrics is .'core', 1.; give names"),
        ({"metrics": "core,"}, "metrics has an empty name"),
        ({"scopes": 5}, "scopes is 5; choose from"),
        ({"intervals": "no"}, "intervals is 'no'; give true or false"),
        ({"pairs": 1}, "pairs is 1; give true or false"),
    ],
)
def test_values_of_other_types_are_refused(
    options: dict[str, Any], why: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=why):
        embstore.ingest("m", corpus="x", store=tmp_path / "s.duckdb", **options)


@pytest.mark.slow
def test_force_measures_anew_and_the_latest_run_speaks(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    ingest(tiny_llama, text, store)
    assert ingest(tiny_llama, text, store, force=True) == ["measured"]
    opened = embstore.open(store)
    assert opened.sql("SELECT list(repeat ORDER BY repeat) AS r FROM run")["r"].to_pylist() == [
        [0, 1]
    ]
    assert opened.sql("SELECT repeat FROM latest_run")["repeat"].to_pylist() == [1]
    # The same work gives the same numbers.
    pairs = opened.sql(
        "SELECT max(abs(a.value - b.value)) AS d FROM profile a JOIN profile b "
        "USING (stack, layer, site, scope, metric) WHERE a.repeat = 0 AND b.repeat = 1"
    )
    assert pairs["d"].to_pylist() == [0.0]


@pytest.mark.slow
def test_an_earlier_run_can_be_asked_for(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    ingest(tiny_llama, text, store)
    ingest(tiny_llama, text, store, tokens=128)
    opened = embstore.open(store)
    (first,) = opened.sql("SELECT run_id FROM run WHERE tokens = 256")["run_id"].to_pylist()
    assert set(opened.query("layer_profile")["n"].to_pylist()) == {128, 124}
    asked = opened.query("layer_profile", runs=[first[:8]])
    assert set(asked["n"].to_pylist()) == {256, 248}
    assert set(asked["run_id"].to_pylist()) == {first}


@pytest.mark.slow
def test_several_models_in_one_call(
    tiny_llama: Path, tiny_bert: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    assert ingest([tiny_llama, tiny_bert], text, store) == ["measured", "measured"]
    rows = embstore.open(store).query("models").to_pylist()
    assert {(row["model"], row["kind"]) for row in rows} == {
        ("tiny-llama", "decoder"),
        ("tiny-bert", "encoder"),
    }


def work_of(shown: Preview) -> Work:
    assert shown.work is not None
    return shown.work


@pytest.mark.slow
def test_a_preview_says_what_there_is_to_do_and_writes_nothing(
    tiny_llama: Path, tiny_bert: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    settings = Settings(sampling=Sampling(**SMALL))
    models = (ModelSpec(str(tiny_llama)), ModelSpec(str(tiny_bert)))
    request = Request(models, str(text), settings)
    before = preview(request, store)
    assert list(tmp_path.iterdir()) == []
    assert [(p.model, p.status, work_of(p).run_id) for p in before] == [
        ("tiny-llama", "to do", None),
        ("tiny-bert", "to do", None),
    ]
    (outcome,) = embstore.ingest(tiny_llama, corpus=text, store=store, **SMALL)
    llama, bert = preview(request, store)
    assert (llama.status, work_of(llama).run_id) == ("stored", outcome.run_id)
    # But for the time, which is probed each time.
    assert replace(work_of(bert), seconds=0) == replace(work_of(before[1]), seconds=0)
    assert work_of(bert).seconds > 0 == work_of(llama).seconds
    (row,) = embstore.open(store).sql("SELECT * FROM model").to_pylist()
    work = work_of(llama)
    assert (work.n_parameters, work.n_layers) == (row["n_parameters"], row["n_layers"])
    assert (work.hidden_size, work.architecture) == (row["hidden_size"], row["architecture"])
    assert (work.n_windows, work.n_tokens) == (8, 256)
    again, _ = preview(replace(request, settings=replace(settings, force=True)), store)
    assert (again.status, work_of(again).run_id) == ("to do", None)


def test_a_preview_loads_no_weights(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "broken"))
    # Whole, but without a single weight.
    (folder / "model.safetensors").write_bytes(b"\x02" + bytes(7) + b"{}")
    settings = Settings(sampling=Sampling(**SMALL))
    request = Request((ModelSpec(str(folder)),), str(text), settings)
    (found,) = preview(request, tmp_path / "s.duckdb")
    assert found.status == "to do"
    with pytest.raises(ModelError, match="broken lacks"):
        ingest(folder, text, tmp_path / "s.duckdb")


@pytest.mark.parametrize(("device", "thread"), [("cpu", "MainThread"), ("cuda", "ahead_0")])
def test_only_an_accelerator_works_ahead(
    device: str, thread: str, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names(*_arguments: object, **_options: object) -> Iterator[str]:
        yield threading.current_thread().name

    monkeypatch.setattr(one_checkpoint, "hidden_batches", names)
    model = replace(tiny_models.load(tiny_llama), device=torch.device(device))
    windows = Windows(np.zeros((1, 4), np.int64), np.ones((1, 4), np.bool_), 0, "")
    with one_checkpoint._batches(model, windows, 1) as batches:
        assert list(map(str, batches)) == [thread]


@pytest.mark.slow
def test_an_exact_search_finds_all_neighbours(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    options = {"corpus": text, "store": tmp_path / "s.duckdb", **SMALL}
    first, second = (embstore.ingest(tiny_llama, **options)[0] for _ in range(2))
    assert (first.least_recall, second.least_recall) == (1.0, None)


@pytest.mark.slow
def test_tokens_are_rounded_down_to_whole_windows(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    (outcome,) = embstore.ingest(
        tiny_llama, corpus=text, store=tmp_path / "s.duckdb", tokens=100, window=32
    )
    assert outcome.n_tokens == 96


@pytest.mark.parametrize(
    ("sampling", "context", "window"),
    [
        (Sampling(), None, 512),
        (Sampling(), 256, 256),
        (Sampling(tokens=100), 256, 100),
        (Sampling(window=64), 256, 64),
    ],
)
def test_default_window(sampling: Sampling, context: int | None, window: int) -> None:
    assert choose_window(sampling, context, "m") == window


def test_bad_input_leaves_no_store_behind(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    with pytest.raises(UsageError, match="window of 4096 tokens is larger than the limit of tiny"):
        ingest(tiny_llama, text, store, window=4096, tokens=4096)
    with pytest.raises(CorpusError, match="too short for 65,536 tokens"):
        ingest(tiny_llama, text, store, tokens=65_536)
    with pytest.raises(ModelError, match="no such model"):
        ingest([tiny_llama, tmp_path / "nowhere"], text, store)
    with pytest.raises(UsageError, match="unknown device 'tpu9'"):
        ingest(tiny_llama, text, store, device="tpu9")
    with pytest.raises(UsageError, match="unknown dtype 'int8'"):
        ingest(tiny_llama, text, store, dtype="int8")
    with pytest.raises(UsageError, match="name is for one model, but 2"):
        ingest([tiny_llama, tiny_llama], text, store, name="x")
    assert list(tmp_path.iterdir()) == []


def test_a_tokenizer_of_another_model(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "mixed"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 150}))
    with pytest.raises(ModelError, match=r"gives token 199, but the model knows only 150"):
        ingest(folder, text, tmp_path / "s.duckdb")
    assert not (tmp_path / "s.duckdb").exists()


def test_what_a_device_cannot_compute_is_said(
    tiny_llama: Path,
    text: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = Settings(sampling=Sampling(tokens=128, window=32, sample=64), devices=("mps",))
    request = Request((ModelSpec(str(tiny_llama)),), str(text), asked)
    monkeypatch.setattr(resources, "choose_devices", lambda _: (torch.device("mps"),))
    with resources.open_resources(request, tmp_path / "s.duckdb"):
        pass
    assert [record.message for record in caplog.records] == [
        "mps has no float64: it runs the model and finds candidates for neighbours, and the rest "
        "of the geometry is computed on the CPU"
    ]
