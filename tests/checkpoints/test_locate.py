"""A checkpoint's files and the fingerprint of its weights, from disk and from the Hub."""

import hashlib
import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from embstore.checkpoints.adapter_settings import settings_digest
from embstore.checkpoints.find import find
from embstore.checkpoints.locate import fetch_weights, fingerprinted, locate, locate_files
from embstore.checkpoints.located import Located, Permissions
from embstore.errors import ModelError
from embstore.store.ids import checkpoint_id
from tests.fake_hub import FakeHub, online
from tests.hub_cache import add_revision, commit_of


def files_of(spec: str | Path, **options: str | None) -> Located:
    return locate_files(find(str(spec), **options)[-1], Permissions())  # type: ignore[arg-type]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def server(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with online(monkeypatch) as running:
        yield running


def test_a_folder_is_named_after_itself(tiny_llama: Path) -> None:
    found = locate(f"{tiny_llama}/")
    assert (found.name, found.source, found.checkpoint.revision) == (
        "tiny-llama",
        "folder",
        "local",
    )
    assert found.checkpoint.weights_bytes == (tiny_llama / "model.safetensors").stat().st_size


def test_the_fingerprint_is_the_sha256_of_a_single_file(tiny_llama: Path) -> None:
    expected = sha256(tiny_llama / "model.safetensors")
    assert locate(str(tiny_llama)).checkpoint.weights_sha256 == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("./nowhere", r"no such model: ./nowhere does not exist; check the path"),
        ("nowhere.gguf", r"no such model: nowhere.gguf does not exist"),
        ("nobody/nothing", r"neither a local path nor in the Hub cache"),
        ("nobody/nothing@v2", r"neither a local path nor in the Hub cache"),
        ("not a name", r"neither a local path nor a public Hub model"),
    ],
)
def test_no_such_model(spec: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        locate(spec)


def test_a_folder_without_config(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        locate(str(tmp_path))


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    path.write_text("x")
    with pytest.raises(ModelError, match=r"is a file, but not a \.gguf file"):
        locate(str(path))


def test_a_file_that_only_claims_to_be_gguf(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_text("x" * 100)
    with pytest.raises(ModelError, match="does not start with the bytes GGUF"):
        locate(str(path))


def test_gguf_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "gguf" else real(name)
    )
    with pytest.raises(ModelError, match=r"gguf extra.*pip install 'embstore\[gguf\]'"):
        locate(str(path))


def test_weights_are_missing(tiny_llama: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "model"))
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"lacks its weights: no model\.safetensors"):
        locate(str(folder))
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="only pickled weights"):
        locate(str(folder))


def test_a_broken_list_of_shards(tiny_llama: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "model"))
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(ModelError, match=r"index\.json that lists no weights"):
        locate(str(folder))


def test_a_hub_model_is_named_by_its_id_and_revision(hub_cache: Path, tiny_llama: Path) -> None:
    snapshot = add_revision(hub_cache, "lab/tiny", "main", tiny_llama)
    add_revision(hub_cache, "lab/tiny", "v2", tiny_llama)
    found = locate("lab/tiny")
    assert (found.name, found.source, found.checkpoint.revision) == ("lab/tiny", "hub", "main")
    assert found.folder == snapshot
    assert locate("lab/tiny@v2").checkpoint.revision == "v2"
    assert found.checkpoint.weights_sha256 == locate(str(tiny_llama)).checkpoint.weights_sha256


def test_a_hub_model_with_pickled_weights_only(hub_cache: Path, tiny_llama: Path) -> None:
    snapshot = add_revision(hub_cache, "lab/tiny", "main", tiny_llama)
    (snapshot / "model.safetensors").rename(snapshot / "pytorch_model.bin")
    with pytest.raises(ModelError, match="lab/tiny has only pickled weights"):
        locate("lab/tiny")
    # A download leaves the pickled file on the Hub.
    (snapshot / "pytorch_model.bin").unlink()
    with pytest.raises(ModelError, match="lab/tiny lacks its weights"):
        locate("lab/tiny")


def test_a_revision_that_is_not_in_the_cache(hub_cache: Path, tiny_llama: Path) -> None:
    add_revision(hub_cache, "lab/tiny", "main", tiny_llama)
    with pytest.raises(ModelError, match="lab/tiny"):
        locate("lab/tiny@v3")


def test_the_fingerprint_of_tensors_takes_the_place_of_that_of_files(
    tiny_llama: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(tiny_llama, tmp_path / "other"))
    save_file(load_file(other / "model.safetensors"), other / "model.safetensors", {"by": "me"})
    files = [files_of(tiny_llama), files_of(other)]
    assert len({f.checkpoint.weights_sha256 for f in files}) == 2
    one, two = (fingerprinted(found).checkpoint for found in files)
    assert one.weights_sha256 == two.weights_sha256
    assert [one.files_sha256, two.files_sha256] == [f.checkpoint.weights_sha256 for f in files]
    # The id, and with it the run's, stays that of the files.
    assert checkpoint_id("m", one) == checkpoint_id("m", files[0].checkpoint)
    drawn = locate_files(find(str(tiny_llama), init_seed=0)[-1], Permissions())
    assert fingerprinted(drawn) == drawn


def test_training_state_is_no_part_of_the_fingerprint(tiny_llama: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "run" / "checkpoint-7"))
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"):
        (folder / name).write_bytes(b"never read")
    found = files_of(tmp_path / "run")
    assert found.checkpoint.weights_sha256 == sha256(tiny_llama / "model.safetensors")
    assert (found.checkpoint.revision, found.checkpoint.step) == ("checkpoint-7", 7)


def test_the_tokenizer_above_its_checkpoints_is_used(tiny_llama: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "run" / "checkpoint-7"))
    for file in folder.glob("tokenizer*"):
        file.rename(tmp_path / "run" / file.name)
    assert files_of(tmp_path / "run").tokenizer_folder == tmp_path / "run"
    assert files_of(tiny_llama).tokenizer_folder is None


def test_another_models_tokenizer_can_be_asked_for(
    tiny_llama: Path, tiny_bert: Path, hub_cache: Path
) -> None:
    assert files_of(tiny_llama, tokenizer=str(tiny_bert)).tokenizer_folder == tiny_bert
    snapshot = add_revision(hub_cache, "lab/tiny", "main", tiny_bert)
    assert files_of(tiny_llama, tokenizer="lab/tiny").tokenizer_folder == snapshot


def test_damaged_weights_are_seen_before_they_are_loaded(tiny_llama: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "model"))
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="but its header promises"):
        files_of(folder)


def test_the_cache_names_weights_by_their_digest_so_they_are_not_read(
    tiny_llama: Path, hub_cache: Path
) -> None:
    snapshot = add_revision(hub_cache, "lab/tiny", "step5", tiny_llama)
    weights = (snapshot / "model.safetensors").resolve()
    stated = weights.name
    # Other bytes under the same name: only who reads them would notice.
    weights.write_bytes(b"x" * weights.stat().st_size)
    found = files_of("lab/tiny@step5")
    assert found.checkpoint.weights_sha256 == stated == sha256(tiny_llama / "model.safetensors")
    with pytest.raises(ModelError, match="damaged weights"):
        fetch_weights(found)


def test_everything_but_the_weights_comes_first_then_those_that_are_used(
    server: FakeHub, tiny_llama: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "model"))
    for name in ("pytorch_model.bin", "consolidated.safetensors", "modeling_own.py"):
        (folder / name).write_bytes(b"not wanted")
    server.revisions["lab/tiny", "step5"] = folder
    found = files_of("lab/tiny", revisions="step*")
    weights = folder / "model.safetensors"
    assert found.download_bytes == weights.stat().st_size
    assert found.checkpoint.weights_sha256 == sha256(weights)
    assert "model.safetensors" not in {file.name for file in found.folder.iterdir()}
    fetch_weights(found)
    assert (found.folder / "model.safetensors").read_bytes() == weights.read_bytes()
    fetched = {file.name for file in found.folder.iterdir()}
    assert not fetched & {"pytorch_model.bin", "consolidated.safetensors", "modeling_own.py"}
    assert files_of("lab/tiny@step5").download_bytes == 0


def test_code_is_fetched_only_where_it_may_run(
    server: FakeHub, tiny_llama: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "model"))
    (folder / "modeling_own.py").write_text("x = 1")
    server.revisions["lab/own", "main"] = folder
    found = locate("lab/own", permissions=Permissions(remote_code=True))
    assert found.remote_code
    assert (found.folder / "modeling_own.py").read_text() == "x = 1"


def test_an_untrained_control_needs_no_weights(
    server: FakeHub, tiny_llama: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "model"))
    (folder / "model.safetensors").unlink()
    server.revisions["lab/tiny", "main"] = folder
    found = [locate_files(find("lab/tiny", init_seed=seed)[0], Permissions()) for seed in (0, 0, 1)]
    assert [f.checkpoint.revision for f in found] == 2 * ["random-init-0"] + ["random-init-1"]
    digests = [f.checkpoint.weights_sha256 for f in found]
    assert digests[0] == digests[1] != digests[2]
    assert [f.download_bytes for f in found] == [0, 0, 0]


@pytest.fixture
def adapter(tiny_llama: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    config = {"peft_type": "LORA", "base_model_name_or_path": str(tiny_llama)}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    # An empty but whole safetensors file.
    (folder / "adapter_model.safetensors").write_bytes(b"\x02" + bytes(7) + b"{}")
    return folder


def test_an_adapter_stands_on_its_base(adapter: Path, tiny_llama: Path) -> None:
    found = files_of(adapter)
    assert found.base is not None
    assert found.base.folder == tiny_llama
    assert found.tokenizer_folder == tiny_llama
    digests = (
        sha256(adapter / "adapter_model.safetensors"),
        settings_digest({"peft_type": "LORA"}),
        found.base.checkpoint.weights_sha256,
    )
    joined = "".join(f"{digest}\n" for digest in digests)
    assert found.checkpoint.weights_sha256 == hashlib.sha256(joined.encode()).hexdigest()


def test_adapters_of_equal_tensors_and_other_settings_are_no_copies(adapter: Path) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    found = []
    for settings in ({"lora_alpha": 4}, {"lora_alpha": 32}, {"lora_alpha": 4, "lora_dropout": 0.1}):
        (adapter / "adapter_config.json").write_text(json.dumps(config | settings))
        located = files_of(adapter)
        found.append((located.checkpoint, fingerprinted(located).checkpoint))
    for one, other, same in zip(*found, strict=True):
        assert one.weights_sha256 != other.weights_sha256
        assert one.weights_sha256 == same.weights_sha256


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{}", "names no base model"),
        ('{"base_model_name_or_path": null}', "names no base model"),
        ('{"base_model_name_or_path": ""}', "names no base model"),
        ("[]", "names no base model"),
        ("null", "names no base model"),
        ('"base_model_name_or_path"', "names no base model"),
        ('{"base_model_name_or_path": "lab/nothing"}', "is an adapter; its base: no such model"),
    ],
)
def test_an_adapter_without_its_base(
    adapter: Path, hub_cache: Path, config: str, message: str
) -> None:
    (adapter / "adapter_config.json").write_text(config)
    with pytest.raises(ModelError, match=message):
        files_of(adapter)


def test_an_adapter_says_nothing_of_an_untrained_model(adapter: Path) -> None:
    with pytest.raises(ModelError, match="give the base model instead"):
        locate_files(find(str(adapter), init_seed=0)[0], Permissions())


def test_the_same_weights_under_two_revisions_have_one_fingerprint(
    tiny_llama: Path, hub_cache: Path
) -> None:
    for revision in ("step1", "step2"):
        add_revision(hub_cache, "lab/tiny", revision, tiny_llama)
    one, two = files_of("lab/tiny@step1"), files_of("lab/tiny@step2")
    assert one.checkpoint.weights_sha256 == two.checkpoint.weights_sha256
    assert one.snapshot is not None
    assert one.snapshot.commit == commit_of("step1")
