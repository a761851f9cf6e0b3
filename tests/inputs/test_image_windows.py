"""Images as sequences: what is drawn, and that its states are those of transformers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoImageProcessor, AutoModel

from embstore.checkpoints.locate import locate
from embstore.errors import CorpusError, ModelError, UsageError
from embstore.inputs.image_windows import ImageWindows, draw_images
from embstore.inputs.images import ImageFolder, open_images
from embstore.measuring.checkpoint import measure_batches
from embstore.models.description import ModelDescription, describe, model_size
from embstore.models.hidden_states import hidden_batches
from embstore.models.image_reader import ModelImageReader
from embstore.types import LayerKey
from tests import tiny_images, tiny_models

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> ImageFolder:
    return open_images(tiny_images.write_images(tmp_path_factory.mktemp("images"), 9))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {family: tiny_images.build(family, root / family) for family in tiny_images.FAMILIES}


def known(folder: Path) -> ModelDescription:
    return describe(locate(str(folder)))


def reader(folder: Path) -> ModelImageReader:
    model = known(folder)
    assert model.image_processor is not None
    return ModelImageReader(model, model.image_processor)


def drawn(images: ImageFolder, folder: Path, tokens: int = 100, seed: int = 0) -> ImageWindows:
    return draw_images(images, reader(folder), tokens=tokens, seed=seed)


@pytest.mark.parametrize("family", tiny_images.FAMILIES)
def test_an_image_has_its_patches_and_special_positions(
    family: str, images: ImageFolder, models: dict[str, Path]
) -> None:
    windows = drawn(images, models[family])
    special = tiny_images.FAMILIES[family][1]
    # 32 pixels in patches of 8, both ways.
    assert (windows.window, windows.n_special_tokens) == (16 + special, special)
    assert windows.n_windows == 100 // (16 + special)
    assert windows.n_tokens == windows.n_windows * windows.window
    assert windows.attention_mask.all()
    assert (windows.ids == np.arange(windows.window)).all()


@pytest.mark.parametrize("family", tiny_images.FAMILIES)
def test_states_are_those_of_transformers(
    family: str, images: ImageFolder, models: dict[str, Path]
) -> None:
    windows = drawn(images, models[family])
    loaded = tiny_models.load(models[family])
    assert (loaded.facts.kind, loaded.facts.architecture) == ("encoder", family)
    assert (loaded.facts.n_layers, loaded.facts.vocab_size) == (3, None)
    assert loaded.facts.modality == "vision"
    blocks = [LayerKey("encoder", layer, "block") for layer in (1, 2, 3)]
    keys = [
        LayerKey("encoder", 0, "embedding"),
        *blocks,
        LayerKey("encoder", 3, "final_norm"),
    ]
    assert loaded.stacks[0].keys == keys
    batches = list(hidden_batches(loaded, windows, batch_size=2))
    found = {key: torch.cat([batch.states[key] for batch in batches]) for key in keys}
    processor = AutoImageProcessor.from_pretrained(models[family], backend="pil")
    chosen = [Image.open(images.folder / images.names[i]).convert("RGB") for i in windows.chosen]
    pixels = processor(images=chosen, return_tensors="pt")["pixel_values"]
    module = AutoModel.from_pretrained(models[family]).eval()
    with torch.inference_mode():
        output = module(pixel_values=pixels, output_hidden_states=True)
    # Batches of another size: rounding.
    for key, expected in zip(keys, [*output.hidden_states, output.last_hidden_state], strict=True):
        torch.testing.assert_close(found[key], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("family", "norm"),
    [("vit", "layernorm"), ("dinov2", "layernorm"), ("siglip_vision_model", "post_layernorm")],
)
def test_the_last_block_is_measured_before_the_final_norm(
    family: str, norm: str, images: ImageFolder, models: dict[str, Path]
) -> None:
    loaded = tiny_models.load(models[family])
    (batch,) = hidden_batches(loaded, drawn(images, models[family]), batch_size=9)
    with torch.inference_mode():
        before = batch.states[LayerKey("encoder", 3, "block")]
        normalised = loaded.module.get_submodule(norm)(before)
    found = batch.states[LayerKey("encoder", 3, "final_norm")]
    torch.testing.assert_close(normalised, found)
    assert not torch.allclose(before, found)


@pytest.mark.parametrize("family", tiny_images.FAMILIES)
def test_the_size_is_known_without_weights(family: str, models: dict[str, Path]) -> None:
    shape = model_size(known(models[family]))
    loaded = tiny_models.load(models[family])
    assert shape.n_parameters == loaded.facts.n_parameters
    assert (shape.hidden_size, shape.n_layers) == (32, (3,))


def test_half_precision(images: ImageFolder, models: dict[str, Path]) -> None:
    loaded = tiny_models.load(models["vit"], dtype=torch.bfloat16)
    (batch,) = hidden_batches(loaded, drawn(images, models["vit"]), batch_size=9)
    assert {state.dtype for state in batch.states.values()} == {torch.bfloat16}


@pytest.mark.slow
def test_states_of_images_are_measured(images: ImageFolder, models: dict[str, Path]) -> None:
    windows = drawn(images, models["vit"])
    batches = hidden_batches(tiny_models.load(models["vit"]), windows, batch_size=2)
    measured = measure_batches(batches, np.arange(windows.n_tokens))
    assert [layer.n_tokens for layer in measured.layers] == [windows.n_tokens] * 5
    assert all(layer.n_first == windows.n_windows for layer in measured.layers)


@pytest.mark.slow
def test_the_seed_chooses_distinct_images_from_all_over(
    images: ImageFolder, models: dict[str, Path]
) -> None:
    several = [drawn(images, models["vit"], tokens=17 * 4, seed=seed) for seed in range(20)]
    for windows in several:
        # One from each of [0, 2), [2, 4), [4, 6), [6, 9).
        assert (np.searchsorted([2, 4, 6], windows.chosen, side="right") == np.arange(4)).all()
    assert {int(i) for windows in several for i in windows.chosen} == set(range(9))
    again = drawn(images, models["vit"], tokens=17 * 4, seed=3)
    assert again.sha256 == several[3].sha256
    assert (again.chosen == several[3].chosen).all()
    all_of_them = drawn(images, models["vit"], tokens=17 * 9)
    assert (all_of_them.chosen == np.arange(9)).all()


def test_the_fingerprint_knows_what_is_done_to_the_images(
    images: ImageFolder, models: dict[str, Path], tmp_path: Path
) -> None:
    before = drawn(images, models["vit"])
    folder = tiny_images.build("vit", tmp_path / "model")
    assert drawn(images, folder).sha256 == before.sha256
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"image_mean": [0.4, 0.4, 0.4]}))
    assert drawn(images, folder).sha256 != before.sha256


def test_too_few_images_or_tokens(images: ImageFolder, models: dict[str, Path]) -> None:
    with pytest.raises(
        CorpusError, match=r"too few images for 170 tokens: .* takes 10 images .* 153 "
    ):
        drawn(images, models["vit"], tokens=170)
    with pytest.raises(UsageError, match="16 tokens are less than one image, which has 17 in vit"):
        drawn(images, models["vit"], tokens=16)
    with pytest.raises(UsageError, match="seed must be at least 0, not -1"):
        drawn(images, models["vit"], seed=-1)


def test_images_of_another_size_than_the_model_takes(images: ImageFolder, tmp_path: Path) -> None:
    folder = tiny_images.build("vit", tmp_path / "model")
    path = folder / "preprocessor_config.json"
    size = {"size": {"height": 40, "width": 32}}
    path.write_text(json.dumps(json.loads(path.read_text()) | size))
    with pytest.raises(ModelError, match=r"cannot run model: .*size"):
        drawn(images, folder)


def test_images_that_come_out_in_several_sizes(images: ImageFolder, tmp_path: Path) -> None:
    folder = tiny_images.build("dinov2", tmp_path / "model")
    path = folder / "preprocessor_config.json"
    settings = json.loads(path.read_text()) | {"do_center_crop": False, "do_resize": False}
    path.write_text(json.dumps(settings))
    windows = drawn(images, folder)
    with pytest.raises(ModelError, match=r"turns 00\d\.png into .* give it a fixed size"):
        windows.inputs(slice(0, 9))


def test_patches_drawn_at_random_are_refused(images: ImageFolder, tmp_path: Path) -> None:
    folder = tiny_images.build("vit_mae", tmp_path / "model", **tiny_images.FAMILIES["vit"][0])
    with pytest.raises(ModelError, match="has 5 states of an image of 16 patches"):
        drawn(images, folder)
    with pytest.raises(ModelError, match="returns other hidden states when it is run again"):
        tiny_models.load(folder)


def test_layers_of_several_lengths_are_refused(tmp_path: Path) -> None:
    settings = {"patch_size": 4, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2]}
    folder = tiny_images.build("swin", tmp_path / "model", window_size=4, **settings)
    with pytest.raises(ModelError, match=r"SwinModel returns hidden states of shape \(1, 16, 32\)"):
        tiny_models.load(folder)
