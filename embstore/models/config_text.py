"""A model's configuration as text that a store keeps, and what another one says otherwise."""

import copy
import json
import math
from collections.abc import Iterator, Mapping

import transformers

# Where it lies, and names of classes: of a thousand kinds of images they take more than all else.
_LEFT_OUT = frozenset({"_name_or_path", "transformers_version", "id2label", "label2id"})
# What no hidden state depends on, with nothing trained and nothing generated. What has one of
# the parts in its name is for training, too.
_IDLE = frozenset(
    {
        *("architectures", "auto_map", "dtype", "torch_dtype", "problem_type", "num_labels"),
        *("use_cache", "return_dict", "output_attentions", "output_hidden_states"),
        *("bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id"),
        *("gradient_checkpointing", "output_router_logits", "task_specific_params"),
    }
)
_IDLE_PARTS = ("drop", "initializer", "init_std", "loss")
# ESM scales its embeddings where it is true.
_NOT_IDLE = "token_dropout"


def config_text(config: transformers.PretrainedConfig) -> str:
    """Return a configuration as canonical JSON: sorted keys, no spaces, no path.

    Defaults that its file leaves to transformers are in it.
    """
    return json.dumps(_plain(config.to_dict()), sort_keys=True, separators=(",", ":"))


def config_changes(config: transformers.PretrainedConfig, before: str) -> list[str]:
    """Say what a configuration says otherwise than an earlier one of the same model.

    Args:
        config: as it is now.
        before: the text of the earlier one, perhaps by another version of transformers. It is read
            by this one, so that what only changed its name or was written down differently is
            no change.

    Returns:
        Each change as ``rope_theta was 10000.0, is 500000.0``. What no hidden state depends
        on is passed over, and so is what only one of both has. A text that is no configuration
        says nothing.
    """
    if before == (now := config_text(config)):
        return []
    try:
        said = json.loads(before)
    except ValueError:
        return []
    older, newer = (dict(_leaves(each)) for each in (_read_again(config, said), json.loads(now)))
    return [
        f"{name} was {_shown(older[name])}, is {_shown(newer[name])}"
        for name in sorted(older.keys() & newer.keys())
        if older[name] != newer[name]
    ]


def _read_again(config: transformers.PretrainedConfig, said: object) -> object:
    """Return what the class of a configuration makes of an earlier one; that itself, if nothing."""
    try:
        return _plain(type(config).from_dict(copy.deepcopy(said)).to_dict())
    except Exception:
        # Classes check what they are given, each in its way.
        return said


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(k): _plain(item) for k, item in value.items() if k not in _LEFT_OUT}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        # JSON has no such number.
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _leaves(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Yield what decides hidden states, by the names that lead there with dots between."""
    if not isinstance(value, Mapping):
        yield name, value
        return
    for key, item in value.items():
        idle = key in _IDLE or any(part in key for part in _IDLE_PARTS)
        if not idle or key == _NOT_IDLE:
            yield from _leaves(item, f"{name}.{key}" if name else key)


def _shown(value: object) -> str:
    return json.dumps(value)
