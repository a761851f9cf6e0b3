"""Of a model of several parts, the one that reads token ids is measured."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    AutoModel,
    CLIPConfig,
    Gemma3Config,
    LlamaConfig,
    LlamaForCausalLM,
    MBartConfig,
    MusicgenConfig,
    PLBartConfig,
    PretrainedConfig,
    PreTrainedModel,
    T5Config,
    T5EncoderModel,
    T5GemmaConfig,
)

from embstore.checkpoints.locate import locate
from embstore.errors import ModelError
from embstore.inputs.windows import Windows, padded
from embstore.models.description import describe, model_size
from embstore.models.hidden_states import hidden_batches
from embstore.models.loaded import LoadedModel
from embstore.models.stacks import reading_config
from embstore.types import LayerKey, Site
from tests import tiny_models

_TEXT = {
    "vocab_size": tiny_models.VOCAB,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 128,
}
_VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 16,
    "patch_size": 8,
}
IDS = np.random.default_rng(0).integers(5, tiny_models.VOCAB, size=(2, 10))


def save(model: PreTrainedModel, folder: Path, tokens_of: Path) -> Path:
    model.save_pretrained(folder)
    for file in tokens_of.glob("tokenizer*"):
        shutil.copy(file, folder)
    return folder


def states_of(model: LoadedModel) -> dict[LayerKey, torch.Tensor]:
    windows = Windows(IDS, np.ones(IDS.shape, dtype=bool), 0, "")
    (batch,) = hidden_batches(model, windows, batch_size=2)
    return batch.states


def test_the_text_stack_of_a_multimodal_model(tiny_llama: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = AutoModel.from_config(
        Gemma3Config(text_config=_TEXT, vision_config=_VISION, mm_tokens_per_image=4)
    ).eval()
    folder = save(whole, tmp_path / "gemma3", tiny_llama)
    loaded = tiny_models.load(folder)
    assert (loaded.facts.kind, loaded.facts.architecture) == ("decoder", "gemma3_text")
    assert (loaded.facts.n_layers, loaded.facts.hidden_size) == (3, 32)
    assert not any("vision" in name for name, _ in loaded.module.named_modules())
    with torch.inference_mode():
        expected = whole(input_ids=torch.from_numpy(IDS), output_hidden_states=True)
    found = states_of(loaded)
    for i in range(3):
        site: Site = "block" if i else "embedding"
        torch.testing.assert_close(found[LayerKey("decoder", i, site)], expected.hidden_states[i])
    torch.testing.assert_close(
        found[LayerKey("decoder", 3, "final_norm")], expected.last_hidden_state
    )


def test_the_text_stack_of_a_model_of_pairs(tiny_llama: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = AutoModel.from_config(
        CLIPConfig(text_config={**_TEXT, "eos_token_id": 2}, vision_config=_VISION)
    ).eval()
    loaded = tiny_models.load(save(whole, tmp_path / "clip", tiny_llama))
    assert (loaded.facts.kind, loaded.facts.architecture) == ("decoder", "clip_text_model")
    with torch.inference_mode():
        expected = whole.text_model(input_ids=torch.from_numpy(IDS)).last_hidden_state
    torch.testing.assert_close(states_of(loaded)[LayerKey("decoder", 3, "final_norm")], expected)


@pytest.mark.parametrize("kind", [MBartConfig, PLBartConfig])
def test_a_decoder_that_begins_with_the_last_token_of_a_text(
    kind: type[PretrainedConfig], tiny_llama: Path, tmp_path: Path
) -> None:
    """As these are trained: the last token names the language; they shift by themselves here."""
    torch.manual_seed(0)
    sizes = {f"{stack}_{key}": n for stack in ("encoder", "decoder")
             for key, n in (("layers", 3), ("attention_heads", 2), ("ffn_dim", 64))}  # fmt: skip
    config = kind(d_model=32, vocab_size=200, max_position_embeddings=128, **sizes)
    whole = AutoModel.from_config(config).eval()
    loaded = tiny_models.load(save(whole, tmp_path / "whole", tiny_llama))
    assert loaded.decoder_start_token_id is None
    rows = [IDS[0].tolist(), IDS[1, :6].tolist()]
    (batch,) = hidden_batches(loaded, padded(rows, 0), batch_size=2)
    assert batch.ids["decoder"][:, 0].tolist() == [rows[0][-1], rows[1][-1]]
    for row in range(2):
        with torch.inference_mode():
            expected = whole(input_ids=torch.tensor([rows[row]]), output_hidden_states=True)
        found = batch.states[LayerKey("decoder", 1, "block")][row, : len(rows[row])]
        # Padding makes products of other shapes, which round another way.
        torch.testing.assert_close(
            found, expected.decoder_hidden_states[1][0], rtol=1e-4, atol=1e-5
        )


def test_an_encoder_and_a_decoder_with_a_configuration_each(
    tiny_llama: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    stack = {**_TEXT, "bos_token_id": 4}
    whole = AutoModel.from_config(
        T5GemmaConfig(encoder=stack, decoder={**stack, "hidden_size": 32}, vocab_size=200)
    ).eval()
    folder = save(whole, tmp_path / "t5gemma", tiny_llama)
    loaded = tiny_models.load(folder)
    assert loaded.facts.kind == "encoder-decoder"
    assert [layout.n_layers for layout in loaded.stacks] == [3, 3]
    # Its decoder begins with its own first token, as in training.
    assert loaded.decoder_start_token_id == 4
    size = model_size(describe(locate(str(folder))))
    assert (size.n_layers, size.hidden_size) == ((3, 3), 32)
    assert size.n_parameters == loaded.facts.n_parameters
    shifted = torch.from_numpy(IDS).roll(1, 1)
    shifted[:, 0] = 4
    with torch.inference_mode():
        expected = whole(input_ids=torch.from_numpy(IDS), decoder_input_ids=shifted)
    found = states_of(loaded)
    torch.testing.assert_close(
        found[LayerKey("decoder", 3, "final_norm")], expected.last_hidden_state
    )
    torch.testing.assert_close(
        found[LayerKey("encoder", 3, "final_norm")], expected.encoder_last_hidden_state
    )


@pytest.mark.parametrize("said", [True, False])
def test_an_encoder_that_was_saved_without_its_decoder(
    tiny_llama: Path, tmp_path: Path, said: bool
) -> None:
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=tiny_models.VOCAB,
        d_model=32,
        d_ff=64,
        d_kv=16,
        num_layers=2,
        num_heads=2,
        decoder_start_token_id=0,
    )
    encoder = T5EncoderModel(config).eval()
    folder = save(encoder, tmp_path / "t5", tiny_llama)
    # Published encoders keep what the configuration of the whole model said.
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"is_encoder_decoder": said}))
    loaded = tiny_models.load(folder)
    assert (loaded.facts.kind, loaded.facts.n_layers) == ("encoder", 2)
    assert model_size(describe(locate(str(folder)))).n_parameters == loaded.facts.n_parameters
    with torch.inference_mode():
        expected = encoder(input_ids=torch.from_numpy(IDS)).last_hidden_state
    torch.testing.assert_close(states_of(loaded)[LayerKey("encoder", 2, "final_norm")], expected)


@pytest.fixture
def tied(tiny_llama: Path, tmp_path: Path) -> tuple[nn.Module, Path]:
    """A decoder of which only the head's half of the tied embeddings is saved."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**_TEXT, tie_word_embeddings=True)).eval()
    folder = save(model, tmp_path / "tied", tiny_llama)
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"] = weights.pop("model.embed_tokens.weight")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return model.model, folder


def test_embeddings_that_are_saved_as_the_head_only(tied: tuple[nn.Module, Path]) -> None:
    expected, folder = tied
    found = dict(tiny_models.load(folder).module.named_parameters())
    assert found.keys() == dict(expected.named_parameters()).keys()
    assert all(torch.equal(found[key], weight) for key, weight in expected.named_parameters())


def test_a_head_that_is_not_tied_is_not_taken_for_embeddings(
    tied: tuple[nn.Module, Path],
) -> None:
    _, folder = tied
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"tie_word_embeddings": False}))
    with pytest.raises(ModelError, match=r"lacks 1 weight, embed_tokens\.weight first"):
        tiny_models.load(folder)


def test_several_models_none_of_which_is_known_to_read_text(build: Callable[[str], Path]) -> None:
    text = {"model_type": "t5", "d_model": 32}
    audio = {"model_type": "encodec"}
    config = MusicgenConfig(text_encoder=text, audio_encoder=audio, decoder={})
    with pytest.raises(ModelError, match=r"musicgen, has no hidden_size .* save_pretrained"):
        reading_config(config, "music")
