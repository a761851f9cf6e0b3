"""An adapter's numbers are those of its base with the adapter's product added."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
)

from embstore.checkpoints.located import Located
from embstore.errors import ModelError
from embstore.models.load import read_weights
from embstore.models.loaded import LoadedModel, load_config, load_model
from embstore.types import Checkpoint
from tests import tiny_models

peft = pytest.importorskip("peft")

# peft still asks transformers by the old name whether it saves memory in training.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

CPU = torch.device("cpu")
KEY = "base_model.model.model.layers.{}.self_attn.q_proj.lora_{}.weight"


def located(folder: Path, base: Path) -> Located:
    checkpoint = Checkpoint("local", "0" * 64, 1)
    whole = Located("base", "folder", base, None, checkpoint)
    return Located("tuned", "folder", folder, None, checkpoint, tokenizer_folder=base, base=whole)


def write(folder: Path, tensors: dict[str, Tensor], **settings: object) -> Path:
    """Write an adapter without peft's help."""
    folder.mkdir()
    usual = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 6}
    usual |= {"target_modules": ["q_proj"], "base_model_name_or_path": "somewhere/else"}
    (folder / "adapter_config.json").write_text(json.dumps(usual | settings))
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def lora(n_layers: int = 3) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {"A": (2, 32), "B": (32, 2)}
    return {
        KEY.format(layer, side): torch.randn(shape, generator=generator)
        for layer in range(n_layers)
        for side, shape in shapes.items()
    }


def load(where: Located) -> LoadedModel:
    config = load_config(where)
    return load_model(where, config, device=CPU, dtype=torch.float32, fast_linears=False)


def states(module: nn.Module, **more: Tensor) -> list[Tensor]:
    ids = torch.from_numpy(np.random.default_rng(0).integers(5, 200, size=(2, 9)))
    with torch.inference_mode():
        output = module.eval()(input_ids=ids, output_hidden_states=True, **more)
    found = output.get("hidden_states") or (
        output["encoder_hidden_states"] + output["decoder_hidden_states"]
    )
    return list(found)


def test_the_states_are_those_of_the_weights_with_the_product_added(
    tiny_llama: Path, tmp_path: Path
) -> None:
    tensors = lora()
    model = load(located(write(tmp_path / "adapter", tensors), tiny_llama))
    assert (model.facts.name, model.facts.architecture, model.facts.kind) == (
        "tuned",
        "llama",
        "decoder",
    )
    expected = AutoModel.from_pretrained(tiny_llama)
    bare = states(expected)
    assert model.facts.n_parameters == expected.num_parameters()
    for layer in range(3):
        a, b = (tensors[KEY.format(layer, side)] for side in "AB")
        weight = expected.layers[layer].self_attn.q_proj.weight
        weight.data += b @ a * 6 / 2
    for found, state, base in zip(states(model.module), states(expected), bare, strict=True):
        # The same float32 sums in another order.
        torch.testing.assert_close(found, state, rtol=1e-5, atol=1e-6)
        # From the first block on, the adapter is plainly seen.
        assert base is bare[0] or (found - base).abs().max() > 1e-2


def test_no_layer_is_left_wrapped(tiny_llama: Path, tmp_path: Path) -> None:
    module = load(located(write(tmp_path / "adapter", lora()), tiny_llama)).module
    assert type(module).__name__ == "LlamaModel"
    assert {type(part).__module__.split(".")[0] for part in module.modules()} <= {
        *("torch", "transformers")
    }


@pytest.mark.parametrize(
    ("family", "head", "task", "targets"),
    [
        ("gpt2", AutoModelForCausalLM, "CAUSAL_LM", ["c_attn", "c_fc"]),
        ("t5", AutoModelForSeq2SeqLM, "SEQ_2_SEQ_LM", ["q", "wo"]),
        ("bart", AutoModelForSeq2SeqLM, "SEQ_2_SEQ_LM", ["q_proj", "fc1"]),
        ("bert", AutoModelForSequenceClassification, "SEQ_CLS", ["query", "value"]),
        ("bert", AutoModel, "FEATURE_EXTRACTION", ["query"]),
        ("bert", AutoModel, None, ["query"]),
    ],
)
def test_adapters_of_every_task(
    family: str,
    head: type[AutoModel],
    task: str | None,
    targets: list[str],
    tmp_path: Path,
) -> None:
    base = tiny_models.build(family, tmp_path / "base")
    # Three labels, of which the base knows nothing.
    options = {"num_labels": 3} if task == "SEQ_CLS" else {}
    config = peft.LoraConfig(
        task_type=task, target_modules=targets, init_lora_weights=False, fan_in_fan_out=False
    )
    if family == "gpt2":
        config.fan_in_fan_out = True
    adapted = peft.get_peft_model(head.from_pretrained(base, **options), config)
    adapted.save_pretrained(tmp_path / "adapter")
    found = load(located(tmp_path / "adapter", base)).module
    assert type(found) is type(AutoModel.from_pretrained(base))
    two = family in ("t5", "bart")
    more = {"decoder_input_ids": torch.arange(5, 14).repeat(2, 1)} if two else {}
    # As peft runs it, unmerged: the difference is rounding.
    for a, b in zip(states(found, **more), states(adapted, **more), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "config",
    [
        peft.LoHaConfig(r=2, target_modules=["q_proj"], init_weights=False, task_type="CAUSAL_LM"),
        peft.LoKrConfig(r=2, target_modules=["q_proj"], init_weights=False, task_type="CAUSAL_LM"),
        peft.IA3Config(
            target_modules=["k_proj", "down_proj"],
            feedforward_modules=["down_proj"],
            init_ia3_weights=False,
            task_type="CAUSAL_LM",
        ),
        peft.LoraConfig(
            use_dora=True,
            target_modules=["q_proj"],
            init_lora_weights=False,
            modules_to_save=["embed_tokens", "lm_head"],
            task_type="CAUSAL_LM",
        ),
    ],
    ids=["loha", "lokr", "ia3", "dora"],
)
def test_other_kinds_that_merge(config: object, tiny_llama: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    adapted = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_llama), config)
    for name, weight in adapted.named_parameters():
        if "embed_tokens.modules_to_save" in name:
            weight.data *= 2
    adapted.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    found = states(load(located(tmp_path / "adapter", tiny_llama)).module)
    bare = states(AutoModel.from_pretrained(tiny_llama))
    # As peft runs it, unmerged: the difference is rounding.
    for a, b in zip(found, states(adapted), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert not torch.equal(found[-1], bare[-1])


def refused(where: Located, message: str) -> None:
    with pytest.raises(ModelError, match=message) as raised:
        load(where)
    assert "\n" not in str(raised.value)


def test_keys_that_fit_nothing(tiny_llama: Path, tmp_path: Path) -> None:
    renamed = {key.replace("q_proj", "query"): tensor for key, tensor in lora().items()}
    folder = write(tmp_path / "adapter", renamed)
    refused(
        located(folder, tiny_llama), r"adapter tuned does not fit.*no parameter for .*query\.lora_"
    )


def test_keys_of_another_head(tiny_llama: Path, tmp_path: Path) -> None:
    renamed = {key.replace("model.model.model", "model.model"): t for key, t in lora().items()}
    folder = write(tmp_path / "adapter", renamed)
    refused(located(folder, tiny_llama), "adapter tuned does not fit its base model: it has no")


def test_more_blocks_than_the_base(tiny_llama: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "adapter", lora(4))
    refused(located(folder, tiny_llama), r"it has no parameter for .*layers\.3\.")


def test_fewer_tensors_than_layers(tiny_llama: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "adapter", lora(2))
    refused(located(folder, tiny_llama), r"its file lacks .*layers\.2\.")


def test_another_shape(tiny_llama: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "adapter", lora(), r=4)
    refused(located(folder, tiny_llama), r"has shape \(2, 32\), expected \(4, 32\)")


def test_layers_that_the_base_does_not_have(tiny_llama: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "adapter", lora(), target_modules=["c_attn"])
    refused(located(folder, tiny_llama), r"cannot load tuned: .*c_attn")


def test_kinds_that_do_not_merge(tiny_llama: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "adapter", lora(), peft_type="PROMPT_TUNING")
    refused(located(folder, tiny_llama), "of kind PROMPT_TUNING, which cannot be merged")


def test_a_configuration_that_says_nothing(tiny_llama: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "adapter", lora())
    (folder / "adapter_config.json").write_text("{}")
    refused(located(folder, tiny_llama), "does not say what kind of adapter it is")


def test_truncated_weights(tiny_llama: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "adapter", lora())
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    refused(located(folder, tiny_llama), "cannot load tuned: .*incomplete")


def test_pickled_weights_that_were_allowed(tiny_llama: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "adapter", lora())
    safe = states(load(located(folder, tiny_llama)).module)
    torch.save(load_file(folder / "adapter_model.safetensors"), folder / "adapter_model.bin")
    (folder / "adapter_model.safetensors").unlink()
    refused(located(folder, tiny_llama), "cannot load tuned: ")
    pickled = replace(located(folder, tiny_llama), pickled=True)
    for a, b in zip(states(load(pickled).module), safe, strict=True):
        assert torch.equal(a, b)


def test_without_peft(tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    folder = write(tmp_path / "adapter", lora())
    refused(located(folder, tiny_llama), r"needs the peft extra.*pip install 'embstore\[peft\]'")


def test_a_random_control_has_no_adapter(tiny_llama: Path, tmp_path: Path) -> None:
    where = replace(located(write(tmp_path / "adapter", lora()), tiny_llama), init_seed=3)
    drawn = read_weights(where, load_config(where), device=CPU, dtype=torch.float32).module
    assert where.base is not None
    base = replace(where.base, init_seed=3)
    expected = read_weights(base, load_config(base), device=CPU, dtype=torch.float32).module
    for a, b in zip(drawn.parameters(), expected.parameters(), strict=True):
        assert torch.equal(a, b)
