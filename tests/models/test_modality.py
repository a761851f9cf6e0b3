"""Which models read images, and what prepares them."""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import HubertConfig, PretrainedConfig

from embstore.checkpoints.located import Located
from embstore.errors import ModelError
from embstore.models.description import describe, load_image_processor, modality_of
from embstore.models.image_reader import processor_sha256
from embstore.models.loaded import load_config
from embstore.types import Checkpoint
from tests import tiny_images, tiny_models

pytest.importorskip("PIL")


def located(folder: Path) -> Located:
    return Located("model", "folder", folder, None, Checkpoint("local", "0" * 64, 1))


@pytest.mark.parametrize("family", tiny_images.FAMILIES)
def test_models_of_images(family: str, tmp_path: Path) -> None:
    known = describe(located(tiny_images.build(family, tmp_path)))
    assert (known.tokenizer, known.context) == (None, None)
    assert known.image_processor is not None
    assert known.image_processor is not None


def test_a_tokenizer_for_a_model_of_images_is_refused(tmp_path: Path) -> None:
    asked = replace(located(tiny_images.build("vit", tmp_path)), other_tokenizer=True)
    with pytest.raises(ModelError, match="model reads images and has no use for a tokenizer"):
        describe(asked)


def test_the_processor_beside_a_model_goes_before_that_of_a_folder_above(tmp_path: Path) -> None:
    above = tiny_images.build("vit", tmp_path / "run")
    own = tiny_images.build("dinov2", tmp_path / "run" / "checkpoint-1")
    found = describe(replace(located(own), tokenizer_folder=above))
    assert type(found.image_processor).__name__ == "BitImageProcessorPil"


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_models_of_text(family: str, build: Callable[[str], Path]) -> None:
    known = describe(located(build(family)))
    assert known.image_processor is None
    assert known.tokenizer is not None


class OwnConfig(PretrainedConfig):  # type: ignore[misc]
    """Stands for the configuration of a model with code of its own."""

    model_type = "own"


def test_models_with_code_of_their_own_are_told_by_their_files(tmp_path: Path) -> None:
    assert modality_of(located(tmp_path), OwnConfig()) == "text"
    (tmp_path / "preprocessor_config.json").write_text("{}")
    assert modality_of(located(tmp_path), OwnConfig()) == "vision"
    (tmp_path / "tokenizer_config.json").write_text("{}")
    assert modality_of(located(tmp_path), OwnConfig()) == "text"


def test_models_of_sound(tmp_path: Path) -> None:
    HubertConfig().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="model, a hubert, reads input_values; embstore measures"):
        describe(located(tmp_path))


def test_no_image_processor(tmp_path: Path) -> None:
    folder = tiny_images.build("vit", tmp_path)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match="cannot load the image processor of model: ") as raised:
        describe(located(folder))
    assert "\n" not in str(raised.value)


def test_without_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_images.build("vit", tmp_path)
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "PIL" else real(name)
    )
    with pytest.raises(ModelError, match=r"vision extra.*pip install 'embstore\[vision\]'"):
        load_image_processor(located(folder))
    assert load_config(located(folder)).model_type == "vit"


def test_the_fingerprint_knows_every_setting(tmp_path: Path) -> None:
    processor = load_image_processor(located(tiny_images.build("vit", tmp_path)))
    before = processor_sha256(processor)
    assert len(before) == 64
    processor.image_mean = [0.1, 0.2, 0.3]
    assert processor_sha256(processor) != before
