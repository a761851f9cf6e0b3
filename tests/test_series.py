"""Many checkpoints in one ingest: copies, failures, going on, disk space, controls."""

import gc
import json
import shutil
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import embstore
from embstore.errors import IngestError, ModelError, NothingMeasuredError, UsageError
from embstore.ingestion import Outcome
from embstore.loading import read_weights
from embstore.measuring import measure_batches
from embstore.models import examine
from embstore.preview import preview
from embstore.settings import Request, Settings
from embstore.types import Sampling
from tests import tiny_models
from tests.fake_hub import FakeHub, online
from tests.hub_cache import add_revision, commit_of

SMALL: dict[str, Any] = {"tokens": 128, "window": 32, "sample": 64, "pairs": False}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three states of a model, as folders; the last is a copy of the second."""
    home = tmp_path_factory.mktemp("trained")
    first, second = (tiny_models.build("llama", home / str(n), seed=n) for n in (1, 2))
    return [first, second, Path(shutil.copytree(second, home / "3"))]


@pytest.fixture
def series(trained: list[Path], tmp_path: Path) -> Path:
    """The three states as a Trainer leaves them."""
    for step, folder in zip((10, 20, 30), trained, strict=True):
        shutil.copytree(folder, tmp_path / "series" / f"checkpoint-{step}")
    return tmp_path / "series"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "hub"
    folder.mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    return folder


@pytest.fixture
def server(cache: Path, trained: list[Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with online(monkeypatch) as running:
        for step, folder in zip((10, 20), trained, strict=False):
            running.revisions["lab/tiny", f"step{step}"] = folder
        yield running


def damage(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])


def statuses(outcomes: object) -> list[str]:
    assert isinstance(outcomes, list | tuple)
    return [outcome.status for outcome in outcomes]


def rows(store: Path, sql: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = embstore.open(store).sql(sql).to_pylist()
    return found


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


def test_one_that_fails_does_not_stop_the_others(series: Path, text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    damage(series / "checkpoint-20")
    with pytest.raises(IngestError, match="1 of 3 checkpoints failed, the others are") as caught:
        embstore.ingest(series, corpus=text, store=store, **SMALL)
    assert caught.value.exit_code == 4
    assert statuses(caught.value.outcomes) == ["measured", "failed", "measured"]
    failed = caught.value.outcomes[1]
    assert isinstance(failed, Outcome)
    assert failed.stage == "locate"
    assert failed.reason is not None
    assert failed.reason.startswith("series has damaged weights: model.safetensors has ")
    (row,) = embstore.open(store).query("failures").to_pylist()
    assert (row["revision"], row["reason"], row["resolved"]) == (
        "checkpoint-20",
        failed.reason,
        False,
    )


def test_the_same_command_goes_on_where_it_stopped(
    series: Path, trained: list[Path], text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    damage(series / "checkpoint-20")
    with pytest.raises(IngestError):
        embstore.ingest(series, corpus=text, store=store, **SMALL)
    shutil.copy(trained[1] / "model.safetensors", series / "checkpoint-20")
    again = embstore.ingest(series, corpus=text, store=store, **SMALL)
    assert statuses(again) == ["stored", "measured", "stored"]
    (row,) = embstore.open(store).query("failures").to_pylist()
    assert row["resolved"] is True


def test_a_lone_checkpoint_that_fails_raises_its_own_error_and_leaves_no_store(
    series: Path, text: Path, tmp_path: Path
) -> None:
    damage(series / "checkpoint-20")
    with pytest.raises(ModelError, match="damaged weights"):
        embstore.ingest(
            series, corpus=text, store=tmp_path / "s.duckdb", revisions="checkpoint-20", **SMALL
        )
    assert not (tmp_path / "s.duckdb").exists()


def test_nothing_measured_is_exit_code_1(series: Path, text: Path, tmp_path: Path) -> None:
    for step in (10, 20, 30):
        damage(series / f"checkpoint-{step}")
    with pytest.raises(NothingMeasuredError, match="3 of 3 checkpoints failed, none is stored"):
        embstore.ingest(series, corpus=text, store=tmp_path / "s.duckdb", **SMALL)
    assert NothingMeasuredError.exit_code == 1


def test_what_is_no_users_mistake_is_named_by_its_kind(
    series: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fails_once(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError("no room\nfor it")
        return examine(*arguments, **options)

    monkeypatch.setattr("embstore.ingestion.examine", fails_once)
    with pytest.raises(IngestError) as caught:
        embstore.ingest(series, corpus=text, store=tmp_path / "s.duckdb", **SMALL)
    failed = caught.value.outcomes[1]
    assert isinstance(failed, Outcome)
    assert (failed.stage, failed.reason) == ("measure", "unexpected MemoryError: no room for it")


def test_the_next_checkpoint_is_loaded_while_one_is_measured(
    series: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = [threading.Event() for _ in range(3)]
    threads = set()
    measured = []

    def read(*arguments: Any, **options: Any) -> Any:
        weights = read_weights(*arguments, **options)
        threads.add(threading.current_thread().name)
        next(event for event in loaded if not event.is_set()).set()
        return weights

    def measure(*arguments: Any, **options: Any) -> Any:
        measured.append(1)
        if len(measured) < 3:
            # It would never come if loading waited for this to end.
            assert loaded[len(measured)].wait(60)
        return measure_batches(*arguments, **options)

    monkeypatch.setattr("embstore.preparation.read_weights", read)
    monkeypatch.setattr("embstore.ingestion.measure_batches", measure)
    assert statuses(embstore.ingest(series, corpus=text, store=tmp_path / "s.duckdb", **SMALL)) == [
        "measured",
        "measured",
        "measured",
    ]
    assert threads == {"preparation"}


def test_without_room_for_two_models_the_next_is_loaded_afterwards(
    series: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for module in ("preparation", "ingestion"):

        def read(*arguments: Any, module: str = module, **options: Any) -> Any:
            calls.append(module)
            return read_weights(*arguments, **options)

        monkeypatch.setattr(f"embstore.{module}.read_weights", read)

    class Memory:
        available = 1_000_000

    monkeypatch.setattr("psutil.virtual_memory", Memory)
    embstore.ingest(series, corpus=text, store=tmp_path / "s.duckdb", **SMALL)
    # The first has nothing beside it.
    assert calls == ["preparation", "ingestion", "ingestion"]


def test_a_series_from_the_hubs_cache(
    cache: Path, trained: list[Path], text: Path, tmp_path: Path
) -> None:
    for step, folder in zip((10, 20, 30), trained, strict=True):
        add_revision(cache, "lab/tiny", f"step{step}", folder)
    add_revision(cache, "lab/tiny", "main", trained[2])
    store = tmp_path / "s.duckdb"
    found = embstore.ingest("lab/tiny", corpus=text, store=store, revisions="step*", **SMALL)
    assert [o.revision for o in found] == ["step10", "step20", "step30"]
    assert [o.duplicate_of for o in found] == [None, None, "step20"]


def test_downloads_are_evicted_and_what_was_there_before_stays(
    server: FakeHub, cache: Path, trained: list[Path], text: Path, tmp_path: Path
) -> None:
    server.revisions["lab/tiny", "step30"] = tiny_models.build("llama", tmp_path / "4", seed=4)
    add_revision(cache, "lab/tiny", "step10", trained[0])
    found = embstore.ingest(
        "lab/tiny",
        corpus=text,
        store=tmp_path / "s.duckdb",
        revisions=["step*"],
        evict=True,
        **SMALL,
    )
    assert statuses(found) == ["measured", "measured", "measured"]
    snapshots = cache / "models--lab--tiny" / "snapshots"
    assert [folder.name for folder in snapshots.iterdir()] == [commit_of("step10")]
    assert (snapshots / commit_of("step10") / "model.safetensors").exists()


def test_a_commit_with_two_names_is_evicted_after_both(
    server: FakeHub, cache: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = server.answer

    def same_commit(path: str) -> Any:
        # main and step20 are one commit.
        status, headers, body = real(path)
        names = (commit_of("main"), commit_of("step20"))
        headers = {key: value.replace(*names) for key, value in headers.items()}
        return status, headers, body.replace(names[0].encode(), names[1].encode())

    monkeypatch.setattr(server, "answer", same_commit)
    server.revisions["lab/tiny", "main"] = server.revisions["lab/tiny", "step20"]

    class Memory:
        available = 1_000_000

    # So that the second is loaded after the first was let go.
    monkeypatch.setattr("psutil.virtual_memory", Memory)
    found = embstore.ingest(
        "lab/tiny",
        corpus=text,
        store=tmp_path / "s.duckdb",
        revisions="all",
        evict=True,
        **SMALL,
    )
    assert statuses(found) == ["measured", "measured", "measured"]
    assert not list((cache / "models--lab--tiny").glob("snapshots/*"))


def test_what_is_not_measured_is_not_evicted(
    server: FakeHub, cache: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"corpus": text, "store": tmp_path / "s.duckdb", "evict": True}

    def fails(*_arguments: object, **_options: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("embstore.ingestion.examine", fails)
        with pytest.raises(NothingMeasuredError):
            embstore.ingest("lab/tiny", revisions="all", **options, **SMALL)
    snapshots = cache / "models--lab--tiny" / "snapshots"
    assert len(list(snapshots.iterdir())) == 2
    embstore.ingest("lab/tiny", revisions="all", **options, **SMALL)
    # Downloaded before, so not this ingest's to delete.
    assert len(list(snapshots.iterdir())) == 2


def test_a_failed_checkpoint_leaves_its_memory(
    series: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[weakref.ref[Any]] = []
    seen: list[int] = []

    def measure(batches: Any, *arguments: Any, **options: Any) -> Any:
        gc.collect()
        seen.append(sum(module() is not None for module in alive))
        if len(seen) == 1:
            raise MemoryError("no room")
        return measure_batches(batches, *arguments, **options)

    def read(*arguments: Any, **options: Any) -> Any:
        weights = read_weights(*arguments, **options)
        alive.append(weakref.ref(weights.module))
        return weights

    monkeypatch.setattr("embstore.ingestion.measure_batches", measure)
    monkeypatch.setattr("embstore.preparation.read_weights", read)
    with pytest.raises(IngestError):
        embstore.ingest(series, corpus=text, store=tmp_path / "s.duckdb", **SMALL)
    # The one that is measured, and the next if it is loaded already.
    assert all(count <= 2 for count in seen)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 2**63}, "seed is 9,223,372,036,854,775,808; it must be from 0"),
        ({"seed": -1}, "seed is -1; it must be from 0"),
        ({"tokens": 0}, "tokens is 0; it must be at least 1"),
        ({"sample": -5}, "sample is -5; it must be at least 1"),
        ({"models": []}, "no model is given; name one"),
        ({"corpus": ""}, "no text is given; name one"),
    ],
)
def test_numbers_out_of_range_and_empty_names_are_refused_first(
    options: dict[str, Any], message: str, series: Path, text: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"corpus": text, "store": tmp_path / "s.duckdb", **SMALL, **options}
    with pytest.raises(UsageError, match=message):
        embstore.ingest(given.pop("models", series), **given)


def test_two_models_of_one_name_are_not_mixed_up(
    trained: list[Path], text: Path, tmp_path: Path
) -> None:
    one, two = (Path(shutil.copytree(trained[n], tmp_path / str(n) / "model")) for n in (0, 1))
    with pytest.raises(UsageError, match="are both called model@local; measure them one at a time"):
        embstore.ingest([one, two], corpus=text, store=tmp_path / "s.duckdb", **SMALL)


def test_an_adapter_on_itself_is_refused(text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    folder.mkdir()
    config = {"peft_type": "LORA", "base_model_name_or_path": str(folder)}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.safetensors").write_bytes(b"\x02" + bytes(7) + b"{}")
    with pytest.raises(ModelError, match="is an adapter itself; merge it into its model first"):
        embstore.ingest(folder, corpus=text, store=tmp_path / "s.duckdb", **SMALL)


def test_a_preview_of_a_series_says_what_is_to_download_and_what_will_fail(
    server: FakeHub, cache: Path, trained: list[Path], text: Path, tmp_path: Path
) -> None:
    without = Path(shutil.copytree(trained[0], tmp_path / "without"))
    (without / "model.safetensors").rename(without / "pytorch_model.bin")
    server.revisions["lab/tiny", "step30"] = trained[2]
    server.revisions["lab/tiny", "step40"] = without
    store = tmp_path / "s.duckdb"
    embstore.ingest("lab/tiny@step10", corpus=text, store=store, **SMALL)
    settings = Settings(Sampling(tokens=128, window=32, sample=64), pairs=False)
    shown = preview([Request("lab/tiny", revisions="all")], text, store, settings)
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
    from embstore.study import read_study

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
