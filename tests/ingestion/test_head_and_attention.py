"""What needs a head or eager attention: asked for, completed, refused and estimated."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import entr
from torch import nn
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

import embstore
from embstore.errors import ModelError, UsageError
from embstore.ingestion.memory_estimate import Extent, estimate
from embstore.ingestion.studies.study import read_study
from embstore.ingestion.time_estimate import operations
from embstore.metrics.selection import choose_metrics
from embstore.models.description import ModelSize
from tests import tiny_images, tiny_models
from tests.cli.running import embstore as run_command

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"tokens": 256, "window": 32, "sample": 100, "metrics": "norm_p50"}
HEAD, ATTENTION = (set(choose_metrics([name])) for name in ("head", "attention"))


@pytest.fixture(scope="module")
def headed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.build_headed("llama", tmp_path_factory.mktemp("m") / "headed")


def values(store: Path, metric: str, scope: str = "all") -> dict[tuple[int, str], float | None]:
    found = embstore.open(store).sql(
        "SELECT layer, site, value FROM profile_latest WHERE metric = $metric AND scope = $scope",
        metric=metric,
        scope=scope,
    )
    return {(row["layer"], row["site"]): row["value"] for row in found.to_pylist()}


def close(value: float | None, *, rel: float) -> Any:
    return None if value is None else pytest.approx(value, rel=rel, abs=1e-6)


def metrics_of(store: Path) -> set[str]:
    found = embstore.open(store).sql("SELECT DISTINCT metric FROM profile_latest")
    return set(found["metric"].to_pylist())


def test_asked_for_more_an_ingest_adds_what_is_missing(
    headed: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    options: dict[str, Any] = {"corpus": text, "store": store, **SMALL}
    embstore.ingest(headed, **options)
    assert metrics_of(store) == {"norm_p50"}
    (with_head,) = embstore.ingest(headed, head=True, **options)
    assert (set(with_head.added), metrics_of(store)) == (HEAD, {"norm_p50"} | HEAD)
    # By name it is the same as by the option, and is done.
    (again,) = embstore.ingest(headed, **{**options, "metrics": "norm_p50,head"})
    assert again.status == "stored"
    (both,) = embstore.ingest(headed, attention=True, **options)
    assert set(both.added) == ATTENTION
    assert metrics_of(store) == {"norm_p50"} | HEAD | ATTENTION
    runs = embstore.open(store).sql("SELECT attention FROM run ORDER BY created_at")
    assert runs["attention"].to_pylist() == ["sdpa", "sdpa", "eager"]
    # Once and at once it is the same run.
    other = tmp_path / "once.duckdb"
    at_once = {**options, "store": other, "head": True, "attention": True}
    (once,) = embstore.ingest(headed, **at_once)
    assert once.run_id == both.run_id
    for metric in HEAD | ATTENTION:
        one, two = values(store, metric), values(other, metric)
        assert one.keys() == two.keys()
        for key, value in one.items():
            # States of the one kernel differ from the other's in their last digits.
            assert value == close(two[key], rel=1e-4), (metric, key)
    assert not embstore.open(store).verify()
    assert not embstore.open(other).verify()


def test_the_numbers_are_those_of_transformers_over_the_same_windows(
    headed: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    options = {"head": True, "attention": True, "corpus": text, "store": store, **SMALL}
    embstore.ingest(headed, **options)
    # A text of words that are each a token: its windows are found again by what is in the store.
    read = embstore.open(store).sql("SELECT * FROM run").to_pylist()[0]
    assert (read["n_windows"], read["window_size"]) == (8, 32)
    tokenizer = AutoTokenizer.from_pretrained(headed)
    ids = np.array(tokenizer(text.read_text(), add_special_tokens=False)["input_ids"])
    whole = AutoModelForCausalLM.from_pretrained(headed, attn_implementation="eager").eval()
    with torch.inference_mode():
        # All windows that the text has, so that those drawn are among them.
        cut = torch.from_numpy(ids[: len(ids) // 32 * 32].reshape(-1, 32))
        out = whole(cut, output_attentions=True)
        log_p = out.logits.double().log_softmax(-1)[:, :-1]
    losses = -log_p.gather(2, cut[:, 1:, None])[..., 0].mean(dim=1).numpy()
    entropies = entr(out.attentions[1].double().numpy()).sum(-1).mean(axis=(1, 2))
    # Windows are drawn spread over the text, wherever they begin: like its others, but not they.
    for metric, key, own in (
        ("window_loss", (3, "block"), losses),
        ("attention_entropy", (2, "block"), entropies),
    ):
        found = values(store, metric)[key]
        assert found is not None
        assert abs(found - own.mean()) < 4 * own.std() * (1 / 8 + 1 / len(own)) ** 0.5


def test_windows_that_are_one_vector_have_none(headed: Path, text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    options = {**SMALL, "tokens": 66 * 16, "window": 16, "scopes": "all,last"}
    embstore.ingest(headed, corpus=text, store=store, head=True, attention=True, **options)
    for metric in HEAD | ATTENTION:
        assert set(values(store, metric, "last").values()) == {None}
        assert values(store, metric)[1, "block"] is not None
    assert values(store, "norm_p50", "last")[1, "block"] is not None


@pytest.mark.parametrize("windows", ["tokens", "documents"])
def test_batches_of_any_size_give_the_same(windows: str, headed: Path, tmp_path: Path) -> None:
    lines = (
        " ".join(f"w{40 + (i * 31 + j * 7) % 150}" for j in range(5 + i % 9)) for i in range(60)
    )
    path = tmp_path / "sentences.txt"
    path.write_text("\n\n".join(lines))
    stores = []
    for size in (1, 7):
        stores.append(tmp_path / f"{size}.duckdb")
        options = {**SMALL, "tokens": 300, "window": 13, "windows": windows, "batch_size": size}
        embstore.ingest(headed, corpus=path, store=stores[-1], head=True, attention=True, **options)
    for metric in HEAD | ATTENTION:
        one, two = (values(store, metric) for store in stores)
        for key, value in one.items():
            assert value == close(two[key], rel=1e-5), (metric, key)


def test_a_checkpoint_without_a_head_is_refused_before_its_weights_are_read(
    tiny_bert: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    command = ("ingest", tiny_bert, "--corpus", text, "--head", "-s", store)
    found = run_command(*command)
    assert found.returncode == 1
    assert found.stderr == (
        "error: tiny-bert has no language-model head (BertModel), so nothing is predicted from "
        "its states; leave the head out (--head, or metrics of the family head)\n"
    )
    assert not store.exists()
    # A dry run knows it, too.
    assert run_command(*command, "--dry-run").stderr == found.stderr


def test_what_has_no_attention_is_refused(text: Path, tmp_path: Path) -> None:
    folder = tiny_models.build("mamba", tmp_path / "mamba")
    with pytest.raises(ModelError, match=r"MambaModel returns no attention for each of its 3 bl"):
        embstore.ingest(folder, corpus=text, store=tmp_path / "s.duckdb", attention=True, **SMALL)


def test_a_model_of_images_is_refused(tmp_path: Path) -> None:
    folder = tiny_images.build("dinov2", tmp_path / "m")
    tiny_images.write_images(tmp_path / "images", 4)
    for name in ("head", "attention"):
        asked: Any = {name: True, "corpus": tmp_path / "images", "store": tmp_path / "s.duckdb"}
        with pytest.raises(ModelError, match=r"^m reads images: its attention is not measured"):
            embstore.ingest(folder, **asked)


def test_an_untrained_model_predicts_all_words_about_alike(
    headed: Path, text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    embstore.ingest(headed, corpus=text, store=store, random_init=True, head=True, **SMALL)
    loss = values(store, "window_loss")[3, "block"]
    assert loss == pytest.approx(np.log(tiny_models.VOCAB), abs=0.05)


@pytest.mark.parametrize("value", ["yes", 1])
def test_only_true_and_false_are_taken(value: Any, headed: Path, text: Path) -> None:
    with pytest.raises(UsageError, match=r"^head is .*; give true or false"):
        embstore.ingest(headed, corpus=text, head=value)


def test_a_study_may_say_it(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(
        'corpus = "t.txt"\nmetrics = "core"\nhead = true\nattention = true\n'
        '[[models]]\nmodel = "m"\n'
    )
    names = set(read_study(path).request.settings.metrics)
    assert names == {*choose_metrics(["core"])} | HEAD | ATTENTION


def test_beside_a_study_the_options_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('corpus = "t.txt"\n[[models]]\nmodel = "m"\n')
    for option in ("--head", "--attention"):
        found = run_command("ingest", "--study", path, option)
        assert found.returncode == 2
        assert f"{option} conflicts with --study, which sets it" in found.stderr


def test_live_it_is_what_the_saved_checkpoint_gives(
    headed: Path, text: Path, tmp_path: Path
) -> None:
    model = LlamaForCausalLM.from_pretrained(headed)
    model.train()
    tokenizer = AutoTokenizer.from_pretrained(headed)
    options: dict[str, Any] = {**SMALL, "head": True, "attention": True}
    store = tmp_path / "live.duckdb"
    with embstore.Recorder(
        model, tokenizer, corpus=text, name="run", store=store, **options
    ) as recorder:
        live = recorder.measure(5)
    assert live.status == "measured", live.reason
    assert model.training
    assert model.config._attn_implementation == "sdpa"
    saved = tmp_path / "out" / "checkpoint-5"
    model.save_pretrained(saved)
    tokenizer.save_pretrained(saved)
    other = tmp_path / "saved.duckdb"
    (ingested,) = embstore.ingest(tmp_path / "out", corpus=text, store=other, name="run", **options)
    assert ingested.run_id == live.run_id
    for metric in HEAD | ATTENTION | {"norm_p50"}:
        assert values(store, metric) == values(other, metric)


def test_live_without_a_head_it_is_refused_at_once(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    model = AutoModel.from_pretrained(tiny_llama)
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    with pytest.raises(ModelError, match=r"run has no language-model head \(LlamaModel\)"):
        embstore.Recorder(
            *(model, tokenizer),
            corpus=text,
            name="run",
            store=tmp_path / "s.duckdb",
            head=True,
            **SMALL,
        )


def test_of_a_model_of_plain_torch_neither_is_known(text: Path, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Embedding(200, 8), nn.Linear(8, 8))
    for name in ("head", "attention"):
        asked: Any = {name: True, "name": "run", "store": tmp_path / "s.duckdb"}
        with pytest.raises(UsageError, match=r"^run is a model of plain torch, of which"):
            embstore.Recorder(model, lambda _text: [1, 2, 3], corpus=text, **asked)


class TestEstimates:
    size = ModelSize(
        n_parameters=100_000,
        hidden_size=64,
        n_layers=(2,),
        widest=256,
        n_multiplied=12 * 64**2,
        n_logits=1000,
        n_heads=4,
    )
    extent = Extent(n_windows=4, window=32, n_sample=100)

    def test_a_head_takes_its_weights_and_six_blocks_of_logits(self) -> None:
        without = estimate(self.size, self.extent, n_workers=1)
        found = estimate(self.size, replace(self.extent, head=True), n_workers=1)
        assert found.weights - without.weights == 1000 * 64 * 4
        assert found.batch > 6 * 32 * 2**20 > without.batch

    def test_attention_takes_a_blocks_maps(self) -> None:
        without = estimate(self.size, self.extent, n_workers=1)
        found = estimate(self.size, replace(self.extent, attention=True), n_workers=1)
        # In each of four windows four heads of 32 × 32, three times; and two of one window.
        assert found.batch - without.batch == 4 * 32**2 * (4 * 12 + 8)

    def test_both_take_operations_of_the_pass(self) -> None:
        forward, geometry = operations(self.size, self.extent)
        found = operations(self.size, replace(self.extent, head=True))
        # Four states, each multiplied with every word's weights.
        assert found[0] - forward >= 128 * 4 * 1000 * 2 * 64
        assert found[1] == geometry
        found = operations(self.size, replace(self.extent, attention=True))
        assert found[0] - forward == 128 * 2 * 4 * 32 * 300
