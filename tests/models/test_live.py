"""Which model of a training is measured, and whether its weights are whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModel

from embstore.errors import ModelError
from embstore.models.live import LiveModel, holds_transformers, spread_by, unwrapped


@pytest.fixture
def model(build: Callable[[str], Path]) -> nn.Module:
    made: nn.Module = AutoModel.from_config(AutoConfig.from_pretrained(build("llama")))
    return made


def test_the_model_beneath_its_wrappers(model: nn.Module) -> None:
    compiled: Any = torch.compile(model, backend="eager")
    wrapped: nn.Module = nn.DataParallel(compiled)
    assert unwrapped(wrapped) is model
    assert LiveModel(wrapped, "m", remote_code=False).saved is model


def test_a_model_is_found_once_however_often_it_is_held(model: nn.Module) -> None:
    holder = nn.ModuleDict({"one": model, "other": nn.Sequential(nn.Linear(2, 2), model)})
    assert LiveModel(holder, "m", remote_code=False).saved is model
    assert holds_transformers(holder)


def test_none_or_several_are_refused(model: nn.Module, build: Callable[[str], Path]) -> None:
    assert not holds_transformers(nn.Linear(2, 2))
    with pytest.raises(ModelError, match="holds 0 models of transformers"):
        LiveModel(nn.Linear(2, 2), "m", remote_code=False)
    teacher = AutoModel.from_config(AutoConfig.from_pretrained(build("gpt2")))
    both = nn.ModuleDict({"student": model, "teacher": teacher})
    with pytest.raises(ModelError, match=r"holds 2 models of transformers .*GPT2Model"):
        LiveModel(both, "m", remote_code=False)


def test_an_adapter_that_cannot_be_merged_is_refused(model: nn.Module) -> None:
    adapter = type("Adapter", (), {"peft_type": "PREFIX_TUNING"})
    model.peft_config = {"default": adapter}  # type: ignore[assignment]
    with pytest.raises(ModelError, match="kind PREFIX_TUNING"):
        LiveModel(model, "m", remote_code=False)


def test_a_copy_shares_weights_of_its_dtype_and_nothing_else(model: nn.Module) -> None:
    live = LiveModel(model.train(), "m", remote_code=False)
    weights = live.weights(torch.float32)
    assert weights is not None
    assert not weights.module.training
    assert model.training
    pairs = list(zip(weights.module.parameters(), model.parameters(), strict=True))
    assert all(one.data_ptr() == other.data_ptr() for one, other in pairs)
    assert not any(one.requires_grad for one, _ in pairs)
    buffers = zip(weights.module.buffers(), model.buffers(), strict=True)
    assert all(one.data_ptr() != other.data_ptr() for one, other in buffers)
    narrow = live.weights(torch.bfloat16)
    assert narrow is not None
    assert {weight.dtype for weight in narrow.module.parameters()} == {torch.bfloat16}
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}


def test_weights_that_are_spread_are_recognised(model: nn.Module) -> None:
    assert spread_by(model) is None
    next(model.parameters()).ds_id = 0  # type: ignore[attr-defined]
    assert spread_by(model) == "DeepSpeed ZeRO-3"
    sharded = type("FullyShardedDataParallel", (nn.Module,), {})
    assert spread_by(nn.Sequential(sharded())) == "FSDP"


class Params4bit(nn.Parameter):
    """What a quantiser makes of a weight, by where it is from."""


Params4bit.__module__ = "bitsandbytes.nn.modules"


@pytest.mark.parametrize(
    "packed",
    [
        nn.Parameter(torch.zeros(8, 1, dtype=torch.uint8), requires_grad=False),
        nn.Parameter(torch.zeros(2, 2, dtype=torch.float8_e4m3fn), requires_grad=False),
        Params4bit(torch.zeros(2, 2)),
    ],
    ids=["bytes", "float8", "of a quantiser"],
)
def test_quantised_weights_beneath_an_adapter_are_named(
    model: nn.Module, packed: nn.Parameter
) -> None:
    model.peft_config = {"default": type("Adapter", (), {"peft_type": "LORA"})}  # type: ignore[assignment]
    live = LiveModel(model.to(torch.bfloat16), "m", remote_code=False)
    found = [live.packed_beneath]
    part = model.layers[1].self_attn.q_proj  # type: ignore[index,union-attr]
    part.weight = packed
    found.append(live.packed_beneath)
    # A quantised model alone is saved as it is, and its checkpoint measured so.
    del model.peft_config
    found.append(live.packed_beneath)
    assert found == [None, "layers.1.self_attn.q_proj.weight", None]
