"""Running a model on a trial input that it is known to take."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel

from embstore.errors import ModelError
from embstore.models import forward_pass
from embstore.models.forward_pass import block_input, forward, takes_images, trial_inputs
from tests import tiny_images, tiny_models


def built(folder: Path) -> nn.Module:
    module: nn.Module = AutoModel.from_pretrained(folder).eval()
    return module


def test_trial_tokens_are_plain_words_of_the_vocabulary(tiny_llama: Path) -> None:
    inputs = trial_inputs(built(tiny_llama), AutoConfig.from_pretrained(tiny_llama), rows=3)
    assert inputs.keys() == {"input_ids"}
    assert inputs["input_ids"].shape == (3, 12)
    # Low ids usually are special.
    assert 10 <= inputs["input_ids"].min() <= inputs["input_ids"].max() < 200


@pytest.mark.parametrize("vocab_size", [2, 3, 9, 11, 12, 200])
def test_the_last_token_of_a_trial_is_another_than_the_first(
    tiny_llama: Path, vocab_size: int
) -> None:
    config = AutoConfig.from_pretrained(tiny_llama)
    config.vocab_size, config.pad_token_id = vocab_size, vocab_size // 2 if vocab_size > 2 else None
    ids = trial_inputs(built(tiny_llama), config, rows=40)["input_ids"]
    assert (ids[:, 0] != ids[:, -1]).all()
    assert config.pad_token_id is None or (ids != config.pad_token_id).all()
    assert ids.max() < vocab_size


def test_two_stacks_are_tried_on_different_tokens(tmp_path: Path) -> None:
    module = built(tiny_models.build("t5", tmp_path))
    inputs = trial_inputs(module, AutoConfig.from_pretrained(tmp_path), rows=2)
    assert not torch.equal(inputs["input_ids"], inputs["decoder_input_ids"])
    states = forward(module, inputs).states
    assert {name: len(found) for name, found in states.items()} == {
        "encoder_hidden_states": 4,
        "decoder_hidden_states": 4,
    }


def test_models_of_images_are_tried_on_one_image(tmp_path: Path) -> None:
    module = built(tiny_images.build("vit", tmp_path))
    assert takes_images(module)
    inputs = trial_inputs(module, AutoConfig.from_pretrained(tmp_path), rows=3)
    assert {name: tuple(x.shape) for name, x in inputs.items()} == {"pixel_values": (1, 3, 32, 32)}
    output = forward(module, inputs)
    assert output.last is not None
    assert output.last.shape == output.states["hidden_states"][-1].shape == (1, 17, 32)


class Silent(nn.Module):
    """Stands for a model that keeps its states to itself."""

    def forward(self, **_inputs: object) -> dict[str, Tensor]:
        return {"last_hidden_state": torch.zeros(1, 12, 4)}


def test_a_model_that_returns_no_hidden_states() -> None:
    with pytest.raises(ModelError, match="Silent returns no hidden states; it cannot be measured"):
        forward(Silent(), {"input_ids": torch.zeros(1, 12, dtype=torch.int64)})


def test_a_model_is_run_on_the_device_of_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[object] = []

    @contextlib.contextmanager
    def note(device: torch.device) -> Iterator[None]:
        ran.append(device)
        yield
        ran.append("left")

    class Noted(nn.Module):
        def forward(self, **_inputs: object) -> dict[str, object]:
            ran.append("run")
            return {"hidden_states": (torch.zeros(1, 12, 4),)}

    monkeypatch.setattr(forward_pass, "current", note)
    forward(Noted(), {"input_ids": torch.zeros(1, 12, dtype=torch.int64)})
    assert ran == [torch.device("cpu"), "run", "left"]


def test_a_block_may_call_its_state_anything() -> None:
    state, mask = torch.zeros(1, 2, 3), torch.zeros(1, 2, dtype=torch.int64)
    assert block_input((state, mask), {}) is state
    assert block_input((), {"attention_mask": mask, "hidden_states": state}) is state
    assert block_input((), {"mask": mask, "x": state}) is state
    assert block_input((), {"mask": mask}) is None
