"""The callback in a Trainer of Lightning."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

import embstore
from embstore.callback import EmbstoreLightningCallback
from embstore.errors import ModelError, UsageError
from embstore.ingestion.training.how import How
from tests.ingestion.training.plain_models import GPT
from tests.ingestion.training.trainings import examples

# What Lightning says of small data, few cores and a machine without accelerator.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import lightning.pytorch as pl
    from lightning.pytorch.loggers import TensorBoardLogger


class Module(pl.LightningModule):
    """A language model, the way people train it with Lightning."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        if isinstance(self.model, GPT):
            loss = torch.as_tensor(self.model(batch["input_ids"], batch["labels"])[1])
        else:
            loss = torch.as_tensor(self.model(**batch).loss)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


@pytest.fixture
def fit(tmp_path: Path) -> Callable[..., pl.Trainer]:
    """Train for six steps."""

    def run(module: Module, *callbacks: pl.Callback, **changed: Any) -> pl.Trainer:
        pl.seed_everything(0, verbose=False)
        settings: dict[str, Any] = {
            "max_steps": 6,
            "accelerator": "cpu",
            "devices": 1,
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "default_root_dir": str(tmp_path),
            **changed,
        }
        trainer = pl.Trainer(callbacks=list(callbacks), **settings)
        loader: Any = torch.utils.data.DataLoader(
            examples(),  # type: ignore[arg-type]
            batch_size=4,
            shuffle=True,
        )
        trainer.fit(module, loader)
        return trainer

    return run


@pytest.fixture
def callback(
    text: Path, store: Path, how: How, tokenizer: PreTrainedTokenizerFast
) -> Callable[..., EmbstoreLightningCallback]:
    def make(**options: Any) -> EmbstoreLightningCallback:
        given = {
            "corpus": text,
            "store": store,
            "name": "lit",
            "tokenizer": tokenizer,
            "max_overhead": None,
            **how,
            **options,
        }
        return EmbstoreLightningCallback(**given)

    return make


def _steps(store: Path) -> list[int]:
    found = embstore.open(store).sql("SELECT DISTINCT step FROM profile ORDER BY step")
    steps: list[int] = found["step"].to_pylist()
    return steps


def test_training_is_unchanged_and_steps_are_those_of_the_schedule(
    store: Path,
    make_model: Callable[..., nn.Module],
    fit: Callable[..., pl.Trainer],
    callback: Callable[..., EmbstoreLightningCallback],
) -> None:
    weights = []
    for callbacks in ([], [callback()]):
        module = Module(make_model())
        fit(module, *callbacks)
        weights.append([tensor.tolist() for tensor in module.state_dict().values()])
    assert weights[0] == weights[1]
    assert _steps(store) == [0, 1, 2, 4, 6]


def test_batches_that_are_gathered_make_one_step(
    store: Path,
    make_model: Callable[..., nn.Module],
    fit: Callable[..., pl.Trainer],
    callback: Callable[..., EmbstoreLightningCallback],
) -> None:
    lines: list[str] = []
    fit(
        Module(make_model()),
        callback(every=1, say=lines.append),
        accumulate_grad_batches=3,
        max_steps=3,
    )
    assert _steps(store) == [0, 1, 2, 3]
    assert len(lines) == 4


def test_when_a_checkpoint_is_saved(
    store: Path,
    tmp_path: Path,
    make_model: Callable[..., nn.Module],
    fit: Callable[..., pl.Trainer],
    callback: Callable[..., EmbstoreLightningCallback],
) -> None:
    saver = pl.callbacks.ModelCheckpoint(
        dirpath=tmp_path / "saved", every_n_train_steps=2, save_top_k=-1
    )
    fit(Module(make_model()), saver, callback(every="save"), enable_checkpointing=True)
    assert _steps(store) == [2, 4, 6]


def test_loggers_get_the_numbers_at_their_steps(
    store: Path,
    tmp_path: Path,
    make_model: Callable[..., nn.Module],
    fit: Callable[..., pl.Trainer],
    callback: Callable[..., EmbstoreLightningCallback],
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(tmp_path, name="log")
    fit(Module(make_model()), callback(every=2), logger=logger)
    events = EventAccumulator(logger.log_dir)
    events.Reload()
    steps = [event.step for event in events.Scalars("embstore/mean_cosine/largest")]
    assert steps == _steps(store) == [0, 2, 4, 6]


def test_a_model_of_ones_own(
    store: Path,
    fit: Callable[..., pl.Trainer],
    callback: Callable[..., EmbstoreLightningCallback],
) -> None:
    fit(Module(GPT()), callback(model=lambda module: module.model, every=3))
    assert _steps(store) == [0, 3, 6]


def test_which_model_must_be_clear(
    make_model: Callable[..., nn.Module],
    fit: Callable[..., pl.Trainer],
    callback: Callable[..., EmbstoreLightningCallback],
) -> None:
    module = Module(make_model())
    module.teacher = make_model("llama")
    with pytest.raises(ModelError, match="holds 2 models of transformers"):
        fit(module, callback())


def test_what_is_wrong_is_refused(callback: Callable[..., EmbstoreLightningCallback]) -> None:
    with pytest.raises(UsageError, match="every is 'often'"):
        callback(every="often")
