"""A series that is measured whole: its order, copies, sources, controls."""

import json
import shutil
from pathlib import Path

import pytest

import embstore
from embstore.choices import Sampling
from embstore.ingestion.dry_run import preview
from embstore.ingestion.request import ModelSpec, Request, Settings
from embstore.metrics.selection import choose_metrics
from tests.fake_hub import FakeHub
from tests.hub_cache import add_revision
from tests.ingestion.series.ingests import SMALL, rows, statuses

pytestmark = pytest.mark.slow


def test_a_series_is_measured_in_training_order(series: Path, text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    found = embstore.ingest(series, corpus=text, store=store, **SMALL)
    assert [(o.model, o.revision, o.status) for o in found] == [
        ("series", f"checkpoint-{step}", "measured") for step in (10, 20, 30)
    ]
    assert rows(store, "SELECT DISTINCT model, revision, step FROM profile ORDER BY step") == [
        {"model": "series", "revision": f"checkpoint-{step}", "step": step} for step in (10, 20, 30)
    ]
    values = rows(
        store,
        "SELECT step, value FROM profile WHERE metric = 'anisotropy' AND layer = 2 "
        "AND scope = 'all' ORDER BY step",
    )
    # Other weights, other numbers; the same weights, the same to the last digit.
    assert values[0]["value"] != values[1]["value"] == values[2]["value"]


def test_copies_are_warned_of_marked_and_listed(series: Path, text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    found = embstore.ingest(series, corpus=text, store=store, **SMALL)
    assert [o.duplicate_of for o in found] == [None, None, "checkpoint-20"]
    listed = embstore.open(store).query("duplicate_checkpoints").to_pylist()
    assert [(row["revision"], row["duplicate_of"]) for row in listed] == [
        ("checkpoint-20", None),
        ("checkpoint-30", "checkpoint-20"),
    ]
    # Also when only the copy is asked for, and the other is in the store.
    (again,) = embstore.ingest(series, corpus=text, store=store, revisions="checkpoint-30", **SMALL)
    assert (again.status, again.duplicate_of) == ("stored", "checkpoint-20")


def test_a_series_from_the_hubs_cache(
    hub_cache: Path, trained: list[Path], text: Path, tmp_path: Path
) -> None:
    for step, folder in zip((10, 20, 30), trained, strict=True):
        add_revision(hub_cache, "lab/tiny", f"step{step}", folder)
    add_revision(hub_cache, "lab/tiny", "main", trained[2])
    store = tmp_path / "s.duckdb"
    found = embstore.ingest("lab/tiny", corpus=text, store=store, revisions="step*", **SMALL)
    assert [o.revision for o in found] == ["step10", "step20", "step30"]
    assert [o.duplicate_of for o in found] == [None, None, "step20"]


def test_a_preview_of_a_series_says_what_is_to_download_and_what_will_fail(
    server: FakeHub, hub_cache: Path, trained: list[Path], text: Path, tmp_path: Path
) -> None:
    without = Path(shutil.copytree(trained[0], tmp_path / "without"))
    (without / "model.safetensors").rename(without / "pytorch_model.bin")
    server.revisions["lab/tiny", "step30"] = trained[2]
    server.revisions["lab/tiny", "step40"] = without
    store = tmp_path / "s.duckdb"
    embstore.ingest("lab/tiny@step10", corpus=text, store=store, **SMALL)
    settings = Settings(
        Sampling(tokens=128, window=32, sample=64), metrics=choose_metrics(["core"])
    )
    models = (ModelSpec("lab/tiny", revisions="all"),)
    shown = preview(Request(models, str(text), settings), store)
    size = (trained[0] / "model.safetensors").stat().st_size
    assert [(s.revision, s.step, s.status, s.duplicate_of) for s in shown] == [
        ("step10", 10, "stored", None),
        ("step20", 20, "to do", None),
        ("step30", 30, "to do", "step20"),
        ("step40", 40, "cannot", None),
    ]
    assert [s.work.download_bytes for s in shown if s.work] == [0, size, size]
    assert shown[3].reason is not None
    assert "--allow-pickle" in shown[3].reason


def test_an_untrained_control_differs_by_its_seed_and_repeats_itself(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    options = {**SMALL, "corpus": text, "store": store, "random_init": True}
    found = [embstore.ingest(tiny_llama, seed=seed, **options)[0] for seed in (0, 1, 0)]
    assert [(o.revision, o.status) for o in found] == [
        ("random-init-0", "measured"),
        ("random-init-1", "measured"),
        ("random-init-0", "stored"),
    ]
    embstore.ingest(tiny_llama, corpus=text, store=store, **SMALL)
    steps = rows(store, "SELECT revision, step FROM checkpoint ORDER BY revision")
    assert steps == [
        {"revision": "local", "step": None},
        {"revision": "random-init-0", "step": 0},
        {"revision": "random-init-1", "step": 0},
    ]


def test_a_study_is_an_experiment_in_one_file(series: Path, text: Path, tmp_path: Path) -> None:
    study = tmp_path / "mine.toml"
    study.write_text(
        f"""
        corpus = {json.dumps(str(text))}
        scopes = ["all"]
        pairs = false
        tags = {{ by = "me" }}
        sampling = {{ tokens = 128, window = 32, sample = 64 }}
        [[models]]
        model = "./series"
        revisions = "every:2"
        [[models]]
        model = "./series/checkpoint-10"
        random_init = true
        """
    )
    store = tmp_path / "s.duckdb"
    found = embstore.ingest_study(study, store=store)
    assert [(o.model, o.revision) for o in found] == [
        ("series", "checkpoint-10"),
        ("series", "checkpoint-30"),
        ("series", "random-init-0"),
    ]
    from embstore.ingestion.studies.study import read_study

    marked = rows(store, "SELECT DISTINCT study, study_sha256, tags, scopes FROM run")
    assert marked == [
        {
            "study": "mine",
            "study_sha256": read_study(study).sha256,
            "tags": '{"by":"me"}',
            "scopes": "all",
        }
    ]
    assert statuses(embstore.ingest_study(study, store=store)) == 3 * ["stored"]
