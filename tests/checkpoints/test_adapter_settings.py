"""Which settings of an adapter count as part of its weights."""

import json
from pathlib import Path

import pytest

from embstore.checkpoints.adapter_settings import settings_digest

LORA: dict[str, object] = {"peft_type": "LORA", "r": 8, "lora_alpha": 4}


@pytest.mark.parametrize(
    "other",
    [
        {"lora_alpha": 32},
        {"use_rslora": True},
        {"use_dora": True},
        {"rank_pattern": {"q_proj": 4}},
        {"alpha_pattern": {"q_proj": 4}},
        {"fan_in_fan_out": True},
        {"layer_replication": [[0, 2], [1, 3]]},
        {"trainable_token_indices": [1, 2]},
        {"init_lora_weights": "pissa"},
        {"a_setting_of_a_later_peft": 0.5},
    ],
)
def test_what_decides_the_merged_weights_counts(other: dict[str, object]) -> None:
    assert settings_digest(LORA | other) != settings_digest(LORA)


@pytest.mark.parametrize(
    "other",
    [
        {"base_model_name_or_path": "/data/base", "revision": "v2"},
        {"task_type": "CAUSAL_LM", "peft_version": "0.21.2", "inference_mode": True},
        {"lora_dropout": 0.1, "init_lora_weights": "gaussian", "bias": "none"},
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
        # As a newer peft writes what is not used.
        {"use_dora": False, "rank_pattern": {}, "layer_replication": None},
        {"use_qalora": False, "qalora_group_size": 16},
    ],
)
def test_what_was_for_the_training_or_is_not_used_does_not_count(other: dict[str, object]) -> None:
    assert settings_digest(LORA | other) == settings_digest(LORA)


def test_names_may_come_in_any_order_and_patterns_may_not() -> None:
    def ia3(*names: str) -> str:
        return settings_digest({"peft_type": "IA3", "feedforward_modules": list(names)})

    def lora(**ranks: int) -> str:
        return settings_digest(LORA | {"rank_pattern": ranks})

    assert ia3("fc1", "fc2") == ia3("fc2", "fc1") != ia3("fc1")
    # The first pattern that fits a module holds for it.
    assert lora(proj=2, q_proj=4) != lora(q_proj=4, proj=2)


@pytest.mark.parametrize("kind", ["LoraConfig", "LoHaConfig", "LoKrConfig", "IA3Config"])
def test_what_peft_writes_when_nothing_is_asked_for(kind: str, tmp_path: Path) -> None:
    """Say of new settings of peft's, none of which may change the ids of all adapters."""
    peft = pytest.importorskip("peft")
    getattr(peft, kind)(target_modules=["q"]).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    known = {"peft_type", "r", "lora_alpha", "alpha", "decompose_factor"}
    assert settings_digest(config) == settings_digest(
        {key: value for key, value in config.items() if key in known}
    )
