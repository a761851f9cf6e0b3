"""The settings of an adapter that decide, with its tensors, what it makes of its base."""

import hashlib
import json
from collections.abc import Mapping

# What else an adapter's configuration says: where it is from, how it was trained, and which
# parts of the base it changes, which the names of its tensors say, too. All others count, also
# those that a later peft brings: one too many costs a measurement, one too few hides a change.
_NOT_OF_THE_WEIGHTS = frozenset(
    (
        "alora_invocation_tokens",
        "auto_mapping",
        "base_model_name_or_path",
        "bias",
        "corda_config",
        "eva_config",
        "exclude_modules",
        "inference_mode",
        "init_ia3_weights",
        "init_weights",
        "layers_pattern",
        "layers_to_transform",
        "loftq_config",
        "lora_dropout",
        "lora_ga_config",
        "megatron_config",
        "megatron_core",
        "module_dropout",
        "modules_to_save",
        "peft_version",
        "rank_dropout",
        "rank_dropout_scale",
        "revision",
        "runtime_config",
        "target_modules",
        "target_parameters",
        "task_type",
        "velora_config",
    )
)


def settings_digest(config: Mapping[str, object]) -> str:
    """Return the SHA-256 of the settings that decide an adapter's merged weights.

    What is not set counts as much as what is lacking: an older peft writes fewer settings.

    >>> settings_digest({"lora_alpha": 4, "use_dora": False}) == settings_digest({"lora_alpha": 4})
    True

    Args:
        config: the content of ``adapter_config.json``.
    """
    counting = {
        key: _in_order(config[key]) for key in sorted(config) if _counts(key, config[key], config)
    }
    # What is inside of a setting keeps its order: of several patterns the first that fits holds.
    return hashlib.sha256(json.dumps(counting, separators=(",", ":")).encode()).hexdigest()


def _counts(key: str, value: object, config: Mapping[str, object]) -> bool:
    if key in _NOT_OF_THE_WEIGHTS or value is None or value is False or value in ({}, []):
        return False
    if key == "init_lora_weights":
        # Some ways by name (pissa, olora) take from the base what the adapter begins with.
        return isinstance(value, str) and value != "gaussian"
    return key != "qalora_group_size" or bool(config.get("use_qalora"))


def _in_order(value: object) -> object:
    """Sort names: peft writes sets of them, in an order that changes."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return sorted(value)
    return value
