"""Runs a model's linear layers through oneDNN where that is faster, in the same float32.

On a CPU torch multiplies float32 matrices with MKL, which is slow on some processors.
oneDNN, part of most CPU builds of torch, multiplies by weights packed beforehand, at up
to twice the speed. Nothing is assumed: the gain is timed, the hidden states are compared,
and without both the layers are put back as they were.
"""

import gc
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from embstore.models.forward_pass import Config, trial_inputs
from embstore.models.randomness import same_randomness
from embstore.models.trial import Trial

LinearKernel = Literal["onednn", "torch"]

# With fewer weights the linear layers take little of a pass, and their timings are noise.
_MIN_WEIGHTS = 2**20
# Windows of 512 tokens are usual; a few tokens would time the memory and not the arithmetic.
_TRIAL_ROWS = 512
_TRIAL_REPEATS = 6
# A smaller gain would come and go with the machine's other work.
_MAX_SHARE_OF_TIME = 0.9
_PROOF_ROWS = 4
# Of a token's norm. Summing in another order moves it by 1e-6 to 1e-5; a kernel that
# rounds to bfloat16 or TF32 on the way, by 3e-4 to 5e-3.
_TOLERANCE = 3e-4


class PackedLinear(nn.Module):
    """A linear layer whose weight oneDNN has packed. It works without gradients only."""

    weight: nn.Parameter
    bias: nn.Parameter | None

    def forward(self, x: Tensor) -> Tensor:
        """Return x Wᵀ + b."""
        return _multiply(x, self.weight, self.bias)


@dataclass(frozen=True, eq=False)
class _Linear:
    """A layer that can be packed, and what it is unpacked."""

    layer: nn.Module
    dense: type[nn.Module]
    transposed: bool

    @property
    def matrix(self) -> Tensor:
        """The weight as (outputs, inputs)."""
        weight = self.layer.get_parameter("weight").detach()
        return weight.t() if self.transposed else weight


def speed_up_linears(
    module: nn.Module, config: Config, *, transposed: type[nn.Module] | None = None
) -> LinearKernel:
    """Pack the weights of a model's linear layers if that makes them faster and no different.

    The layers are changed in place, so that every reference to one sees it packed; each
    dense weight is freed as it is packed. Left alone are subclasses of ``nn.Linear``, layers
    with hooks or that no pass calls, and weights that are tied to others.

    Args:
        module: the model, in evaluation mode; only float32 on the CPU is packed.
        config: its configuration.
        transposed: a class whose weight is kept as (inputs, outputs), GPT-2's ``Conv1D``.

    Returns:
        What the linear layers now run through; ``torch`` if the model is as it was.
    """
    linears: list[_Linear] = []
    packed = False
    with torch.no_grad():
        try:
            if _has_onednn() and not module.training:
                linears = _packable(module, transposed)
            enough = sum(linear.matrix.numel() for linear in linears) >= _MIN_WEIGHTS
            if enough and _gains(_heaviest(linears)):
                with same_randomness():
                    packed = _pack_alike(module, config, linears)
        except Exception:  # noqa: S110 - whatever fails here, the stock layers work
            pass
        finally:
            if not packed:
                for linear in linears:
                    _unpack(linear)
    return "onednn" if packed else "torch"


def linear_pace(
    outputs: int, inputs: int, *, rows: int, device: torch.device, dtype: torch.dtype
) -> float:
    """Time a linear layer through the faster of its kernels, and return operations per second.

    A product of a matrix of ``rows`` with one of (outputs, inputs) counts two operations for
    each of the numbers that it multiplies.
    """
    x = torch.ones((rows, inputs), device=device, dtype=dtype)
    weight = torch.ones((outputs, inputs), device=device, dtype=dtype)
    kernels: list[Callable[[], Tensor]] = [lambda: nn.functional.linear(x, weight)]
    if device.type == "cpu" and dtype == torch.float32 and _has_onednn():
        packed = _packed(weight)
        kernels.append(lambda: _multiply(x, packed, None))
    with torch.inference_mode():
        seconds = min(_seconds(kernel) for kernel in kernels)
    return 2 * rows * outputs * inputs / seconds


def _seconds(kernel: Callable[[], Tensor]) -> float:
    """Return the least of a few timings."""
    timings = []
    for _ in range(_TRIAL_REPEATS):
        began = time.perf_counter()
        # Copying one number back waits for an accelerator.
        float(kernel()[0, 0])
        timings.append(time.perf_counter() - began)
    return min(timings)


def _has_onednn() -> bool:
    # The operators are not part of torch's public interface; a later torch may lack them.
    names = ("_reorder_linear_weight", "_linear_pointwise")
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return available and all(hasattr(torch.ops.mkldnn, name) for name in names)


def _multiply(x: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
    return product


def _packed(matrix: Tensor) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(matrix)
    return packed


def _packable(module: nn.Module, transposed: type[nn.Module] | None) -> list[_Linear]:
    holders = Counter(
        parameter.data_ptr()
        for part in module.modules()
        for parameter in part.parameters(recurse=False)
        if _is_plain(parameter)
    )
    linears = []
    for layer in module.modules():
        kind = type(layer)
        # A subclass may mean anything by its weight: adapters, quantised numbers.
        if kind is not nn.Linear and kind is not transposed:
            continue
        if layer._forward_hooks or layer._forward_pre_hooks:
            continue
        fitting = all(_is_plain(parameter) for parameter in layer.parameters(recurse=False))
        # A tied weight would stay in memory beside its packed copy.
        if fitting and holders[layer.get_parameter("weight").data_ptr()] == 1:
            linears.append(_Linear(layer, kind, kind is transposed))
    return linears


def _is_plain(parameter: nn.Parameter) -> bool:
    return (
        type(parameter) is nn.Parameter
        and parameter.device.type == "cpu"
        and parameter.dtype == torch.float32
        and parameter.layout == torch.strided
    )


def _heaviest(linears: Sequence[_Linear]) -> _Linear:
    """Return a layer of the shape that holds most of the weights."""
    weights: Counter[torch.Size] = Counter()
    for linear in linears:
        weights[linear.matrix.shape] += linear.matrix.numel()
    return max(linears, key=lambda linear: weights[linear.matrix.shape])


def _gains(linear: _Linear) -> bool:
    """Try one layer both ways."""
    generator = torch.Generator("cpu").manual_seed(0)
    shape = (_TRIAL_ROWS, linear.matrix.shape[1])
    x = torch.randn(shape, generator=generator, device="cpu")
    packed, bias = _packed(linear.matrix), getattr(linear.layer, "bias", None)
    return _is_faster(lambda: _multiply(x, packed, bias), than=lambda: linear.layer(x))


def _is_faster(new: Callable[[], Tensor], *, than: Callable[[], Tensor]) -> bool:
    best = {new: float("inf"), than: float("inf")}
    # In turns, so that other work on the machine slows both.
    for _ in range(_TRIAL_REPEATS):
        for run in best:
            began = time.perf_counter()
            run()
            best[run] = min(best[run], time.perf_counter() - began)
    return best[new] < _MAX_SHARE_OF_TIME * best[than]


def _pack_alike(module: nn.Module, config: Config, linears: Sequence[_Linear]) -> bool:
    """Pack the layers a pass calls; tell whether the hidden states stay the same."""
    called, states = _called_in(module, config)
    # The copies that were tried share all weights and refer to themselves: until they are
    # collected, no dense weight would be freed, and the model would be in memory twice.
    gc.collect()
    for linear in linears:
        # Mamba takes the weight of one layer for a product of its own.
        if linear.layer in called:
            _pack(linear)
    return _agree(states, _hidden_states(Trial(module), config))


def _called_in(module: nn.Module, config: Config) -> tuple[set[nn.Module], list[Tensor]]:
    """Return the parts of a model that a pass calls, and its hidden states."""
    called: set[nn.Module] = set()
    trial = Trial(module)
    for part in trial.module.modules():
        part.register_forward_hook(lambda part, _args, _output: called.add(trial.original(part)))
    return called, _hidden_states(trial, config)


def _pack(linear: _Linear) -> None:
    matrix = linear.matrix
    packed = _packed(matrix)
    # The dense weight is about to go: make sure that it can be had back.
    if not torch.equal(packed.to_dense(), matrix):
        raise RuntimeError("packing changed the weight")
    linear.layer.weight = nn.Parameter(packed, requires_grad=False)
    linear.layer.__class__ = PackedLinear


def _unpack(linear: _Linear) -> None:
    is_packed = type(linear.layer) is PackedLinear
    if is_packed:
        matrix = linear.layer.get_parameter("weight").detach().to_dense()
        weight = matrix.t().contiguous() if linear.transposed else matrix
        linear.layer.__class__ = linear.dense
        linear.layer.weight = nn.Parameter(weight)


def _hidden_states(trial: Trial, config: Config) -> list[Tensor]:
    output = trial.run(trial_inputs(trial.module, config, rows=_PROOF_ROWS))
    return [state for states in output.states.values() for state in states]


def _agree(before: Sequence[Tensor], after: Sequence[Tensor]) -> bool:
    """Tell whether every token's state differs by no more than rounding; NaN never does."""
    return all(
        bool(((b - a).norm(dim=-1) <= _TOLERANCE * a.norm(dim=-1)).all())
        for a, b in zip(before, after, strict=True)
    )
