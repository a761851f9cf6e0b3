"""Every kind of model and of text, from what a user types to stored numbers."""

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModel

import embstore
from embstore.choices import TOKEN_SCOPES
from embstore.errors import IngestError, ModelError, UsageError
from embstore.ingestion.outcome import Outcome
from tests import tiny_images

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"tokens": 128, "window": 32, "sample": 64, "pairs": False}


def stored(store: Path, sql: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = embstore.open(store).sql(sql).to_pylist()
    return found


def test_a_vision_encoder_reads_a_folder_of_images(tmp_path: Path) -> None:
    folder = tiny_images.build("dinov2", tmp_path / "tiny-dino")
    images = tiny_images.write_images(tmp_path / "images", 12)
    store = tmp_path / "s.duckdb"
    # 16 patches and a class token.
    (outcome,) = embstore.ingest(
        folder, corpus=images, store=store, tokens=8 * 17, sample=100, scopes=TOKEN_SCOPES
    )
    assert (outcome.status, outcome.n_tokens) == ("measured", 8 * 17)
    (model,) = stored(store, "SELECT kind, modality, vocab_size, context_length FROM model")
    assert model == {
        "kind": "encoder",
        "modality": "vision",
        "vocab_size": None,
        "context_length": None,
    }
    (run,) = stored(store, "SELECT window_size, n_windows, n_special_tokens FROM run")
    assert run == {"window_size": 17, "n_windows": 8, "n_special_tokens": 1}
    (corpus,) = stored(store, "SELECT name, n_documents, n_chars FROM corpus")
    assert corpus == {"name": "images", "n_documents": 12, "n_chars": 0}
    counts = stored(store, "SELECT DISTINCT scope, n FROM profile WHERE metric = 'anisotropy'")
    # The class token is the first of its window; random weights have no sinks.
    assert {(row["scope"], row["n"]) for row in counts} == {
        ("all", 8 * 17),
        ("no_first", 8 * 16),
        ("no_sinks", 8 * 16),
    }
    again = embstore.ingest(folder, corpus=images, store=store, tokens=8 * 17, sample=100)
    assert again[0].status == "stored"


def test_models_and_corpora_of_different_kinds_do_not_go_together(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    vision = tiny_images.build("vit", tmp_path / "tiny-vit")
    images = tiny_images.write_images(tmp_path / "images", 9)
    store = tmp_path / "s.duckdb"
    with pytest.raises(ModelError, match="tiny-vit reads images, but the corpus is a text"):
        embstore.ingest(vision, corpus=text, store=store, **SMALL)
    with pytest.raises(ModelError, match="tiny-llama reads text, but the corpus is a folder of"):
        embstore.ingest(tiny_llama, corpus=images, store=store, **SMALL)
    with pytest.raises(UsageError, match="tiny-vit reads images, so the image sets the window"):
        embstore.ingest(vision, corpus=images, store=store, **SMALL)
    few: dict[str, Any] = {"tokens": 8 * 17, "sample": 100}
    with pytest.raises(UsageError, match="each a window of its own already; leave out windows"):
        embstore.ingest(vision, corpus=images, store=store, windows="documents", **few)
    with pytest.raises(UsageError, match="which have no words to shuffle; leave out the shuffling"):
        embstore.ingest(vision, corpus=images, store=store, shuffle="words:2", **few)
    with pytest.raises(UsageError, match="is a folder of images and has no field 'text'"):
        embstore.ingest(vision, corpus=images, store=store, text_field="text")
    assert not store.exists()
    with pytest.raises(IngestError) as caught:
        embstore.ingest([vision, tiny_llama], corpus=images, store=store, tokens=8 * 17, sample=100)
    outcomes = [o for o in caught.value.outcomes if isinstance(o, Outcome)]
    assert [(o.status, o.stage) for o in outcomes] == [("measured", None), ("failed", "plan")]


def test_of_texts_and_images_in_one_folder_a_model_reads_what_it_can(
    tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    vision = tiny_images.build("vit", tmp_path / "tiny-vit")
    folder = tiny_images.write_images(tmp_path / "both", 9)
    texts = tmp_path / "texts"
    texts.mkdir()
    for place in (folder, texts):
        (place / "a.txt").write_bytes(text.read_bytes())
    (alone,) = embstore.ingest(tiny_llama, corpus=texts, store=tmp_path / "a.duckdb", **SMALL)
    store = tmp_path / "s.duckdb"
    (beside,) = embstore.ingest(tiny_llama, corpus=folder, store=store, **SMALL)
    assert (alone.status, beside.status) == ("measured", "measured")
    sources = [
        stored(path, "SELECT sha256, n_documents FROM corpus")
        for path in (tmp_path / "a.duckdb", store)
    ]
    assert sources[0] == sources[1]
    (seen,) = embstore.ingest(vision, corpus=folder, store=store, tokens=8 * 17, sample=100)
    assert seen.status == "measured"


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_an_adapter_is_measured_on_its_base(tiny_llama: Path, text: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    folder = tmp_path / "tuned"
    folder.mkdir()
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 4}
    config |= {"target_modules": ["q_proj"], "base_model_name_or_path": str(tiny_llama)}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    key = "base_model.model.model.layers.{}.self_attn.q_proj.lora_{}.weight"
    tensors = {
        key.format(layer, side): torch.ones(shape)
        for layer in range(3)
        for side, shape in (("A", (2, 32)), ("B", (32, 2)))
    }
    save_file(tensors, folder / "adapter_model.safetensors")
    store = tmp_path / "s.duckdb"
    for model in (folder, tiny_llama):
        embstore.ingest(model, corpus=text, store=store, **SMALL)
    # The same by hand: 2 is alpha / r, and B A is 2 everywhere.
    merged = AutoModel.from_pretrained(tiny_llama)
    for block in merged.layers:
        block.self_attn.q_proj.weight.data += 2 * 2 * torch.ones(32, 32)
    merged.save_pretrained(tmp_path / "merged")
    for file in tiny_llama.glob("tokenizer*"):
        (tmp_path / "merged" / file.name).write_bytes(file.read_bytes())
    embstore.ingest(tmp_path / "merged", corpus=text, store=store, **SMALL)
    values = {
        row["model"]: row["value"]
        for row in stored(
            store,
            "SELECT model, value FROM profile WHERE metric = 'anisotropy' AND layer = 3 "
            "AND site = 'block' AND scope = 'all'",
        )
    }
    assert values["tuned"] == pytest.approx(values["merged"], rel=1e-5)  # float32 weights
    assert values["tuned"] != pytest.approx(values["tiny-llama"], rel=1e-3)
    (folder / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 32}))
    (again,) = embstore.ingest(folder, corpus=text, store=store, **SMALL)
    assert again.status == "measured"


@pytest.mark.parametrize("kind", ["txt", "txt.gz", "zip", "jsonl", "parquet", "hf"])
def test_the_same_text_from_every_source_gives_the_same_numbers(
    kind: str, tiny_llama: Path, text: Path, tmp_path: Path
) -> None:
    words = text.read_text()
    options: dict[str, Any] = {}
    if kind == "txt":
        corpus = str(text)
    elif kind == "txt.gz":
        corpus = str(tmp_path / "words.txt.gz")
        Path(corpus).write_bytes(gzip.compress(words.encode()))
    elif kind == "zip":
        corpus = str(tmp_path / "words.zip")
        with zipfile.ZipFile(corpus, "w") as archive:
            archive.writestr("words.txt", words)
    elif kind == "parquet":
        corpus = str(tmp_path / "words.parquet")
        pq.write_table(pa.table({"body": [words]}), corpus)
        options["text_field"] = "body"
    else:
        folder = tmp_path / "data"
        folder.mkdir()
        file = folder / "train.jsonl"
        file.write_text(json.dumps({"body": words}) + "\n")
        corpus = f"hf:{folder}" if kind == "hf" else str(file)
        options["text_field"] = "body"
    store = tmp_path / "s.duckdb"
    embstore.ingest(tiny_llama, corpus=corpus, store=store, **SMALL, **options)
    embstore.ingest(tiny_llama, corpus=text, store=store, **SMALL)
    # One text, one corpus: what was read first leaves nothing to do for the second.
    assert stored(store, "SELECT count(*) AS n FROM corpus") == [{"n": 1}]
    assert stored(store, "SELECT count(*) AS n FROM run") == [{"n": 1}]


@pytest.mark.parametrize("family", ["t5", "mamba", "deberta-v2", "gemma2", "electra"])
def test_families_are_measured_from_end_to_end(
    family: str, build: Callable[[str], Path], text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    (outcome,) = embstore.ingest(build(family), corpus=text, store=store, **SMALL)
    assert outcome.status == "measured"
    stacks = 2 if family == "t5" else 1
    (found,) = stored(
        store,
        "SELECT count(DISTINCT stack) AS stacks, count(DISTINCT (stack, layer)) AS layers, "
        "count(*) FILTER (value IS NULL) AS missing FROM profile WHERE metric = 'anisotropy'",
    )
    assert found == {"stacks": stacks, "layers": 4 * stacks, "missing": 0}
