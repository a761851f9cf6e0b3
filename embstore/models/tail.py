"""What comes after a model's last block, to be applied to any state: found by its form, and proven.

Nothing of a head is known by name. A copy of the whole model gets blocks that put out whatever
state they are told to, instead of computing one; all that follows the last block, such as a final
norm, a projection, a transform, a scale or a cap of the logits, is then the model's own. Before it
is trusted, its logits of the last state are compared with those of the model itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from embstore.checkpoints.silence import quiet
from embstore.common.float32 import all_of_float32
from embstore.common.messages import one_line
from embstore.errors import ModelError
from embstore.models.devices import current
from embstore.models.forward_pass import Config, block_input, block_output, name_of, trial_inputs
from embstore.models.layout import Capture, StackLayout
from embstore.models.shared_copy import copy_sharing
from embstore.types import Kind, LayerKey

# By how much logits may differ from the model's own, of the largest: a product of another shape may
# round its sums in another order. A norm that is left out, or applied twice, moves the first digit.
_ROUNDING = 32.0


@dataclass(eq=False)
class Told:
    """The states that all blocks of a copy put out instead of what they would compute."""

    states: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Tail:
    """What comes after the last block of a model: its final norm and its head, or more.

    Attributes:
        module: the whole model, whose blocks put out what they are told.
        told: tells them.
        layout: of the stack that the head reads.
        kind: of the model.
        vocab_size: how many logits each token has.
        token: an id for the model to read; nothing depends on it, unless it stands for padding.
    """

    module: nn.Module
    told: Told
    layout: StackLayout
    kind: Kind
    vocab_size: int
    token: int

    def logits(self, states: Tensor) -> Tensor:
        """Return what the head makes of states of the last block, or of any other, (n, vocabulary).

        Args:
            states: before the final norm, (n, d).

        Raises:
            ModelError: the head does not give each token its own logits.
        """
        # Each is a sequence of one token: no position, and no other token, comes into it.
        ids = torch.full((len(states), 1), self.token, device=states.device)
        inputs = {"input_ids": ids}
        if self.kind == "encoder-decoder":
            inputs["decoder_input_ids"] = ids
        self.told.states = states[:, None, :]
        try:
            with torch.inference_mode(), quiet():
                logits = _logits_of(self.module, inputs)
        finally:
            self.told.states = None
        if logits.shape[:2] != (len(states), 1):
            raise ModelError(
                f"the head of {name_of(self.module)} does not predict from each token by itself; "
                "leave the head out"
            )
        return logits[:, 0].float()


@all_of_float32()
def find_tail(
    headed: nn.Module,
    body: nn.Module,
    stacks: tuple[StackLayout, ...],
    config: Config,
    *,
    kind: Kind,
) -> Tail:
    """Copy what comes after the last block of a model, and prove on a trial input that it is that.

    Args:
        headed: the model with its head; it stays as it is, but for weights it changes itself.
        body: the same without its head, whose layout is known.
        stacks: the layout.
        config: of the model.
        kind: of the model.

    Raises:
        ModelError: it cannot be made, or gives other logits than the model.
    """
    layout = stacks[-1]
    inputs = trial_inputs(headed, config, rows=1)
    paths = {part: path for path, part in body.named_modules()}
    try:
        with torch.inference_mode(), quiet():
            logits, last, forms = _run(headed, layout, stacks, paths, inputs)
            module, told = _tail(headed, stacks, paths, forms)
            token = int(inputs["input_ids"][0, 0])
            tail = Tail(module, told, layout, kind, logits.shape[-1], token)
            found = tail.logits(last[0])
            # As it is used later: some of the tokens, and not in their order.
            some = tail.logits(last[0, [7, 2, 5]])
    except ModelError:
        raise
    except Exception as error:
        raise _refused(headed, f"it cannot be run alone ({one_line(error)})") from error
    expected = logits[0].float()
    if bool(expected.isnan().any()):
        raise _refused(headed, "its logits of a trial input are no numbers")
    # A token that a model rules out has a logit of minus infinity.
    largest = float(expected[expected.isfinite()].abs().max())
    rounding = _ROUNDING * torch.finfo(last.dtype).eps * largest
    for mine, own in ((found, expected), (some, expected[[7, 2, 5]])):
        if mine.shape != own.shape or not mine.isclose(own, rtol=0, atol=rounding).all():
            raise _refused(headed, "applied to the last state it gives other logits than the model")
    return tail


def _refused(headed: nn.Module, why: str) -> ModelError:
    return ModelError(
        f"the head of {name_of(headed)} cannot be told from its blocks: {why}; leave the head out"
    )


def _logits_of(module: nn.Module, inputs: Mapping[str, Tensor]) -> Tensor:
    with current(inputs["input_ids"].device):
        output = module(**inputs, use_cache=False, return_dict=True)
    logits = output.get("logits")
    if not isinstance(logits, Tensor):
        raise ModelError(f"{name_of(module)} returns no logits; leave the head out")
    return logits


def _run(
    headed: nn.Module,
    layout: StackLayout,
    stacks: tuple[StackLayout, ...],
    paths: Mapping[nn.Module, str],
    inputs: Mapping[str, Tensor],
) -> tuple[Tensor, Tensor, dict[str, int | None]]:
    """Run a copy of the whole model.

    Returns:
        Its logits; the state of the last block, as it is measured; and by the path of each block
        how many things it puts out in a tuple, None for the state alone.
    """
    alone = copy_sharing(headed, {id(weight): weight for weight in headed.parameters()})
    base = _base(alone)
    forms: dict[str, int | None] = {}
    captured: dict[LayerKey, Tensor] = {}
    for stack in stacks:
        for block in stack.blocks:
            base.get_submodule(paths[block]).register_forward_hook(_note(forms, paths[block]))
    for capture in layout.captured:
        block = base.get_submodule(paths[capture.block])
        block.register_forward_hook(_keep(captured, capture), with_kwargs=True)
    with current(inputs["input_ids"].device):
        output = alone(**inputs, output_hidden_states=True, return_dict=True, use_cache=False)
    returned = zip(layout.returned, output[layout.output], strict=True)
    states = {key: state for key, state in returned if key is not None} | captured
    return output["logits"], states[LayerKey(layout.stack, layout.n_layers, "block")], forms


def _note(forms: dict[str, int | None], path: str) -> Callable[..., None]:
    def hook(_part: nn.Module, _args: object, output: object) -> None:
        forms[path] = len(output) if isinstance(output, tuple | list) else None

    return hook


def _keep(captured: dict[LayerKey, Tensor], capture: Capture) -> Callable[..., None]:
    def hook(
        _part: nn.Module, args: tuple[object, ...], kwargs: dict[str, object], output: object
    ) -> None:
        state = block_input(args, kwargs) if capture.side == "input" else block_output(output)
        if isinstance(state, Tensor):
            captured[capture.key] = state.clone()

    return hook


def _tail(
    headed: nn.Module,
    stacks: tuple[StackLayout, ...],
    paths: Mapping[nn.Module, str],
    forms: Mapping[str, int | None],
) -> tuple[nn.Module, Told]:
    """Copy a model without the weights of its blocks, which put out what they are told to.

    Blocks of an encoder before the decoder that the head reads put out what they take in.
    """
    base = _base(headed)
    given: dict[int, object] = {id(weight): weight for weight in headed.parameters()}
    for stack in stacks:
        for block in stack.blocks:
            for weight in base.get_submodule(paths[block]).parameters():
                # No memory; and a model that changes its weights as it runs changes no real ones.
                given[id(weight)] = nn.Parameter(weight.detach().to("meta"), requires_grad=False)
    alone = copy_sharing(headed, given)
    told = Told()
    for stack in stacks:
        for block in stack.blocks:
            path = paths[block]
            here = told if stack is stacks[-1] else None
            part = _base(alone).get_submodule(path)
            part.__dict__["forward"] = _putting_out(here, forms[path])
    return alone.eval(), told


def _putting_out(told: Told | None, n_outputs: int | None) -> Callable[..., object]:
    def forward(*args: object, **kwargs: object) -> object:
        state = block_input(args, kwargs) if told is None else told.states
        if not isinstance(state, Tensor):
            raise TypeError("a block is run without a state")
        # A copy: what follows may change it in place.
        state = state.clone()
        return state if n_outputs is None else (state, *[None] * (n_outputs - 1))

    return forward


def _base(headed: nn.Module) -> nn.Module:
    base = headed.base_model
    if not isinstance(base, nn.Module):
        raise TypeError(f"{name_of(headed)} has no part without its head")
    return base
