"""What a model's own head predicts from the states of every layer: the logit lens."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from embstore.common.float32 import all_of_float32
from embstore.common.float64 import has_float64
from embstore.common.gpu_memory import share_of_free
from embstore.models.tail import Tail
from embstore.types import FloatArray, LayerKey, Stack, TokenNumber

# The logits of one block of tokens stay below this size; half a dozen arrays of it are alive.
BLOCK_BYTES = 32 * 2**20
# On a GPU, which has to be asked for each block and layer anew.
_GPU_BLOCK_BYTES, _GPU_SHARE = 2**30, 1 / 32
_SINGLE = 4

OfLayer = Mapping[TokenNumber, FloatArray | str]


class Lens:
    """What comes after a model's last block, applied to the states of every layer."""

    def __init__(self, tail: Tail) -> None:
        """Take the model's own norm and head, as ``find_tail`` has found them."""
        keys = tail.layout.keys
        self._keys = [key for key in keys if key.site != "final_norm"]
        self._normed = [key for key in keys if key.site == "final_norm"]
        self._tail = tail

    @property
    def stack(self) -> Stack:
        """The stack that the head reads."""
        return self._tail.layout.stack

    @all_of_float32()
    def numbers(
        self,
        states: Mapping[LayerKey, Tensor],
        ids: NDArray[np.int64],
        mask: NDArray[np.bool_],
    ) -> dict[LayerKey, OfLayer]:
        """Return entropy, divergence from the last layer and loss of every token, by layer.

        Logits are made for a block of tokens, one layer after the other, and let go.

        Args:
            states: of every layer, (windows, window, d).
            ids: what the stack has read, (windows, window).
            mask: which positions are tokens, (windows, window).

        Returns:
            For each layer (windows, window), NaN where a token has none; or why there are none.
        """
        found: dict[LayerKey, OfLayer] = {
            key: dict.fromkeys(_NUMBERS, "the head reads the states of the decoder")
            for key in states
            if key.stack != self.stack
        }
        last = states[self._keys[-1]]
        width = last.shape[-1]
        (places,) = np.nonzero(mask.ravel())
        following = np.where(mask, np.roll(ids, -1, axis=1), -1)
        following[:, -1] = -1
        following[:, :-1][~mask[:, 1:]] = -1
        wanted = torch.from_numpy(following.ravel()).to(last.device)
        numbers = {
            key: {what: np.full(mask.size, np.nan) for what in _NUMBERS}
            for key in self._keys
            if states[key].shape[-1] == width
        }
        n_together = max(1, block_bytes_on(last.device) // (_SINGLE * self._tail.vocab_size))
        with torch.inference_mode():
            for start in range(0, len(places), n_together):
                block = places[start : start + n_together]
                rows = torch.from_numpy(block).to(last.device)
                final = _Shares.of(self._logits(last, rows))
                for key, of_layer in numbers.items():
                    logits = final.logits if key == self._keys[-1] else None
                    if logits is None:
                        logits = _from_largest(self._logits(states[key], rows))
                    for what, values in final.compared(logits, wanted[rows]).items():
                        of_layer[what][block] = values.cpu().numpy()
                    del logits
                del final
        for key in self._keys:
            if key not in numbers:
                why = f"the head reads states of {width} dimensions"
                found[key] = dict.fromkeys(_NUMBERS, why)
                continue
            whole: dict[TokenNumber, FloatArray | str] = {
                what: values.reshape(mask.shape) for what, values in numbers[key].items()
            }
            if self._tail.kind != "decoder":
                whole["loss"] = "the model has read the tokens that it would predict"
            found[key] = whole
        # After the norm it is the same prediction.
        return found | dict.fromkeys(self._normed, found[self._keys[-1]])

    def _logits(self, states: Tensor, rows: Tensor) -> Tensor:
        """Return the logits of some tokens, (n, vocabulary)."""
        flat = states.reshape(-1, states.shape[-1])
        return self._tail.logits(flat[rows])


def block_bytes_on(device: torch.device) -> int:
    """Return how large the logits of one block of tokens may be."""
    return share_of_free(str(device), _GPU_SHARE, least=BLOCK_BYTES, most=_GPU_BLOCK_BYTES)


@dataclass(frozen=True, eq=False)
class _Shares:
    """What the last layer predicts for a block of tokens.

    Attributes:
        logits: less the largest of each token, (n, vocabulary).
        shares: their softmax, (n, vocabulary).
        entropy: of each token's shares, (n,).
    """

    logits: Tensor
    shares: Tensor
    entropy: Tensor

    @classmethod
    def of(cls, logits: Tensor) -> "_Shares":
        """Take logits, which are changed in place."""
        logits = _from_largest(logits)
        shares = logits.exp()
        total = shares.sum(dim=-1, keepdim=True)
        shares /= total
        return cls(logits, shares, _in_double(total[:, 0]).log() - _product(shares, logits))

    def compared(self, logits: Tensor, wanted: Tensor) -> dict[TokenNumber, Tensor]:
        """Return each token's loss, entropy and divergence from this to a layer's, (n,).

        Args:
            logits: of the layer, less the largest of each token, (n, vocabulary).
            wanted: the token that comes next, -1 for none, (n,).
        """
        unscaled = logits.exp()
        total = _in_double(unscaled.sum(dim=-1))
        from_largest = total.log()
        entropy = from_largest - _product(unscaled, logits) / total
        # Σq log q − Σq log p, which is never negative; what rounding leaves of 0 may be.
        apart = from_largest - _product(self.shares, logits) - self.entropy
        loss = from_largest - _in_double(logits.gather(1, wanted.clamp(min=0)[:, None])[:, 0])
        return {
            "loss": torch.where(wanted < 0, math.nan, loss),
            "lens entropy": entropy.clamp(min=0),
            "lens divergence": apart.clamp(min=0) * (logits is not self.logits),
        }


_NUMBERS: tuple[TokenNumber, ...] = ("loss", "lens entropy", "lens divergence")
# Of a token that a model rules out, less than any share that single precision has; a product with
# no share at all is then 0.
_RULED_OUT = -1e30


def _from_largest(logits: Tensor) -> Tensor:
    """Take the largest logit of each token off all of its own, in place."""
    logits -= logits.amax(dim=-1, keepdim=True)
    return logits.clamp_(min=_RULED_OUT)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum of products along each row, (n,)."""
    return _in_double(torch.linalg.vecdot(a, b))


def _in_double(values: Tensor) -> Tensor:
    return values.double() if has_float64(values.device.type) else values
