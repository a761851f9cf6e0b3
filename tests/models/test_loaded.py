"""Finding and loading models: every mistake gets one line that says what to do."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoTokenizer

from embstore.checkpoints.locate import locate
from embstore.errors import ModelError
from embstore.models.load import read_weights
from embstore.models.loaded import (
    context_length,
    examine,
    load_config,
    load_tokenizer,
    tokenizer_sha256,
)
from tests import tiny_models


def test_sharded_weights_load_and_have_one_fingerprint(tiny_llama: Path, tmp_path: Path) -> None:
    module = tiny_models.load(tiny_llama).module
    module.save_pretrained(tmp_path / "sharded", max_shard_size="40KB")  # type: ignore[operator]
    found = locate(str(tmp_path / "sharded"))
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 1
    assert len(found.checkpoint.weights_sha256) == 64
    sharded = tiny_models.load(tmp_path / "sharded").module
    for a, b in zip(module.parameters(), sharded.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_a_truncated_gguf_file(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelError, match="cannot load the tokenizer of model"):
        load_tokenizer(locate(str(path)))


def test_an_unreadable_config(tiny_llama: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "model"))
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot read the configuration of model"):
        load_config(locate(str(folder)))


def test_context_length_is_the_lower_of_model_and_tokenizer(tiny_llama: Path) -> None:
    located = locate(str(tiny_llama))
    tokenizer = load_tokenizer(located)
    config = load_config(located)
    assert context_length(config, tokenizer) == 128
    tokenizer.model_max_length = 64
    assert context_length(config, tokenizer) == 64


def test_the_tokenizers_fingerprint_ignores_how_it_was_last_called(tiny_llama: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    before = tokenizer_sha256(tokenizer)
    tokenizer("w7 w8 w9", truncation=True, max_length=2)
    assert tokenizer_sha256(tokenizer) == before
    tokenizer.add_tokens(["w9999"])
    assert tokenizer_sha256(tokenizer) != before


def test_a_tokenizer_is_taken_as_its_file_says(tmp_path: Path) -> None:
    """For Qwen2 transformers builds a tokenizer of its own, which here gives nothing."""
    folder = tiny_models.build("qwen2", tmp_path / "model")
    assert AutoTokenizer.from_pretrained(folder)("w7 w8")["input_ids"] == []
    assert load_tokenizer(locate(str(folder)))("w7 w8")["input_ids"] == [7, 8]


def test_a_model_that_cannot_be_run(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    located = locate(str(tiny_llama))
    config = load_config(located)
    weights = read_weights(located, config, device=torch.device("cpu"), dtype=torch.float32)

    def fails(*_args: object, **_inputs: object) -> None:
        raise TypeError("no such argument\nand more")

    monkeypatch.setattr(weights.module, "forward", fails)
    with pytest.raises(ModelError, match=r"^cannot run tiny-llama: no such argument and more$"):
        examine(weights, located, config)


def test_a_model_without_its_tokenizer(tmp_path: Path) -> None:
    folder = tiny_models.build("gpt2", tmp_path / "bare")
    for file in folder.glob("*token*"):
        file.unlink()
    with pytest.raises(ModelError, match="tokenizer"):
        load_tokenizer(locate(str(folder)))


def test_positions_behind_the_padding_index_are_not_for_text() -> None:
    from transformers import PreTrainedTokenizerFast, RobertaConfig

    located = RobertaConfig(max_position_embeddings=514, pad_token_id=1)
    unlimited = PreTrainedTokenizerFast(tokenizer_object=tiny_models.words())
    assert context_length(located, unlimited) == 512


class Packed(nn.Module):
    """A linear layer that keeps its numbers as quantisers do, where no parameters are."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.register_buffer("packed", linear.weight.detach())

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(states, self.get_buffer("packed"))


def test_the_weights_of_a_quantised_model_are_counted_as_what_they_stand_for(
    tiny_llama: Path,
) -> None:
    located = locate(str(tiny_llama))
    config = load_config(located)
    weights = read_weights(located, config, device=torch.device("cpu"), dtype=torch.float32)
    module: Any = weights.module
    n_parameters = sum(weight.numel() for weight in module.parameters())
    for layer in module.layers:
        layer.mlp.up_proj = Packed(layer.mlp.up_proj)
    config.quantization_config = {"quant_method": "gptq", "bits": 4}
    facts = examine(weights, located, config, fast_linears=False).facts
    assert facts.n_parameters == n_parameters
