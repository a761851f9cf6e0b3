"""Folders of small images of noise, and models of images to feed them to."""

from pathlib import Path

import numpy as np
import torch
from transformers import AutoConfig, AutoModel, BitImageProcessorPil, ViTImageProcessorPil

_SMALL = {"num_hidden_layers": 3, "num_attention_heads": 2, "hidden_size": 32}
_IMAGE = {"image_size": 32, "patch_size": 8}

# With the number of positions that are no patches: a class token, a distillation token,
# registers.
FAMILIES: dict[str, tuple[dict[str, int], int]] = {
    "vit": ({**_SMALL, **_IMAGE, "intermediate_size": 64}, 1),
    "deit": ({**_SMALL, **_IMAGE, "intermediate_size": 64}, 2),
    "dinov2": ({**_SMALL, **_IMAGE}, 1),
    "dinov2_with_registers": ({**_SMALL, **_IMAGE, "num_register_tokens": 2}, 3),
    "dinov3_vit": (
        {**_SMALL, **_IMAGE, "intermediate_size": 64, "num_register_tokens": 2},
        3,
    ),
    "siglip_vision_model": ({**_SMALL, **_IMAGE, "intermediate_size": 64}, 0),
}


def write_images(folder: Path, n: int, *, suffix: str = ".png", seed: int = 0) -> Path:
    """Write so many images of noise, of several sizes."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    for i in range(n):
        pixels = generator.integers(0, 256, (40 + i, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03d}{suffix}")
    return folder


def build(family: str, folder: Path, **changes: object) -> Path:
    """Save a random model of a family, with its image processor, as a model folder."""
    settings = FAMILIES[family][0] if family in FAMILIES else {"image_size": 32}
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **{**settings, **changes})
    AutoModel.from_config(config).save_pretrained(folder)
    if family.startswith("dinov2"):
        # Cut to size rather than distorted.
        processor = BitImageProcessorPil(
            size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32}
        )
    else:
        processor = ViTImageProcessorPil(size={"height": 32, "width": 32})
    processor.save_pretrained(folder)
    return folder
