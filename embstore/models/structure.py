"""Finds out by running a model what kind it is and where its hidden states come from.

Names and model types are not trusted: a fine-tuned checkpoint may be a decoder
made bidirectional, and every family calls its blocks and its last norm differently.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from embstore.errors import ModelError
from embstore.models.forward_pass import Config, Output, name_of, takes_images, trial_inputs
from embstore.models.layout import StackLayout, find_layout
from embstore.models.randomness import same_randomness
from embstore.models.trial import Records, Trial
from embstore.types import Kind, Stack

# By how much earlier tokens change with the last one, of their length. A causal model repeats
# itself, or differs by rounding (1e-7); an encoder with untrained weights already moves the third
# digit. In between, and up to what rounding to bfloat16 does, numbers of more digits decide.
_CAUSAL, _ROUNDED = 2e-6, 1e-2
# Where those cannot be had: beyond any rounding of float32, and short of any encoder.
_ROUNDED_SINGLE = 1e-4


@dataclass(frozen=True)
class Probe:
    """What the probe found.

    Attributes:
        kind: encoder, decoder or both.
        stacks: how each yields its hidden states.
        changed_weights: the model has changed its own weights in the trial, so that they are
            to be read again.
    """

    kind: Kind
    stacks: tuple[StackLayout, ...]
    changed_weights: bool


def probe(module: nn.Module, config: Config) -> Probe:
    """Run a copy of a model on a short input, and again with another last token.

    Earlier positions that change have seen a later one: the model is an encoder.
    An encoder-decoder is recognised from its configuration, and models of images are
    encoders. The model stays as it is, but for weights that it changes itself.

    Raises:
        ModelError: the model returns no hidden states, not one for each token, not the same
            ones when it is run again, or such as cannot be told apart.
    """
    inputs = trial_inputs(module, config, rows=1)
    with same_randomness():
        return _probe(module, config, inputs)


def _probe(module: nn.Module, config: Config, inputs: dict[str, Tensor]) -> Probe:
    trial = Trial(module)
    found, records = trial.record(inputs)
    changed = trial.changed_weights
    for states in found.states.values():
        _check_shapes(name_of(module), states, inputs.get("input_ids"))
    if not _is_finite(found):
        trial, inputs, found, records = _try_wider(module, inputs)
    if config.is_encoder_decoder:
        kind: Kind = "encoder-decoder"
        wanted: list[tuple[Stack, str]] = [
            ("encoder", "encoder_hidden_states"),
            ("decoder", "decoder_hidden_states"),
        ]
    else:
        last = found.states["hidden_states"][-1]
        _check_repeatable(trial, inputs, last)
        ahead = takes_images(module) or _sees_ahead(trial, inputs, last)
        kind = "encoder" if ahead else "decoder"
        wanted = [(kind, "hidden_states")]
    stacks = tuple(find_layout(stack, name, found, records) for stack, name in wanted)
    return Probe(kind, stacks, changed)


def _try_wider(
    module: nn.Module, inputs: Mapping[str, Tensor]
) -> tuple[Trial, dict[str, Tensor], Output, Records]:
    """Try again with numbers of more range: NaN cannot be told from NaN."""
    narrow = next(module.parameters()).dtype
    for dtype in _wider_than(narrow):
        trial = _trial_in(dtype, module)
        wide = {k: v.to(dtype) if v.is_floating_point() else v for k, v in inputs.items()}
        found, records = trial.record(wide)
        if _is_finite(found):
            return trial, wide, found, records
    raise ModelError(
        f"{name_of(module)} returns hidden states of NaN or infinity for any text, also in "
        "numbers of more range; its training has diverged, or its file is damaged"
    )


def _is_finite(found: Output) -> bool:
    return all(bool(state.isfinite().all()) for states in found.states.values() for state in states)


def _check_shapes(name: str, states: Sequence[Tensor], ids: Tensor | None) -> None:
    expected = states[0].shape[:2] if ids is None else ids.shape
    for state in states:
        if state.ndim != 3 or state.shape[:2] != expected:
            raise ModelError(
                f"{name} returns hidden states of shape {tuple(state.shape)} for "
                f"{expected[-1]} tokens; embstore needs one state per token and layer"
            )


def _check_repeatable(trial: Trial, inputs: Mapping[str, Tensor], state: Tensor) -> None:
    """Refuse models that draw at random, such as masked autoencoders, which leave out patches."""
    again = trial.run(inputs).states["hidden_states"][-1]
    # On an accelerator sums may round another way; drawing at random is no rounding.
    if state.shape != again.shape or not torch.allclose(
        _numbers(state), _numbers(again), rtol=1e-2, atol=1e-3
    ):
        raise ModelError(
            f"{name_of(trial.module)} returns other hidden states when it is run again on "
            "the same input; a model whose output is random cannot be measured"
        )


def _sees_ahead(trial: Trial, inputs: Mapping[str, Tensor], state: Tensor) -> bool:
    ids = inputs["input_ids"]
    changed = ids.clone()
    # Another one: so they are drawn.
    changed[0, -1] = ids[0, 0]
    narrow = next(trial.module.parameters()).dtype
    change = _change_before(state, _last_state(trial, changed))
    # Another token may go to another expert, and rows of a product of another size are rounded
    # another way: in bfloat16 that looks as if earlier tokens had seen it.
    for dtype in _wider_than(narrow):
        if not _CAUSAL < change <= _ROUNDED:
            break
        try:
            wider = _trial_in(dtype, trial.module)
            change = _change_before(_last_state(wider, ids), _last_state(wider, changed))
        except (RuntimeError, TypeError):
            # No memory for such a copy, or no such numbers on this device or in this model.
            return change > max(torch.finfo(narrow).eps, _ROUNDED_SINGLE)
    return change > _CAUSAL


def _last_state(trial: Trial, ids: Tensor) -> Tensor:
    return trial.run({"input_ids": ids}).states["hidden_states"][-1]


def _change_before(state: Tensor, other: Tensor) -> float:
    """Return by how much all tokens but the last differ, of their length."""
    before, after = _numbers(state[0, :-1]), _numbers(other[0, :-1])
    return float((after - before).norm() / before.norm())


def _wider_than(narrow: torch.dtype) -> list[torch.dtype]:
    bits = torch.finfo(narrow).bits
    return [it for it in (torch.float32, torch.float64) if torch.finfo(it).bits > bits]


def _trial_in(dtype: torch.dtype, module: nn.Module) -> Trial:
    """Return a copy of a model to try, in numbers of more range and more digits."""
    trial = Trial(module, dtype)
    switch = getattr(trial.module, "set_experts_implementation", None)
    if dtype == torch.float64 and switch is not None:
        # Products of all experts at once know no float64. Not every family has such.
        with contextlib.suppress(ValueError, RuntimeError, AttributeError):
            switch("eager")
    return trial


def _numbers(state: Tensor) -> Tensor:
    """Return a state in double precision; not every accelerator has it."""
    return state.cpu().double()
