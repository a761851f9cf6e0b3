"""A control: the dimension when each token of the vocabulary counts once.

A text repeats its tokens, and the nearest neighbour of a token's state is mostly another
occurrence of the same token. So an estimate from two neighbours over all tokens is about the
clouds of single tokens; with one occurrence of each it is about how tokens lie to each other.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import GPTNeoXForCausalLM

import embstore
from examples.training_series.tokens import Windows

# Of the first windows: as many tokens as the usual sample has.
_COMPARED = 4096


@dataclass(frozen=True)
class OneEach:
    """One checkpoint, one occurrence of each token of the vocabulary that its text has.

    Attributes:
        tokens: how many these are.
        twonn: of each block, from the first.
        errors: their standard errors.
        same_token_nearest: of 4,096 tokens one after another, the share whose nearest neighbour
            at the middle block is the same token.
    """

    tokens: int
    twonn: tuple[float, ...]
    errors: tuple[float, ...]
    same_token_nearest: float

    @property
    def mean(self) -> float:
        """Mean over the blocks."""
        return float(np.mean(self.twonn))


def measure_one_each(checkpoint: Path, windows: Windows, *, seed: int) -> OneEach:
    """Measure a saved checkpoint.

    Args:
        checkpoint: its folder.
        windows: the text.
        seed: draws the occurrences.
    """
    ids = torch.stack([window["input_ids"] for window in windows])
    blocks = _blocks(checkpoint, ids)
    tokens = ids.flatten().numpy()
    order = np.random.default_rng(seed).permutation(len(tokens))
    _, first = np.unique(tokens[order], return_index=True)
    chosen = order[first]
    found = [embstore.measure(states[chosen])["twonn"] for states in blocks]
    if any(result.value is None or result.std_error is None for result in found):
        raise ValueError(f"{checkpoint} has a block without a dimension: {found}")
    middle = blocks[len(blocks) // 2 - 1]
    return OneEach(
        tokens=len(chosen),
        twonn=tuple(result.value or 0.0 for result in found),
        errors=tuple(result.std_error or 0.0 for result in found),
        same_token_nearest=_same_nearest(middle[:_COMPARED], tokens[:_COMPARED]),
    )


def _blocks(checkpoint: Path, ids: torch.Tensor) -> list[NDArray[np.float32]]:
    """Return the state of each token after each block, (tokens, hidden size)."""
    model = GPTNeoXForCausalLM.from_pretrained(checkpoint).eval()
    kept: list[list[torch.Tensor]] = [[] for _ in model.gpt_neox.layers]
    # The model's own list has the last block only after the final norm.
    hooks = [
        layer.register_forward_hook(lambda _module, _given, state, to=to: to.append(state))
        for layer, to in zip(model.gpt_neox.layers, kept, strict=True)
    ]
    with torch.inference_mode():
        for start in range(0, len(ids), 32):
            model(ids[start : start + 32])
    for hook in hooks:
        hook.remove()
    return [torch.cat(states).flatten(0, 1).numpy() for states in kept]


def _same_nearest(states: NDArray[np.float32], tokens: NDArray[np.int64]) -> float:
    # In float64 and centred, since distances of near copies come from a difference.
    points = torch.from_numpy(states.astype(np.float64) - states.mean(axis=0, dtype=np.float64))
    apart = torch.cdist(points, points).fill_diagonal_(torch.inf)
    return float(np.mean(tokens[apart.argmin(dim=1).numpy()] == tokens))
