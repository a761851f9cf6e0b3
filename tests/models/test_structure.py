"""The probe names every state by proof, refuses where it cannot, and changes no model."""

import copy
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModel

from embstore.errors import ModelError
from embstore.models import fast_linears
from embstore.models.forward_pass import trial_inputs
from embstore.models.structure import Probe, probe
from embstore.models.trial import Trial
from embstore.types import LayerKey
from tests import tiny_models

_XLM: dict[str, object] = {
    "emb_dim": 32,
    "n_layers": 3,
    "n_heads": 2,
    "max_position_embeddings": 128,
}
# Families whose blocks are lists of parts, lay tokens and windows out the other way, return
# lists, or pad.
_UNUSUAL: dict[str, dict[str, object]] = {
    "xlm": _XLM,
    "xlnet": {"d_model": 32, "n_layer": 3, "n_head": 2, "d_inner": 64},
    "openai-gpt": {"n_embd": 32, "n_layer": 3, "n_head": 2, "n_positions": 128},
    "longformer": {
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 130,
        "attention_window": 16,
    },
}


def made(family: str, **settings: object) -> nn.Module:
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, vocab_size=tiny_models.VOCAB, **settings)
    model: nn.Module = AutoModel.from_config(config).eval()
    return model


def probed(model: Any) -> Probe:
    return probe(model, model.config)


def state_of(model: Any) -> dict[str, object]:
    """Everything of a model that a run could change: attributes, buffers, weights, parts."""
    found: dict[str, object] = {"config": copy.deepcopy(model.config.to_dict())}
    for name, part in model.named_modules():
        for key, value in vars(part).items():
            if not isinstance(value, nn.Module | torch.Tensor) and not key.startswith("_"):
                found[f"{name}.{key}"] = (
                    value if callable(value) or key == "config" else copy.deepcopy(value)
                )
        found[f"{name} hooks"] = (len(part._forward_hooks), len(part._forward_pre_hooks))
        found[f"{name} parts"] = {key: id(inner) for key, inner in part._modules.items()}
        for key, buffer in part.named_buffers(recurse=False):
            found[f"{name}.{key}"] = buffer.tolist()
    for name, weight in model.named_parameters():
        found[name] = (id(weight), weight.tolist())
    return found


@pytest.mark.parametrize("family", [f for f in tiny_models.FAMILIES if f != "rwkv"])
def test_the_model_is_as_it_was(build: Callable[[str], Path], family: str) -> None:
    model = AutoModel.from_pretrained(build(family)).eval()
    before = state_of(model)
    found = probed(model)
    assert state_of(model) == before
    assert not found.changed_weights


def test_random_numbers_are_drawn_as_if_nothing_had_run(build: Callable[[str], Path]) -> None:
    # BigBird seeds NumPy's global generator for its random blocks.
    model = AutoModel.from_pretrained(build("big_bird")).eval()
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index]  # noqa: NPY002
    probed(model)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index]  # noqa: NPY002
    assert after == states


def test_sparse_attention_stays_sparse(
    build: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = AutoModel.from_pretrained(build("big_bird")).eval()
    monkeypatch.setattr(fast_linears, "_MIN_WEIGHTS", 1)
    monkeypatch.setattr(fast_linears, "_gains", lambda _linear: True)
    probed(model)
    fast_linears.speed_up_linears(model, model.config)
    assert model.attention_type == "block_sparse"
    # A short run of the model itself does give it up.
    model(**trial_inputs(model, model.config, rows=1))
    assert model.attention_type == "original_full"


def test_a_model_that_rescales_its_weights_is_read_again(build: Callable[[str], Path]) -> None:
    folder = build("rwkv")
    fresh = AutoModel.from_pretrained(folder).eval()
    loaded = tiny_models.load(folder)
    for (name, weight), original in zip(
        loaded.module.named_parameters(), fresh.parameters(), strict=True
    ):
        assert torch.equal(weight, original), name
    assert probed(AutoModel.from_pretrained(folder).eval()).changed_weights
    # Packed linears would miss the rescaling.
    assert loaded.linear == "torch"


@pytest.mark.parametrize("family", _UNUSUAL)
def test_every_block_of_an_unusual_family_is_recognised(family: str) -> None:
    model = made(family, **_UNUSUAL[family])
    (layout,) = probed(model).stacks
    sites = ["embedding", "block", "block", "block"]
    assert [key and (key.layer, key.site) for key in layout.returned] == list(enumerate(sites))
    assert not layout.captured


def test_a_projection_behind_the_last_block_is_no_final_norm() -> None:
    # As the OPT of 350 million weights: narrow embeddings, no final norm, projected twice.
    model = made(
        "opt",
        num_hidden_layers=3,
        num_attention_heads=2,
        hidden_size=32,
        ffn_dim=64,
        word_embed_proj_dim=16,
        do_layer_norm_before=False,
        max_position_embeddings=64,
    )
    (layout,) = probed(model).stacks
    assert layout.returned[-1] is None
    assert layout.keys[-1] == LayerKey("decoder", 3, "block")


@pytest.mark.parametrize(("family", "kind"), [("llama", "decoder"), ("bert", "encoder")])
def test_a_model_that_overflows_in_float16_has_the_sites_of_float32(
    build: Callable[[str], Path], family: str, kind: str
) -> None:
    model = AutoModel.from_pretrained(build(family)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(
                ("up_proj.weight", "down_proj.weight", "e.dense.weight", "t.dense.weight")
            ):
                weight.mul_(1e5)
    expected = [layout.keys for layout in probed(model).stacks]
    half = model.half()
    output = Trial(half).run(trial_inputs(half, half.config, rows=1))
    assert not output.states["hidden_states"][-1].isfinite().all()
    found = probed(half)
    assert [layout.keys for layout in found.stacks] == expected
    assert found.kind == kind


def test_states_without_a_finite_number_are_refused(build: Callable[[str], Path]) -> None:
    model = AutoModel.from_pretrained(build("llama")).eval()
    model.norm.forward = lambda hidden: hidden * float("nan")
    with pytest.raises(ModelError, match="NaN or infinity for any text, also in numbers of more"):
        probed(model)


def rearranged(
    model: nn.Module, change: Callable[[Sequence[torch.Tensor]], Sequence[torch.Tensor]]
) -> nn.Module:
    """Let a model return its hidden states changed; a copy of it does so too."""

    def rearrange(_model: nn.Module, _args: object, output: Any) -> None:
        output.hidden_states = tuple(change(output.hidden_states))

    model.register_forward_hook(rearrange)
    return model


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (1, 0, 2, 3), (0, 3, 2, 1)])
def test_states_in_another_order_are_refused(
    build: Callable[[str], Path], order: tuple[int, ...]
) -> None:
    model = AutoModel.from_pretrained(build("bert")).eval()
    with pytest.raises(ModelError, match=r"cannot be told apart: .* does not guess"):
        probed(rearranged(model, lambda states: [states[i] for i in order]))


def test_states_that_no_block_has_put_out_are_refused(build: Callable[[str], Path]) -> None:
    model = AutoModel.from_pretrained(build("bert")).eval()
    with pytest.raises(ModelError, match=r"cannot be told apart: .* does not guess"):
        probed(rearranged(model, lambda states: [s + 0.01 * states[0] for s in states]))


@pytest.mark.parametrize("factor", [0.5, 3.0, 1 / 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_states_that_differ_by_a_factor_are_recognised(
    build: Callable[[str], Path], factor: float, dtype: torch.dtype
) -> None:
    model = AutoModel.from_pretrained(build("bert"), dtype=dtype).eval()
    expected = [layout.keys for layout in probed(model).stacks]
    scaled = rearranged(model, lambda states: [s * factor**i for i, s in enumerate(states)])
    assert [layout.keys for layout in probed(scaled).stacks] == expected


def test_text_models_whose_states_are_random_are_refused(build: Callable[[str], Path]) -> None:
    model = AutoModel.from_pretrained(build("bert")).eval()
    model.encoder.layer[1].output.dropout = nn.Dropout(0.5).train()
    with pytest.raises(ModelError, match="whose output is random cannot be measured"):
        probed(model)


class Rounding(nn.Module):
    """A block whose first token is moved a little by what the last one is, by dtype."""

    def __init__(self, block: nn.Module, by: dict[torch.dtype, float]) -> None:
        super().__init__()
        self.block = block
        self.by = by

    def forward(self, states: torch.Tensor, *args: Any, **kwargs: Any) -> object:
        made = self.block(states, *args, **kwargs)
        move = self.by.get(states.dtype, 0.0) * states[:, -1, 0].sign()
        made[:, 0, 1] += move * made[:, 0].norm()
        return made


def moving(folder: Path, dtype: torch.dtype, by: dict[torch.dtype, float]) -> Any:
    model: Any = AutoModel.from_pretrained(folder).eval().to(dtype)
    rows = model.embed_tokens.weight.data
    # A sign by which the two last tokens of the trial, 106 and 44, differ.
    rows[:75, 0], rows[75:, 0] = 1.0, -1.0
    model.layers[-1] = Rounding(model.layers[-1], by)
    return model


_HALF, _SINGLE, _DOUBLE = torch.bfloat16, torch.float32, torch.float64


@pytest.mark.parametrize("family", ["llama", "mixtral"])
@pytest.mark.parametrize(
    ("dtype", "moved", "kind"),
    [
        (_HALF, {_HALF: 0.01}, "decoder"),
        # The product of all experts at once rounds float32 another way, too, and knows no float64.
        (_HALF, {_HALF: 0.01, _SINGLE: 1e-4}, "decoder"),
        (_SINGLE, {_SINGLE: 1e-4}, "decoder"),
        (_HALF, {_HALF: 0.01, _SINGLE: 0.01, _DOUBLE: 0.01}, "encoder"),
        (_SINGLE, {_SINGLE: 0.01, _DOUBLE: 0.01}, "encoder"),
    ],
)
def test_rounding_of_another_size_makes_no_encoder(
    family: str,
    dtype: torch.dtype,
    moved: dict[torch.dtype, float],
    kind: str,
    build: Callable[[str], Path],
) -> None:
    """As of grouped products of experts, whose sizes change with where the last token goes."""
    model = moving(build(family), dtype, moved)
    before = model.config.to_dict()
    assert probed(model).kind == kind
    assert model.config.to_dict() == before
    assert next(model.parameters()).dtype == dtype


def test_where_no_wider_copy_can_be_made_rounding_of_the_dtype_is_allowed(
    build: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(_dtype: torch.dtype, _module: nn.Module) -> Trial:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr("embstore.models.structure._trial_in", no_memory)
    kinds = [
        probed(moving(build("llama"), torch.float16, {torch.float16: by})).kind
        for by in (0.001, 0.005)
    ]
    assert kinds == ["decoder", "encoder"]


@pytest.mark.parametrize("vocab_size", [3, 9, 11])
@pytest.mark.parametrize(("family", "kind"), [("bert", "encoder"), ("llama", "decoder")])
def test_few_tokens_are_enough_to_tell_an_encoder(family: str, kind: str, vocab_size: int) -> None:
    torch.manual_seed(0)
    settings: dict[str, Any] = {"num_hidden_layers": 2, "num_attention_heads": 2}
    settings |= {"hidden_size": 32, "intermediate_size": 64, "vocab_size": vocab_size}
    config = AutoConfig.for_model(family, **settings, pad_token_id=0)
    assert probed(AutoModel.from_config(config).eval()).kind == kind


def test_a_vocabulary_of_one_token_tells_nothing() -> None:
    config = AutoConfig.for_model("gpt2", n_layer=2, n_head=2, n_embd=32, vocab_size=1)
    with pytest.raises(ModelError, match="GPT2Model has 1 of 1 token that can stand in a text"):
        probed(AutoModel.from_config(config).eval())
