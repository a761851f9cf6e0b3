"""A small training with the Trainer of transformers, the same every time."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase, Trainer, TrainerCallback, TrainingArguments

import embstore

VOCAB, N_TOKENS = 200, 32


def examples(n: int = 64) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(5, VOCAB, (n, N_TOKENS), generator=generator)
    return [{"input_ids": row, "labels": row} for row in ids]


def trainer(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase | None,
    output: Path,
    callbacks: Sequence[TrainerCallback] = (),
    **changed: object,
) -> Trainer:
    """Make a Trainer of six steps that saves every other one."""
    settings: dict[str, object] = {
        "output_dir": str(output),
        "max_steps": 6,
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-3,
        "save_steps": 2,
        "logging_steps": 2,
        "report_to": [],
        "use_cpu": True,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        **changed,
    }
    return Trainer(
        model,
        TrainingArguments(**settings),
        train_dataset=examples(),
        eval_dataset=examples(8),
        processing_class=tokenizer,
        callbacks=list(callbacks),
    )


def measured(store: Path) -> list[tuple[int, str, str]]:
    """Step, revision and model of each checkpoint in a store."""
    found = embstore.open(store).sql(
        "SELECT step, revision, model FROM profile GROUP BY ALL ORDER BY step, model"
    )
    return [(row["step"], row["revision"], row["model"]) for row in found.to_pylist()]


def steps_of(store: Path) -> list[int]:
    return [step for step, _, _ in measured(store)]
