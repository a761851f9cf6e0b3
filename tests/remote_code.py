"""A tiny model that comes with Python code of its own."""

import json
from pathlib import Path

import pytest

from tests import tiny_models

CODE = """
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

Path(__file__).with_name("ran").touch()


class OddConfig(GPT2Config):
    model_type = "odd"


class OddModel(GPT2Model):
    config_class = OddConfig


class OddTokenizer(PreTrainedTokenizerFast):
    pass
"""


def build(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Save a GPT-2 that says it is a model of its own, with its code beside it.

    Transformers copies the code to the folder ``code`` before it imports it.
    """
    for module in ("transformers.dynamic_module_utils", "transformers.utils.hub"):
        monkeypatch.setattr(f"{module}.HF_MODULES_CACHE", str(folder / "code"), raising=False)
    monkeypatch.syspath_prepend(str(folder / "code"))
    model = tiny_models.build("gpt2", folder / "odd")
    settings = json.loads((model / "config.json").read_text())
    names = {"AutoConfig": "modeling_odd.OddConfig", "AutoModel": "modeling_odd.OddModel"}
    settings |= {"model_type": "odd", "architectures": ["OddModel"], "auto_map": names}
    (model / "config.json").write_text(json.dumps(settings))
    (model / "modeling_odd.py").write_text(CODE)
    return model
