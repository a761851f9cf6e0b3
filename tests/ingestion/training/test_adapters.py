"""The model beneath an adapter in training is the one that its checkpoints are read with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

import embstore
from embstore.errors import ModelError
from embstore.ingestion.training.how import How

pytestmark = [
    pytest.mark.slow,
    # What peft asks of transformers is on its way out there.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]

Record = Callable[..., embstore.Recorder]
NUMBERS = "SELECT layer, site, metric, value FROM profile WHERE scope = 'all' ORDER BY ALL"


@pytest.fixture
def base(
    tmp_path: Path, make_model: Callable[..., nn.Module], tokenizer: PreTrainedTokenizerFast
) -> Path:
    folder = tmp_path / "base"
    make_model("llama").save_pretrained(folder)  # type: ignore[operator]
    tokenizer.save_pretrained(folder)
    return folder


def adapted(model: nn.Module, **changed: Any) -> Any:
    settings: dict[str, Any] = {"r": 4, "target_modules": ["q_proj", "v_proj"]}
    settings |= {"init_lora_weights": False, **changed}
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))


def read(folder: Path, **options: Any) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, **options).train()


@pytest.fixture
def ingested(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, text: Path, how: How
) -> Callable[..., embstore.Store]:
    """Ingest what a model is saved as, into a store of its own."""

    def ingest(model: Any, **options: Any) -> embstore.Store:
        folder = tmp_path / "out" / "checkpoint-5"
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        store = tmp_path / "saved.duckdb"
        embstore.ingest(tmp_path / "out", corpus=text, store=store, **how, **options)
        return embstore.open(store)

    return ingest


def test_a_base_in_fewer_digits_is_measured_as_it_is_saved(
    base: Path,
    store: Path,
    make_model: Callable[..., nn.Module],
    record: Record,
    ingested: Callable[..., embstore.Store],
) -> None:
    # Without frequencies, which in fewer digits would have the checkpoint read anyway.
    make_model("opt").save_pretrained(base)  # type: ignore[operator]
    model = adapted(read(base, dtype=torch.bfloat16))
    with record(model) as recorder:
        live = recorder.measure(5)
    assert live.status == "measured", live.reason
    saved = ingested(model)
    assert saved.sql("SELECT run_id FROM run").to_pylist() == [{"run_id": live.run_id}]
    # Both read the same files.
    numbers = embstore.open(store).sql(NUMBERS).to_pylist()
    assert len(numbers) > 20
    assert numbers == saved.sql(NUMBERS).to_pylist()


@pytest.mark.parametrize("init", [False, True, "gaussian", "pissa"])
def test_a_base_with_the_numbers_of_its_files_is_shared(
    base: Path, record: Record, init: bool | str
) -> None:
    read(base, dtype=torch.bfloat16).save_pretrained(base)
    model = adapted(read(base, dtype=torch.float32), init_lora_weights=init)
    with record(model) as recorder:
        assert recorder._subject._shares  # type: ignore[attr-defined]


def test_a_base_that_another_adapter_was_merged_into_is_refused(base: Path, record: Record) -> None:
    merged = adapted(read(base), target_modules=["o_proj"]).merge_and_unload()
    with pytest.raises(ModelError, match=r"o_proj\.weight has other numbers in .*base.*train on"):
        record(adapted(merged))


# Peft looks for it, too, when it saves.
@pytest.mark.filterwarnings("ignore:Could not find a config file:UserWarning")
def test_a_base_that_is_nowhere_is_refused_before_the_first_step(
    base: Path, tmp_path: Path, record: Record
) -> None:
    model = adapted(read(base))
    base.rename(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="out is an adapter; its base: "):
        record(model)


def test_a_pickled_base_can_be_allowed(
    base: Path, record: Record, ingested: Callable[..., embstore.Store]
) -> None:
    model = read(base)
    torch.save(model.state_dict(), base / "pytorch_model.bin")
    (base / "model.safetensors").unlink()
    model = adapted(model)
    with pytest.raises(ModelError, match=r"only pickled weights .*allow_pickle=True"):
        record(model)
    with record(model, allow_pickle=True) as recorder:
        assert recorder._subject._shares  # type: ignore[attr-defined]
        live = recorder.measure(5)
    assert live.status == "measured", live.reason
    saved = ingested(model, allow_pickle=True)
    assert saved.sql("SELECT run_id FROM run").to_pylist() == [{"run_id": live.run_id}]
