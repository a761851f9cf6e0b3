"""Configurations as text, and what another one says otherwise."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig, LlamaConfig, Mamba2Config, PretrainedConfig, ViTConfig

from embstore.checkpoints.locate import locate
from embstore.models.config_text import config_changes, config_text
from embstore.models.loaded import load_config
from tests.tiny_models import FAMILIES


def llama(**settings: Any) -> LlamaConfig:
    return LlamaConfig(hidden_size=32, num_attention_heads=2, **settings)


def test_text_is_canonical_and_tells_no_path(tiny_llama: Path) -> None:
    config = load_config(locate(str(tiny_llama)))
    text = config_text(config)
    found = json.loads(text)
    assert text == json.dumps(found, sort_keys=True, separators=(",", ":"))
    assert (found["hidden_size"], found["model_type"]) == (32, "llama")
    # A default that no file has.
    assert "rms_norm_eps" in found
    assert str(tiny_llama.parent) not in text


def test_names_of_classes_are_left_out() -> None:
    assert "LABEL" not in config_text(ViTConfig(num_labels=1000))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_configuration_is_itself_after_it_was_saved(family: str, tmp_path: Path) -> None:
    config = AutoConfig.for_model(family, **FAMILIES[family])
    config.save_pretrained(tmp_path)
    again = AutoConfig.from_pretrained(tmp_path)
    assert config_changes(again, config_text(config)) == []
    # By a version of transformers with one setting more and one less.
    other = json.loads(config_text(config))
    other.pop("vocab_size", None)
    assert config_changes(again, json.dumps(other | {"unheard_of": 1})) == []


def test_numbers_that_json_lacks() -> None:
    config = Mamba2Config(time_step_limit=(0.0, math.inf))
    text = config_text(config)
    assert json.loads(text, parse_constant=pytest.fail)["time_step_limit"] == [0.0, "inf"]
    assert config_changes(config, text) == []
    (change,) = config_changes(Mamba2Config(time_step_limit=(0.0, 0.1)), text)
    assert change == 'time_step_limit was [0.0, "inf"], is [0.0, 0.1]'


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({"rms_norm_eps": 1e-6}, {"rms_norm_eps": 1e-5}, ["rms_norm_eps was 1e-06, is 1e-05"]),
        ({}, {"hidden_act": "gelu"}, ['hidden_act was "silu", is "gelu"']),
        ({}, {"attention_bias": True}, ["attention_bias was false, is true"]),
        ({"rope_theta": 1e4}, {"rope_theta": 5e5}, ["rope_theta was 10000.0, is 500000.0"]),
        (
            {},
            {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}},
            ['rope_type was "default", is "linear"'],
        ),
        # Nothing is trained, nothing is generated.
        ({}, {"attention_dropout": 0.1, "initializer_range": 1.0}, []),
        ({}, {"use_cache": False, "eos_token_id": [2, 3], "dtype": "bfloat16"}, []),
    ],
)
def test_what_changes_hidden_states_is_told(
    before: dict[str, Any], now: dict[str, Any], said: list[str]
) -> None:
    changes = config_changes(llama(**now), config_text(llama(**before)))
    # Where transformers keeps a setting depends on its version.
    assert [change.rpartition("rope_parameters.")[2] for change in changes] == said


def test_part_of_a_model_that_scales_its_embeddings_by_their_dropout() -> None:
    esm: dict[str, Any] = {"vocab_size": 33, "mask_token_id": 32, "pad_token_id": 1}
    before = AutoConfig.for_model("esm", token_dropout=True, **esm)
    now = AutoConfig.for_model("esm", token_dropout=False, **esm)
    assert config_changes(now, config_text(before)) == ["token_dropout was true, is false"]


@pytest.mark.parametrize("before", ["", "{", "[1]", "7"])
def test_what_is_no_configuration_says_nothing(before: str) -> None:
    assert config_changes(llama(), before) == []


def test_a_class_that_takes_no_older_settings_is_compared_as_it_was_written() -> None:
    class Strict(PretrainedConfig):  # type: ignore[misc]
        def __init__(self, width: int = 1, **settings: Any) -> None:
            if settings.get("model_type") or settings.get("return_dict"):
                raise TypeError("unexpected")
            super().__init__(**settings)
            self.width = width

    before = config_text(Strict())
    assert config_changes(Strict(), before) == []
    assert config_changes(Strict(2), before) == ["width was 1, is 2"]
