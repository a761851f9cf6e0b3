"""A training in two processes: ``python -m`` of this module is one of them."""

import contextlib
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from embstore.callback import EmbstoreCallback
from embstore.errors import EmbstoreError
from embstore.ingestion.training.how import How
from embstore.ingestion.training.live_series import LiveSeries, wish
from embstore.ingestion.training.loggers import Loggers
from embstore.ingestion.training.schedule import Every
from embstore.models.live import LiveModel
from tests.ingestion.training.trainings import trainer

HOW = How(tokens=512, window=64, sample=256, metrics="core", intervals=False)


def main(folder: Path, model_folder: Path, text: Path) -> None:
    """Train in parallel, then shard a model, and say what happened."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(model_folder)
    config = AutoConfig.from_pretrained(model_folder)
    for name, corpus in (("run", text), ("without", None), ("wrong", folder / "absent.txt")):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config)
        callbacks = []
        if corpus is not None:
            callbacks = [
                EmbstoreCallback(
                    corpus=corpus, store=folder / "runs.duckdb", max_overhead=None, **HOW
                )
            ]
        lab = trainer(
            model,
            tokenizer,
            folder / name,
            callbacks,
            ddp_backend="gloo",
            max_steps=4,
            dataloader_num_workers=0,
        )
        try:
            lab.train()
        except EmbstoreError as error:
            print(f"{name}: {type(error).__name__} {error}", flush=True)
        else:
            print(f"{name}: {lab.args.world_size} {lab.state.global_step}", flush=True)
    _sharded(folder, config, tokenizer, text)
    dist.barrier()
    dist.destroy_process_group()


def _sharded(folder: Path, config: object, tokenizer: PreTrainedTokenizerFast, text: Path) -> None:
    torch.manual_seed(0)
    whole = AutoModelForCausalLM.from_config(config)
    checkpoint = folder / "sharded" / "checkpoint-3"
    if dist.get_rank() == 0:
        LiveModel(whole, "sharded", remote_code=False).save(checkpoint)
        tokenizer.save_pretrained(checkpoint)
    dist.barrier()
    model = fully_shard(whole)
    for every in ("log", "save"):
        with contextlib.suppress(EmbstoreError):
            series = _series(folder, model, tokenizer, text, every)
            series.at_step(0)
            series.at_save(3, checkpoint)
            series.close()
            print("sharded: measured on save", flush=True)


def _series(
    folder: Path,
    model: torch.nn.Module,
    tokenizer: PreTrainedTokenizerFast,
    text: Path,
    every: Every,
) -> LiveSeries:
    asked = wish(
        corpus=text,
        store=folder / "runs.duckdb",
        every=every,
        name=None,
        max_overhead=None,
        alerts=(),
        on_alert=None,
        say=None,
        how=HOW,
    )
    try:
        return LiveSeries(
            asked,
            model,
            tokenizer,
            name="sharded",
            loggers=lambda: Loggers({}),
            writes_models=True,
        )
    except EmbstoreError as error:
        print(f"sharded: {error}", flush=True)
        raise


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
