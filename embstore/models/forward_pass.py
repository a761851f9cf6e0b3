"""Runs a model for its hidden states, on what it is given or on a trial input."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from embstore.common.float32 import all_of_float32
from embstore.errors import ModelError

# Long enough for state-space convolutions, short enough to cost nothing.
_TRIAL_LENGTH = 12


class Config(Protocol):
    """The part of a Hugging Face configuration that the probe reads."""

    is_encoder_decoder: bool
    vocab_size: int


def name_of(module: nn.Module) -> str:
    """Return what messages call a model: its class, or that of the one it is wrapped around."""
    return str(getattr(module, "shown_name", type(module).__name__))


def takes_images(module: nn.Module) -> bool:
    """Tell whether a model reads pixels instead of token ids."""
    return getattr(module, "main_input_name", "input_ids") == "pixel_values"


def trial_inputs(module: nn.Module, config: Config, *, rows: int) -> dict[str, Tensor]:
    """Return an input that the model can take: random tokens, or noise for images.

    Args:
        module: the model.
        config: its configuration.
        rows: number of sequences; of images there is one, which is as long as many.
    """
    weight = next(module.parameters())
    # On the CPU, also where another device is torch's default.
    generator = torch.Generator("cpu").manual_seed(0)
    if takes_images(module):
        size = getattr(config, "image_size", None) or 224
        height, width = (size, size) if isinstance(size, int) else size
        channels = getattr(config, "num_channels", 3)
        # The default dtype may be another while a second thread reads a model.
        noise = torch.randn(
            (1, channels, height, width), generator=generator, dtype=torch.float32, device="cpu"
        )
        return {"pixel_values": noise.to(weight.device, weight.dtype)}
    # An end-of-text or padding id among them could be masked; low ids usually are special.
    low = min(10, config.vocab_size - 1)
    shape = (rows, _TRIAL_LENGTH)
    ids = torch.randint(low, config.vocab_size, shape, generator=generator, device="cpu")
    ids = ids.to(weight.device)
    if not config.is_encoder_decoder:
        return {"input_ids": ids}
    # Another input than the encoder's: shared embeddings would make the stacks look alike.
    return {"input_ids": ids, "decoder_input_ids": ids.flip(1)}


@dataclass(frozen=True, eq=False)
class Output:
    """What a model returned: tuples of hidden states by name, and its last state, if any."""

    states: dict[str, tuple[Tensor, ...]]
    last: Tensor | None


@all_of_float32()
def forward(module: nn.Module, inputs: Mapping[str, Tensor], *, attentions: bool = False) -> Output:
    """Run the model for its hidden states.

    Args:
        module: the model.
        inputs: what it is called with.
        attentions: whether it is asked for its attention, too.

    Raises:
        ModelError: the model returns none.
    """
    # Models of images keep no cache, and some do not know the word.
    options = {} if "pixel_values" in inputs else {"use_cache": False}
    if attentions:
        options["output_attentions"] = True
    output = module(**inputs, output_hidden_states=True, return_dict=True, **options)
    names = ("hidden_states", "encoder_hidden_states", "decoder_hidden_states")
    states = {name: output[name] for name in names if output.get(name) is not None}
    if not states:
        raise ModelError(f"{name_of(module)} returns no hidden states; it cannot be measured")
    return Output(states, output.get("last_hidden_state"))


def block_output(output: object) -> object:
    """Return the hidden state of a block that may return more beside it."""
    return output[0] if isinstance(output, tuple | list) and output else output


def block_input(args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
    """Return the hidden state that a block was called with, whatever it calls that."""
    if args or "hidden_states" in kwargs:
        return args[0] if args else kwargs["hidden_states"]
    states = (value for value in kwargs.values() if isinstance(value, Tensor) and value.ndim == 3)
    return next((state for state in states if state.is_floating_point()), None)
