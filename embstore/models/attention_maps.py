"""Takes from each block its attention as it is made, reduces it to a few numbers, and lets it go.

The maps of one batch at all layers would take more memory than the model. So each is looked at in
the part of the model that puts it out. Which part that is, a trial shows: what is put out there is
number for number what the model returns as its attention.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from embstore.common.float64 import has_float64
from embstore.errors import ModelError
from embstore.models.forward_pass import Config, name_of, takes_images, trial_inputs
from embstore.models.layout import StackLayout
from embstore.models.randomness import same_randomness
from embstore.models.shared_copy import copy_sharing
from embstore.types import FloatArray, LayerKey, Stack, TokenNumber

# By how much a row of attention may miss one, of half-precision numbers.
_ROUNDING = 0.02
_ADVICE = "leave attention out (--attention, or metrics of the family attention)"
_NUMBERS: tuple[TokenNumber, ...] = ("attention entropy", "attention to first")

OfLayer = Mapping[TokenNumber, FloatArray | str]


@dataclass(frozen=True, eq=False)
class _Tap:
    """Where maps come from: the place in what a part puts out, and whose each of its runs is."""

    part: nn.Module
    place: int
    keys: tuple[LayerKey, ...]


@dataclass(eq=False)
class AttentionMaps:
    """Where a model's attention can be had.

    Attributes:
        taps: the parts that put it out.
        on_request: whether the model makes it only if it is asked to return it.
    """

    taps: tuple[_Tap, ...]
    on_request: bool
    _found: dict[LayerKey, dict[TokenNumber, FloatArray]] = field(default_factory=dict)
    _runs: dict[nn.Module, int] = field(default_factory=dict)

    def hooks(self) -> list[RemovableHandle]:
        """Take the maps from now on; the caller removes the hooks."""
        return [tap.part.register_forward_hook(self._take(tap)) for tap in self.taps]

    def numbers(
        self, stacks: tuple[StackLayout, ...], shape: tuple[int, ...], name: str
    ) -> dict[LayerKey, OfLayer]:
        """Return what was found in the pass that is over, by layer.

        Args:
            stacks: the model's layout.
            shape: of its tokens, (windows, window).
            name: of the model, for messages.

        Returns:
            For each layer the entropy, (windows, window), and the attention to the first token,
            (windows, window, heads); or why there is none.

        Raises:
            ModelError: a layer has put none out.
        """
        found, self._found, self._runs = self._found, {}, {}
        whole: dict[LayerKey, OfLayer] = {}
        for layout in stacks:
            for key in layout.keys:
                if not key.layer:
                    whole[key] = dict.fromkeys(_NUMBERS, "no attention comes before the embedding")
                    continue
                of_block = found.get(LayerKey(key.stack, key.layer, "block"), {})
                # Padding behind the longest window, as sparse attention adds it, is cut off.
                cut = {what: values[:, : shape[1]] for what, values in of_block.items()}
                if not cut or any(values.shape[:2] != shape for values in cut.values()):
                    raise ModelError(
                        f"{name} gives no whole attention for windows of {shape[1]} tokens, as "
                        f"where it is sparse; take other windows, or {_ADVICE}"
                    )
                whole[key] = cut
        return whole

    def _take(self, tap: _Tap) -> Callable[[nn.Module, object, object], object]:
        def hook(part: nn.Module, _args: object, output: object) -> object:
            run = self._runs.get(part, 0)
            self._runs[part] = run + 1
            made = _at(output, tap.place)
            if made is None or run >= len(tap.keys):
                return None
            self._found[tap.keys[run]] = _reduced(made)
            if not self.on_request or not isinstance(output, tuple):
                return None
            # The model gathers what it returns: something small in place of the map.
            small = made.new_zeros(())
            return (*output[: tap.place], small, *output[tap.place + 1 :])

        return hook


def _at(output: object, place: int) -> Tensor | None:
    """Return the map at a place of what a part puts out, if there is one."""
    if not isinstance(output, tuple | list) or len(output) <= place:
        return None
    made = output[place]
    return made if isinstance(made, Tensor) and made.ndim == 4 else None


def _reduced(attention: Tensor) -> dict[TokenNumber, FloatArray]:
    """Return each token's entropy, averaged over heads, and each head's attention to the first.

    Args:
        attention: (windows, heads, tokens, tokens).
    """
    sums = torch.float64 if has_float64(attention.device.type) else torch.float32
    # A window at a time: the whole batch's products would take as much again as its map.
    entropies = [
        torch.special.entr(window.float()).sum(dim=-1, dtype=sums).mean(dim=0)
        for window in attention
    ]
    first = attention[:, :, :, 0].transpose(1, 2)
    return {
        "attention entropy": torch.stack(entropies).cpu().numpy().astype(np.float64),
        "attention to first": first.float().cpu().numpy().astype(np.float64),
    }


def find_attention(
    module: nn.Module, stacks: tuple[StackLayout, ...], config: Config
) -> AttentionMaps:
    """Find which parts of a model put out the attention of its blocks, by running a copy of it.

    Args:
        module: the model, with eager attention; it stays as it is.
        stacks: its layout.
        config: its configuration.

    Raises:
        ModelError: it has no attention, or not one map for each block, or hides it.
    """
    if takes_images(module):
        raise ModelError(f"{name_of(module)} reads images, of which no attention is measured")
    alone = copy_sharing(module, {id(weight): weight for weight in module.parameters()})
    original = dict(zip(alone.modules(), module.modules(), strict=True))
    inputs = trial_inputs(module, config, rows=1)
    with torch.inference_mode(), same_randomness():
        maps, runs = _recorded(alone, inputs, stacks, asked=True)
        taps = _taps(maps, runs, module)
        _, unasked = _recorded(alone, inputs, stacks, asked=False)
    on_request = not all(
        sum(run.part is tap.part and run.place == tap.place for run in unasked) == len(tap.keys)
        for tap in taps
    )
    taps = tuple(_Tap(original[tap.part], tap.place, tap.keys) for tap in taps)
    return AttentionMaps(taps, on_request)


@dataclass(frozen=True, eq=False)
class _Run:
    part: nn.Module
    place: int
    made: Tensor


def _recorded(
    alone: nn.Module,
    inputs: Mapping[str, Tensor],
    stacks: tuple[StackLayout, ...],
    *,
    asked: bool,
) -> tuple[dict[LayerKey, Tensor], list[_Run]]:
    """Run a model; return the maps it gives, if asked for, and all that could be one on the way."""
    runs: list[_Run] = []

    def note(part: nn.Module, _args: object, output: object) -> None:
        places = range(len(output)) if isinstance(output, tuple | list) else range(0)
        found = ((place, _at(output, place)) for place in places)
        runs.extend(_Run(part, place, made.clone()) for place, made in found if made is not None)

    hooks = [part.register_forward_hook(note) for part in alone.modules()]
    options = {"output_attentions": True} if asked else {}
    try:
        output = alone(**inputs, return_dict=True, use_cache=False, **options)
    finally:
        for hook in hooks:
            hook.remove()
    return (dict(_maps(alone, output, stacks)) if asked else {}), runs


def _maps(
    alone: nn.Module, output: Mapping[str, object], stacks: tuple[StackLayout, ...]
) -> Iterator[tuple[LayerKey, Tensor]]:
    names: dict[Stack, str] = {"encoder": "encoder_attentions", "decoder": "decoder_attentions"}
    for layout in stacks:
        given = output.get(names[layout.stack] if len(stacks) > 1 else "attentions")
        maps = given if isinstance(given, tuple | list) else ()
        if len(maps) != layout.n_layers or not all(map(_is_attention, maps)):
            raise ModelError(
                f"{name_of(alone)} returns no attention for each of its {layout.n_layers} blocks "
                "that adds up to one for each token, as where it is recurrent or sparse; "
                f"{_ADVICE}"
            )
        for layer, made in enumerate(maps, start=1):
            yield LayerKey(layout.stack, layer, "block"), made


def _is_attention(made: object) -> bool:
    if not isinstance(made, Tensor) or made.ndim != 4 or made.shape[2] != made.shape[3]:
        return False
    rows = made.float().sum(dim=-1)
    return bool(((rows - 1).abs() <= _ROUNDING).all())


def _taps(maps: Mapping[LayerKey, Tensor], runs: list[_Run], module: nn.Module) -> tuple[_Tap, ...]:
    """Say where each map comes from: the first part that puts it out."""
    keys: dict[tuple[nn.Module, int], list[LayerKey]] = {}
    used: set[int] = set()
    for key, made in maps.items():
        for number, run in enumerate(runs):
            if number not in used and run.made.shape == made.shape and torch.equal(run.made, made):
                used.add(number)
                keys.setdefault((run.part, run.place), []).append(key)
                break
        else:
            raise ModelError(
                f"the attention that {name_of(module)} returns is put out by none of its parts, so "
                f"that it cannot be taken from them; {_ADVICE}"
            )
    return tuple(_Tap(part, place, tuple(some)) for (part, place), some in keys.items())
