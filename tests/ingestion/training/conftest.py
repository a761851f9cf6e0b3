"""Small trainings, and the little that is measured of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
)

from embstore import Recorder
from embstore.callback import EmbstoreCallback
from embstore.ingestion.training.how import How
from tests.ingestion.training.trainings import trainer


@pytest.fixture(scope="session")
def how() -> How:
    """What keeps a measurement of a tiny model well below a second."""
    return How(tokens=512, window=64, sample=256, metrics="core", intervals=False)


@pytest.fixture(scope="session")
def tokenizer(tiny_llama: Path) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast.from_pretrained(tiny_llama)


@pytest.fixture
def make_model(build: Callable[[str], Path]) -> Callable[..., nn.Module]:
    """Make a language model of a family, always with the same weights."""
    import torch

    def make(
        family: str = "gpt2", kind: type = AutoModelForCausalLM, **changed: object
    ) -> nn.Module:
        config = AutoConfig.from_pretrained(build(family), **changed)
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            model: nn.Module = kind.from_config(config).train()  # type: ignore[attr-defined]
        return model

    return make


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "runs.duckdb"


@pytest.fixture
def record(
    text: Path, store: Path, how: How, tokenizer: PreTrainedTokenizerFast
) -> Callable[..., Recorder]:
    """Make a recorder of a model, into the store of the test."""

    def make(model: nn.Module, reader: object = tokenizer, **options: object) -> Recorder:
        given = {"corpus": text, "store": store, "name": "out", "say": _nothing, **how, **options}
        return Recorder(model, reader, **given)  # type: ignore[arg-type]

    return make


@pytest.fixture
def callback(text: Path, store: Path, how: How) -> Callable[..., EmbstoreCallback]:
    def make(**options: Any) -> EmbstoreCallback:
        given = {"corpus": text, "store": store, "max_overhead": None, **how, **options}
        return EmbstoreCallback(**given)

    return make


@pytest.fixture
def training(
    tmp_path: Path, make_model: Callable[..., nn.Module], tokenizer: PreTrainedTokenizerFast
) -> Callable[..., Trainer]:
    """Make a Trainer of GPT-2 in a folder of the test."""

    def make(folder: str, callbacks: Sequence[TrainerCallback] = (), **changed: Any) -> Trainer:
        return trainer(make_model(), tokenizer, tmp_path / folder, callbacks, **changed)

    return make


@pytest.fixture
def lines() -> list[str]:
    """What the callback says."""
    return []


def _nothing(_line: str) -> None:
    """Say nothing."""
