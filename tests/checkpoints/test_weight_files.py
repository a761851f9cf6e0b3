"""Which weight files are chosen, whether they are whole, and their fingerprint."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from embstore.checkpoints.weight_files import (
    WeightFiles,
    check_whole,
    choose_weights,
    digest_of,
    fingerprint,
    tensors_fingerprint,
    untrained_fingerprint,
)
from embstore.errors import ModelError


def choose(folder: Path, *, adapter: bool = False, allow_pickle: bool = False) -> WeightFiles:
    present = {file.name for file in folder.iterdir()}
    return choose_weights(folder, present, "gpt", adapter=adapter, allow_pickle=allow_pickle)


def index(folder: Path, name: str, *shards: str) -> None:
    content = {"weight_map": {f"weight{i}": shard for i, shard in enumerate(shards)}}
    (folder / name).write_text(json.dumps(content))


def test_safetensors_go_before_pickled_weights(tmp_path: Path) -> None:
    for name in ("model.safetensors", "pytorch_model.bin", "consolidated.safetensors"):
        (tmp_path / name).touch()
    assert choose(tmp_path, allow_pickle=True) == WeightFiles(("model.safetensors",), False)


def test_shards_are_those_of_the_index(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.safetensors", "other.safetensors"):
        (tmp_path / name).touch()
    index(tmp_path, "model.safetensors.index.json", "b.safetensors", "a.safetensors")
    assert choose(tmp_path).names == ("a.safetensors", "b.safetensors")
    (tmp_path / "b.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no b\.safetensors in .*which model\.safetensors\.index"):
        choose(tmp_path)


@pytest.mark.parametrize("single", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("complete", [True, False])
def test_one_file_goes_before_shards_of_an_earlier_saving(
    single: str, complete: bool, tmp_path: Path
) -> None:
    """As transformers chooses; it leaves the index of what it had saved before in place."""
    index(tmp_path, f"{single}.index.json", "shard-1", "shard-2")
    for name in (single, *(("shard-1", "shard-2") if complete else ())):
        (tmp_path / name).touch()
    assert choose(tmp_path, allow_pickle=True).names == (single,)


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"weight_map": {}}', '{"weight_map": {"x": "../x.safetensors"}}']
)
def test_an_index_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(content)
    with pytest.raises(
        ModelError, match=r"index\.json that (lists no weights|names files outside)"
    ):
        choose(tmp_path)


def test_pickled_weights_need_permission(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(ModelError, match=r"which can run code when loaded.*--allow-pickle"):
        choose(tmp_path)
    assert choose(tmp_path, allow_pickle=True) == WeightFiles(("pytorch_model.bin",), True)


def test_pickled_shards(tmp_path: Path) -> None:
    for name in ("1.bin", "2.bin"):
        (tmp_path / name).touch()
    index(tmp_path, "pytorch_model.bin.index.json", "1.bin", "2.bin")
    assert choose(tmp_path, allow_pickle=True) == WeightFiles(("1.bin", "2.bin"), True)


def test_an_adapters_weights_are_other_files(tmp_path: Path) -> None:
    (tmp_path / "adapter_model.safetensors").touch()
    assert choose(tmp_path, adapter=True).names == ("adapter_model.safetensors",)
    with pytest.raises(ModelError, match=r"lacks its weights: no model\.safetensors"):
        choose(tmp_path)


def test_one_file_is_its_own_fingerprint_and_several_depend_on_all_and_their_order() -> None:
    a, b = (hashlib.sha256(text).hexdigest() for text in (b"a", b"b"))
    assert fingerprint([a]) == a
    assert fingerprint([a, b]) == hashlib.sha256(f"{a}\n{b}\n".encode()).hexdigest()
    assert fingerprint([a, b]) != fingerprint([b, a])


def test_a_file_is_hashed_whole(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc" * 100_000)
    assert digest_of(tmp_path / "x") == hashlib.sha256(b"abc" * 100_000).hexdigest()
    with pytest.raises(ModelError, match=r"cannot read .*nothing: No such file"):
        digest_of(tmp_path / "nothing")


def test_drawn_weights_are_known_by_configuration_and_seed() -> None:
    one = untrained_fingerprint({"hidden_size": 8, "vocab_size": 9}, 0)
    assert one == untrained_fingerprint({"vocab_size": 9, "hidden_size": 8}, 0)
    assert one != untrained_fingerprint({"hidden_size": 8, "vocab_size": 9}, 1)
    assert one != untrained_fingerprint({"hidden_size": 9, "vocab_size": 9}, 0)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_file({"w": torch.arange(1000.0), "b": torch.ones(3)}, path)
    return path


def test_a_whole_file_passes(whole: Path) -> None:
    check_whole(whole, "gpt")


@pytest.mark.parametrize("n_bytes", [0, 5, 8, 60, 4000])
def test_a_file_cut_short(whole: Path, n_bytes: int) -> None:
    whole.write_bytes(whole.read_bytes()[:n_bytes])
    with pytest.raises(ModelError, match=r"gpt has damaged weights: model\.safetensors"):
        check_whole(whole, "gpt")


def test_a_file_with_something_behind_it(whole: Path) -> None:
    whole.write_bytes(whole.read_bytes() + b"x")
    with pytest.raises(ModelError, match=r"has [\d,]+ bytes, but its header promises"):
        check_whole(whole, "gpt")


@pytest.mark.parametrize("offsets", ['[0, "x"]', "[0, null]", "[0, 1e999]", "[]", "7"])
def test_a_header_of_nonsense(whole: Path, offsets: str) -> None:
    header = f'{{"w": {{"data_offsets": {offsets}}}}}'.encode()
    whole.write_bytes(len(header).to_bytes(8, "little") + header + bytes(100))
    with pytest.raises(ModelError, match="damaged weights"):
        check_whole(whole, "gpt")


def test_a_page_that_says_error_is_no_safetensors_file(whole: Path) -> None:
    whole.write_text("<html>" + 100 * "Too many requests ")
    with pytest.raises(ModelError, match="cut short or no safetensors file; fetch it again"):
        check_whole(whole, "gpt")


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(3, 4, generator=generator) for name in ("b", "a", "c")}


def of(folder: Path, **files: dict[str, torch.Tensor]) -> str:
    folder.mkdir(exist_ok=True)
    for name, held in files.items():
        save_file(held, folder / f"{name}.safetensors", {"file": name})
    return tensors_fingerprint(sorted(folder.glob("*.safetensors")))


def test_the_fingerprint_of_tensors_is_of_names_dtypes_shapes_and_bytes(
    tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    said = b"".join(
        f'["{name}","F32",[3,4]]\n'.encode() + tensors[name].numpy().tobytes()
        for name in sorted(tensors)
    )
    assert of(tmp_path / "one", model=tensors) == hashlib.sha256(said).hexdigest()


def test_metadata_order_and_shards_change_no_fingerprint_of_tensors(
    tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    whole = of(tmp_path / "whole", model=tensors)
    assert of(tmp_path / "named", other_metadata=tensors) == whole
    first, *rest = tensors
    shards = {"z": {first: tensors[first]}, "y": {name: tensors[name] for name in rest}}
    assert of(tmp_path / "shards", **shards) == whole


def test_any_change_of_a_tensor_changes_their_fingerprint(
    tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    a = tensors["a"]
    others = [
        {**tensors, "a": a.half()},
        {**tensors, "a": a.reshape(4, 3)},
        {**tensors, "a": a.nextafter(a + 1)},
        {**tensors, "a": tensors["b"], "b": a},
        {"b": tensors["b"], "a2": a, "c": tensors["c"]},
        {"a": a, "b": tensors["b"]},
    ]
    found = {of(tmp_path / str(i), model=other) for i, other in enumerate([tensors, *others])}
    assert len(found) == 1 + len(others)
