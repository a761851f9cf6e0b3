"""Tokens or words of a window in another order, drawn by seed: the usual control for order.

What a model makes of text that has lost its order shows what its geometry owes to the vocabulary
alone. Published controls shuffle words (Cheng et al., arXiv 2405.15471; Lee et al., 2410.01444) or
blocks of tokens: of windows of 1,024 those of Viswanathan et al. (2501.10573) have 256, 64, 16, 4
and 1.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from embstore.inputs.random_streams import SHUFFLE_STREAM, seeded_generator
from embstore.inputs.sampling import check_shuffle

_WORD = re.compile(r"\S+")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shuffle:
    """What is shuffled in each window.

    Attributes:
        unit: ``none``, ``tokens`` or ``words``.
        block: how many of them stay together, in their order; the last block may be shorter.
        seed: draws the order, of each window one that depends on no other window.
    """

    unit: Literal["none", "tokens", "words"] = "none"
    block: int = 1
    seed: int = 0

    @classmethod
    def of(cls, shuffle: str, seed: int) -> Self:
        """Read what ``Sampling.shuffle`` says.

        Raises:
            UsageError: it says no such thing.
        """
        unit, _, block = check_shuffle(shuffle).partition(":")
        return cls(unit, int(block or 1), seed)  # type: ignore[arg-type]

    def tokens(
        self, ids: NDArray[np.int64], special: Iterable[int], window: int
    ) -> NDArray[np.int64]:
        """Return a window's tokens with their blocks in another order, (n,).

        Args:
            ids: of the window, (n,).
            special: ids that the tokenizer adds to a text; tokens that have one stay in place.
            window: its number, from 0.

        >>> ids = np.array([1, 10, 11, 12, 13, 2])
        >>> Shuffle("tokens", 2).tokens(ids, [1, 2], 0).tolist() in (
        ...     [1, 10, 11, 12, 13, 2], [1, 12, 13, 10, 11, 2])
        True
        """
        moved = np.flatnonzero(~np.isin(ids, list(special)))
        shuffled = ids.copy()
        shuffled[moved] = ids[self._reordered(moved.tolist(), window)]
        return shuffled

    def words(self, text: str, window: int) -> str:
        """Return a text with its words in another order; the white space between them stays.

        Args:
            text: any.
            window: its number, from 0.
        """
        words = iter(self._reordered(_WORD.findall(text), window))
        return _WORD.sub(lambda _: next(words), text)

    def _reordered(self, items: list[Item], window: int) -> list[Item]:
        blocks = [items[at : at + self.block] for at in range(0, len(items), self.block)]
        order = seeded_generator(self.seed, SHUFFLE_STREAM, window).permutation(len(blocks))
        return [item for at in order for item in blocks[at]]


NOT_SHUFFLED = Shuffle()


def ends_of_words(text: str) -> list[int]:
    """Return where each word of a text ends.

    >>> ends_of_words("to  be")
    [2, 6]
    """
    return [word.end() for word in _WORD.finditer(text)]
