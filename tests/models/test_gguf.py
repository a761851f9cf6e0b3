"""A GGUF file gives the model that was written into it, or one drawn by a seed."""

import json
import os
import shutil
import struct
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoModel

from embstore.checkpoints.find import find
from embstore.checkpoints.locate import locate_files
from embstore.checkpoints.located import Located, Permissions
from embstore.models.load import read_weights
from embstore.models.loaded import load_config, load_tokenizer
from embstore.types import Checkpoint

gguf = pytest.importorskip("gguf")
pytest.importorskip("accelerate")

_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def interleaved(matrix: NDArray[np.float32], n_heads: int) -> NDArray[np.float32]:
    """Order rows as GGUF does: the two halves that are rotated together alternate."""
    halves = matrix.reshape(n_heads, 2, -1, matrix.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(matrix.shape))


@pytest.fixture
def located(tiny_llama: Path, tmp_path: Path) -> Located:
    """The tiny model written as GGUF, tensor by tensor."""
    weights = {
        key: w.numpy() for key, w in AutoModel.from_pretrained(tiny_llama).state_dict().items()
    }
    writer = gguf.GGUFWriter(tmp_path / "tiny.gguf", "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(32)
    writer.add_block_count(3)
    writer.add_feed_forward_length(64)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_rope_dimension_count(16)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(200)
    writer.add_tensor("token_embd.weight", weights["embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", weights["norm.weight"])
    for layer in range(3):
        for name, short in _NAMES.items():
            weight = weights[f"layers.{layer}.{name}.weight"]
            if short in ("attn_q", "attn_k"):
                weight = interleaved(weight, 2)
            writer.add_tensor(f"blk.{layer}.{short}.weight", weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return Located("tiny", "gguf", tmp_path, "tiny.gguf", Checkpoint("local", "0" * 64, 1))


def read(located: Located) -> dict[str, torch.Tensor]:
    config = load_config(located)
    assert (config.model_type, config.num_hidden_layers, config.hidden_size) == ("llama", 3, 32)
    weights = read_weights(located, config, device=torch.device("cpu"), dtype=torch.float32)
    return dict(weights.module.named_parameters())


def test_the_weights_are_those_that_were_written(
    located: Located, tiny_llama: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = read(located)
    expected = dict(AutoModel.from_pretrained(tiny_llama).named_parameters())
    assert found.keys() == expected.keys()
    for key, weight in expected.items():
        torch.testing.assert_close(found[key], weight, rtol=0, atol=0)


def test_reading_shows_nothing(located: Located, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    read(located)
    assert capfd.readouterr() == ("", "")


def test_the_file_is_read_once_for_configuration_and_weights(
    located: Located, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, names = gguf.GGUFReader, gguf.get_tensor_name_map
    opened: list[Path] = []
    memmap = np.memmap

    def count(path: Path, **options: Any) -> Any:
        opened.append(path)
        return memmap(path, **options)

    module = SimpleNamespace(**{**vars(np), "memmap": count})
    monkeypatch.setattr("gguf.gguf_reader.np", module)
    read(located)
    assert len(opened) == 1
    # What was read is let go, and gguf is as it was.
    read(located)
    assert len(opened) == 2
    assert (gguf.GGUFReader, gguf.get_tensor_name_map) == (plain, names)


def test_an_adapter_beside_the_file_is_none_of_it(located: Located, tiny_llama: Path) -> None:
    settings = {"peft_type": "LORA", "base_model_name_or_path": str(tiny_llama), "r": 2}
    (located.folder / "adapter_config.json").write_text(json.dumps(settings))
    found = read(located)
    expected = dict(AutoModel.from_pretrained(tiny_llama).named_parameters())
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], weight) for key, weight in expected.items())


def test_a_file_that_changed_is_read_anew(located: Located) -> None:
    assert load_config(located).num_hidden_layers == 3
    path = located.folder / "tiny.gguf"
    written = path.read_bytes()
    key = b"llama.block_count" + struct.pack("<I", 4)
    assert written.count(key + struct.pack("<I", 3)) == 1
    path.write_bytes(written.replace(key + struct.pack("<I", 3), key + struct.pack("<I", 2)))
    os.utime(path, (1e9, 1e9))
    assert load_config(located).num_hidden_layers == 2


def test_a_seed_draws_other_weights_of_the_same_shapes(located: Located) -> None:
    written, drawn = read(located), read(replace(located, init_seed=1))
    again = read(replace(located, init_seed=1))
    assert {key: w.shape for key, w in drawn.items()} == {k: w.shape for k, w in written.items()}
    assert all(torch.equal(drawn[key], again[key]) for key in drawn)
    assert not torch.equal(drawn["embed_tokens.weight"], written["embed_tokens.weight"])


def test_the_tokenizer_of_another_model_is_used(located: Located, tiny_llama: Path) -> None:
    """Also one that lies beside the file; the file's own is not even looked at: it has none."""
    shutil.copytree(tiny_llama, located.folder / "other")
    for file in tiny_llama.glob("tokenizer*"):
        shutil.copy(file, located.folder)
    for other in (located.folder / "other", located.folder):
        (candidate,) = find(str(located.folder / "tiny.gguf"), tokenizer=str(other))
        found = locate_files(candidate, Permissions())
        assert found.tokenizer_folder == other
        tokenizer = load_tokenizer(found)
        assert tokenizer("w7 w150", add_special_tokens=False)["input_ids"] == [7, 150]
