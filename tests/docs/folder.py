"""The folder that the pages' commands run in: files of the names they use, all small."""

import bz2
import gzip
import json
import random
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import save_file

import embstore
from tests import tiny_images, tiny_models

STEPS = (100, 200, 300)
STORE = "embstore.duckdb"


def fill(folder: Path) -> Path:
    """Put models, texts and vectors into an empty folder."""
    tiny_models.build("llama", folder / "my-model", with_head=True)
    tiny_models.build("gpt_neox", folder / "other-model", seed=1)
    tiny_models.build("bert", folder / "my-encoder")
    for seed in (1, 2, 3):
        tiny_models.build("llama", folder / f"seed-{seed}", seed=seed)
    for step in STEPS:
        home = folder / "output" / f"checkpoint-{step}"
        tiny_models.build("llama", home, seed=step)
        state = {"global_step": step, "num_input_tokens_seen": 1000 * step}
        (home / "trainer_state.json").write_text(json.dumps(state))
    _adapter(folder / "my-adapter", folder / "my-model")
    tiny_images.build("dinov2", folder / "my-vit")
    tiny_images.write_images(folder / "images", 64)
    _texts(folder)
    _vectors(folder)
    return folder


def fill_store(folder: Path) -> None:
    """Measure the folder's models, and an untrained control of one; others have the same store."""
    for model in ("my-model", "other-model", "my-encoder", "output"):
        _measure(folder, model)
    _measure(folder, "my-model", untrained=True)
    for other in ("colleague.duckdb", "node-2.duckdb"):
        shutil.copy(folder / STORE, folder / other)


def _measure(folder: Path, model: str, *, untrained: bool = False) -> None:
    embstore.ingest(
        folder / model,
        corpus=folder / "text.txt",
        store=folder / STORE,
        tokens=1024,
        random_init=untrained,
    )


def _words(n: int, seed: int) -> str:
    rng = random.Random(seed)
    return " ".join(f"w{rng.randrange(5, tiny_models.VOCAB)}" for _ in range(n))


def _texts(folder: Path) -> None:
    # A thousand lines, each of which may be fed as a text of its own.
    text = "\n".join(_words(12, seed) for seed in range(1000))
    (folder / "text.txt").write_text(text)
    (folder / "notes.txt").write_text(text)
    (folder / "notes.txt.gz").write_bytes(gzip.compress(text.encode()))
    article = "<page><title>T</title><ns>0</ns><revision><text>{}</text></revision></page>"
    export = "<mediawiki>{}</mediawiki>".format(
        "".join(article.format(_words(3_000, seed)) for seed in range(4))
    ).encode()
    (folder / "wiki.xml.bz2").write_bytes(bz2.compress(export))
    (folder / "enwiki-latest-pages-articles1.xml-p1p41242.bz2").write_bytes(bz2.compress(export))
    records = [{"text": t, "body": t, "meta": {"text": t}} for t in map(_record, range(40))]
    (folder / "pile.jsonl").write_text("".join(f"{json.dumps(r)}\n" for r in records))
    (folder / "records.json").write_text(json.dumps(records))
    rows = (f'"{r["text"]}","{r["body"]}"\n' for r in records)
    (folder / "reviews.csv").write_text("text,body\n" + "".join(rows))
    with zipfile.ZipFile(folder / "pile.jsonl.zip", "w") as packed:
        packed.write(folder / "pile.jsonl", "pile.jsonl")
    (folder / "texts").mkdir()
    shutil.copy(folder / "text.txt", folder / "texts")
    (folder / "data").mkdir()
    shutil.copy(folder / "pile.jsonl", folder / "data")
    pq.write_table(pa.Table.from_pylist(records), folder / "docs.parquet")


def _record(seed: int) -> str:
    return _words(300, seed)


def _vectors(folder: Path) -> None:
    X = np.random.default_rng(0).normal(size=(600, 12)).astype(np.float32)
    Y = X + np.random.default_rng(1).normal(size=X.shape).astype(np.float32)
    documents = np.repeat(np.arange(20), 30)
    np.save(folder / "vectors.npy", X)
    np.save(folder / "layer_3.npy", X)
    np.save(folder / "layer_4.npy", Y)
    np.savez(folder / "vectors.npz", first=X, second=X[:, :6], doc=documents)
    save_file({"layer_3": torch.from_numpy(X)}, folder / "states.safetensors")
    torch.save({"states": [torch.from_numpy(X), torch.from_numpy(Y)]}, folder / "states.pt")
    (folder / "document.txt").write_text("".join(f"document {i}\n" for i in documents))
    coordinates = {f"dim_{i}": column for i, column in enumerate(X.T)}
    table = pa.table({"id": np.arange(600), "sentence": documents, **coordinates})
    pq.write_table(table, folder / "tokens.parquet")


def _adapter(folder: Path, base: Path) -> None:
    """A LoRA adapter without peft's help."""
    folder.mkdir()
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": 2,
        "lora_alpha": 6,
        "target_modules": ["q_proj"],
        "base_model_name_or_path": str(base),
    }
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    generator = torch.Generator().manual_seed(0)
    tensors = {
        f"base_model.model.model.layers.{layer}.self_attn.q_proj.lora_{side}.weight": torch.randn(
            shape, generator=generator
        )
        for layer in range(3)
        for side, shape in (("A", (2, 32)), ("B", (32, 2)))
    }
    save_file(tensors, folder / "adapter_model.safetensors")
