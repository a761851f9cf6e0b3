"""Weights that are not what the configuration says are refused, and code is not run unasked."""

import json
import pickle
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, LlamaModel

from embstore.checkpoints.locate import locate
from embstore.checkpoints.located import Located
from embstore.errors import ModelError
from embstore.models import load
from embstore.models.description import describe, model_size
from embstore.models.load import Weights, read_weights
from embstore.models.loaded import load_config, load_model, load_tokenizer
from embstore.types import Checkpoint
from tests import remote_code

CPU = torch.device("cpu")


def copy(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / "model"))


def edit(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def folder_of(folder: Path, **options: object) -> Located:
    """Stands for a folder that was located with other options than the usual."""
    located = Located("model", "folder", folder, None, Checkpoint("local", "0" * 64, 1))
    return replace(located, **options)  # type: ignore[arg-type]


def read(located: Located, dtype: torch.dtype = torch.float32) -> Weights:
    return read_weights(located, load_config(located), device=CPU, dtype=dtype)


def weights_of(weights: Weights) -> dict[str, torch.Tensor]:
    return dict(weights.module.named_parameters())


@pytest.fixture
def causal(tmp_path: Path) -> Path:
    """A decoder as most are saved: with its head, and "model." before every other key."""
    config = LlamaConfig(
        vocab_size=200,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=2,
        attention_bias=True,
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_truncated_weights(tiny_llama: Path, tmp_path: Path) -> None:
    folder = copy(tiny_llama, tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelError, match=r"cannot load model: .*incomplete") as raised:
        read(folder_of(folder))
    assert "\n" not in str(raised.value)


def test_a_damaged_header(tiny_llama: Path, tmp_path: Path) -> None:
    folder = copy(tiny_llama, tmp_path)
    weights = folder / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[20:40] = b"\xff" * 20
    weights.write_bytes(bytes(raw))
    with pytest.raises(ModelError, match="cannot load model: ") as raised:
        read(folder_of(folder))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(tiny_llama: Path, tmp_path: Path, number: float) -> None:
    folder = copy(tiny_llama, tmp_path)
    state = load_file(folder / "model.safetensors")
    state["layers.1.mlp.up_proj.weight"][0, 0] = number
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"not finite, layers\.1\.mlp\.up_proj\.weight first"):
        read(folder_of(folder))


def test_weights_whose_sum_overflows_are_finite(tiny_llama: Path, tmp_path: Path) -> None:
    folder = copy(tiny_llama, tmp_path)
    state = load_file(folder / "model.safetensors")
    state["layers.1.mlp.up_proj.weight"][:] = 6e4
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    found = weights_of(read(folder_of(folder), torch.float16))
    assert not torch.isfinite(found["layers.1.mlp.up_proj.weight"].sum())


def test_numbers_of_one_byte_are_looked_at() -> None:
    """They have no sum of their own on most devices."""
    weights = torch.ones(3, dtype=torch.float8_e4m3fn)
    module = nn.ParameterDict({"w": nn.Parameter(weights, requires_grad=False)})
    load._check_finite(module, "model")
    module["w"].data = torch.tensor([1.0, float("nan")]).to(torch.float8_e4m3fn)
    with pytest.raises(ModelError, match="model holds weights that are not finite, w first"):
        load._check_finite(module, "model")


def test_a_model_that_refuses_to_be_moved(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of bitsandbytes, whose error is none of torch."""

    def refuse(*_: object) -> None:
        raise ValueError("`.to` is not supported for `8-bit` models\nand more")

    monkeypatch.setattr(LlamaModel, "to", refuse)
    with pytest.raises(ModelError, match=r"cannot be moved to cpu: `\.to` .* and more; try anoth"):
        read(folder_of(tiny_llama))


def test_weights_that_leave_layers_random_are_refused(tiny_llama: Path, tmp_path: Path) -> None:
    folder = copy(tiny_llama, tmp_path)
    edit(folder, num_hidden_layers=4)
    with pytest.raises(ModelError, match=r"lacks 9 weights, layers\.3.* first"):
        read(folder_of(folder))


def test_shapes_that_the_configuration_does_not_have(tiny_llama: Path, tmp_path: Path) -> None:
    folder = copy(tiny_llama, tmp_path)
    edit(folder, intermediate_size=48)
    message = (
        r"^the configuration of model does not fit its weights: layers\.0\.mlp\.down_proj\.weight "
        r"has shape \(32, 64\), expected \(32, 48\); get both from the same checkpoint$"
    )
    with pytest.raises(ModelError, match=message):
        read(folder_of(folder))


def test_blocks_that_the_configuration_does_not_have(causal: Path) -> None:
    edit(causal, num_hidden_layers=2)
    with pytest.raises(
        ModelError, match=r"does not fit .*model\.layers\.2\..* block 2, .* has 2 blocks;"
    ):
        read(folder_of(causal))


def test_layers_that_the_configuration_does_not_have(causal: Path) -> None:
    edit(causal, attention_bias=False)
    with pytest.raises(ModelError, match=r"hold .*k_proj\.bias, but the configuration has no such"):
        read(folder_of(causal))


def test_a_head_is_left_out(causal: Path) -> None:
    found = weights_of(read(folder_of(causal)))
    saved = load_file(causal / "model.safetensors")
    assert {f"model.{key}" for key in found} == saved.keys() - {"lm_head.weight"}
    assert all(torch.equal(weight, saved[f"model.{key}"]) for key, weight in found.items())


def test_an_adapter_beside_whole_weights(tiny_llama: Path, tmp_path: Path) -> None:
    folder = copy(tiny_llama, tmp_path)
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "some/where"}')
    with pytest.raises(ModelError, match=r"adapter_config\.json beside its own weights"):
        read(folder_of(folder))


@pytest.fixture
def pickled(tiny_llama: Path, tmp_path: Path) -> Path:
    folder = copy(tiny_llama, tmp_path)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def test_pickled_weights_that_were_allowed(pickled: Path, tiny_llama: Path) -> None:
    found = weights_of(read(folder_of(pickled, pickled=True)))
    safe = weights_of(read(folder_of(tiny_llama)))
    assert all(torch.equal(found[key], safe[key]) for key in safe)


def test_pickled_weights_that_were_not(pickled: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot load model: .*no file named model\.safetensors"):
        read(folder_of(pickled))


def test_truncated_pickled_weights(pickled: Path) -> None:
    weights = pickled / "pytorch_model.bin"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelError, match=r"cannot load model: .*corrupted") as raised:
        read(folder_of(pickled, pickled=True))
    assert "\n" not in str(raised.value)


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("exploded"),)  # type: ignore[return-value]


def test_pickles_run_nothing_even_if_allowed(
    pickled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"embed_tokens.weight": _Bomb()}, pickled / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"hold more than tensors.*convert them to safetensors"):
        read(folder_of(pickled, pickled=True))
    (pickled / "pytorch_model.bin").write_bytes(pickle.dumps(_Bomb(), protocol=2))
    with pytest.raises(ModelError, match=r"hold more than tensors.*convert them to safetensors"):
        read(folder_of(pickled, pickled=True))
    assert not Path("exploded").exists()


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A GPT-2 that says it is a model of its own, with its code beside it."""
    return remote_code.build(tmp_path, monkeypatch)


def test_code_is_refused(odd: Path, tmp_path: Path) -> None:
    located = folder_of(odd)
    message = (
        r"model needs Python code of its own.*if you trust them allow them with --allow-remote-code"
    )
    with pytest.raises(ModelError, match=message):
        load_config(located)
    config = load_config(replace(located, remote_code=True))
    for file in (tmp_path / "code").rglob("ran"):
        file.unlink()
    with pytest.raises(ModelError, match=message):
        read_weights(located, config, device=CPU, dtype=torch.float32)
    with pytest.raises(ModelError, match=message):
        read_weights(replace(located, init_seed=0), config, device=CPU, dtype=torch.float32)
    assert not list((tmp_path / "code").rglob("ran"))


def test_code_that_is_allowed_runs(odd: Path) -> None:
    located = folder_of(odd, remote_code=True)
    config = load_config(located)
    model = load_model(located, config, device=CPU, dtype=torch.float32)
    assert (model.facts.architecture, model.facts.n_layers) == ("odd", 3)
    assert type(model.module).__name__ == "OddModel"
    assert model_size(describe(located)).n_parameters == model.facts.n_parameters


def test_a_tokenizers_code_is_refused_as_well(odd: Path) -> None:
    settings = json.loads((odd / "tokenizer_config.json").read_text())
    names = {"AutoTokenizer": [None, "modeling_odd.OddTokenizer"]}
    settings |= {"auto_map": names, "tokenizer_class": "OddTokenizer"}
    (odd / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelError, match="needs Python code of its own"):
        load_tokenizer(folder_of(odd))
    tokenizer = load_tokenizer(folder_of(odd, remote_code=True))
    assert type(tokenizer).__name__ == "OddTokenizer"


def test_the_tokenizer_may_lie_elsewhere(tiny_llama: Path, tmp_path: Path) -> None:
    located = folder_of(tmp_path, tokenizer_folder=tiny_llama)
    assert load_tokenizer(located)("w7 w8")["input_ids"] == [7, 8]


def test_a_seed_draws_the_same_weights_and_reads_none(tiny_llama: Path, tmp_path: Path) -> None:
    folder = copy(tiny_llama, tmp_path)
    trained = weights_of(read(folder_of(folder)))
    (folder / "model.safetensors").unlink()
    before = torch.get_rng_state()
    first = weights_of(read(folder_of(folder, init_seed=1)))
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    again = weights_of(read(folder_of(folder, init_seed=1)))
    other = weights_of(read(folder_of(folder, init_seed=2)))
    assert first.keys() == trained.keys()
    for key, weight in first.items():
        assert torch.equal(weight, again[key])
        # Norms begin at one.
        assert torch.equal(weight, other[key]) == ("norm" in key)


def test_drawn_weights_are_those_of_transformers(tiny_llama: Path) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        expected = LlamaForCausalLM(LlamaConfig.from_pretrained(tiny_llama)).model
    located = folder_of(tiny_llama, init_seed=5)
    found = weights_of(read(located))
    assert all(torch.equal(found[key], weight) for key, weight in expected.named_parameters())
    half = weights_of(read(located, torch.bfloat16))
    assert all(torch.equal(half[key], found[key].bfloat16()) for key in found)


def test_threads_read_side_by_side(tiny_llama: Path, tiny_bert: Path) -> None:
    found: dict[int, Weights] = {}

    def work(i: int, folder: Path) -> None:
        found[i] = read(locate(str(folder)))

    folders = [tiny_llama, tiny_bert] * 3
    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(folders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, folder in enumerate(folders):
        expected = load_file(folder / "model.safetensors")
        assert all(torch.equal(w, expected[key]) for key, w in weights_of(found[i]).items())


def test_reading_disturbs_no_model_that_runs_meanwhile(tiny_llama: Path, tiny_bert: Path) -> None:
    module = read(locate(str(tiny_llama))).module
    ids = torch.arange(5, 105).repeat(4, 1)
    with torch.inference_mode():
        expected = module(input_ids=ids).last_hidden_state
    done = threading.Event()

    def keep_reading() -> None:
        try:
            located = locate(str(tiny_bert))
            for seed in (None, 1, None, 2, None):
                read(replace(located, init_seed=seed))
        finally:
            done.set()

    reader = threading.Thread(target=keep_reading)
    reader.start()
    same = []
    while not done.is_set():
        with torch.inference_mode():
            same.append(torch.equal(module(input_ids=ids).last_hidden_state, expected))
    reader.join()
    assert same
    assert all(same)
