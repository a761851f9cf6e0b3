"""Runs a model for its hidden states, on what it is given or on a trial input."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from embstore.common.float32 import all_of_float32
from embstore.common.messages import counted
from embstore.errors import ModelError
from embstore.models.devices import current

# Long enough for state-space convolutions, short enough to cost nothing.
_TRIAL_LENGTH = 12
# Low ids usually are special; of a small vocabulary no more than half of them.
_MOSTLY_SPECIAL = 10
# What a model may mask, or make other embeddings of.
_TREATED_APART = ("pad_token_id", "mask_token_id")


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

    Raises:
        ModelError: its vocabulary has no two tokens to try it on.
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
    ids = _trial_ids(module, config, rows, generator).to(weight.device)
    if not config.is_encoder_decoder:
        return {"input_ids": ids}
    # Another input than the encoder's: shared embeddings would make the stacks look alike.
    return {"input_ids": ids, "decoder_input_ids": ids.flip(1)}


def _trial_ids(module: nn.Module, config: Config, rows: int, generator: torch.Generator) -> Tensor:
    """Draw the ids of a trial; the last of each row is another than its first.

    So the row backwards is another row, and the last id can be exchanged for one that differs.
    """
    usable = _usable_ids(config)
    if len(usable) <= 1:
        raise ModelError(
            f"the vocabulary of {name_of(module)} has {len(usable)} of "
            f"{counted(config.vocab_size, 'token')} that can stand in a text, and two are needed "
            "to find out what it is; it cannot be measured"
        )
    drawn = torch.randint(len(usable), (rows, _TRIAL_LENGTH), generator=generator, device="cpu")
    alike = drawn[:, -1] == drawn[:, 0]
    drawn[alike, -1] = (drawn[alike, -1] + 1) % len(usable)
    return usable[drawn]


def _usable_ids(config: Config) -> Tensor:
    """Return the ids that most likely are plain tokens; of very few all that may be read."""
    named = (getattr(config, name, None) for name in _TREATED_APART)
    apart = torch.tensor([i for i in named if isinstance(i, int)], dtype=torch.int64, device="cpu")
    every = torch.arange(config.vocab_size, device="cpu")
    every = every[~torch.isin(every, apart)]
    plain = every[every >= min(_MOSTLY_SPECIAL, config.vocab_size // 2)]
    return plain if len(plain) > 1 else every


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
    with current(next(iter(inputs.values())).device):
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
