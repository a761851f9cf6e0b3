"""A tokenizer at work: text to the ids of one window, also of shuffled text."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from embstore.errors import UsageError
from embstore.inputs.sampling import check_window
from embstore.inputs.shuffling import Shuffle, ends_of_words


class Tokenizer(Protocol):
    """What of a Hugging Face tokenizer is used here."""

    def __call__(
        self, text: str, *, add_special_tokens: bool, truncation: bool, max_length: int
    ) -> Mapping[str, list[int]]:
        """Return ``input_ids``, with special tokens, of at most ``max_length``."""


@dataclass(frozen=True)
class Encoder:
    """A tokenizer that fills windows of one length.

    Attributes:
        tokenizer: turns text into ids, and cuts what is too much behind the end.
        window: the most tokens of a window, with special ones.
        special: the ids that it adds to each.
    """

    tokenizer: Tokenizer
    window: int
    special: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Tokenizer, *, tokens: int, window: int) -> Self:
        """Find out what a tokenizer adds to each window.

        Args:
            tokenizer: a Hugging Face tokenizer, or anything called like one.
            tokens: of all windows together.
            window: tokens of one.

        Raises:
            UsageError: the window has no room for two tokens of text, or exceeds ``tokens``.
        """
        check_window(window, tokens)
        tokenizer = _cutting_behind(tokenizer)
        empty = tokenizer("", add_special_tokens=True, truncation=True, max_length=max(window, 16))
        special = tuple(empty["input_ids"])
        least = len(special) + 2
        if window < least:
            raise UsageError(
                f"window {window}: too small, since the tokenizer adds {len(special)} special"
                f" tokens to each; take {least} or more"
            )
        return cls(tokenizer, window, special)

    @property
    def n_special_tokens(self) -> int:
        """How many tokens the tokenizer adds to each window."""
        return len(self.special)

    def ids(self, text: str, most: int | None = None) -> list[int]:
        """Return a text's ids with special ones, cut to the window, or to ``most``."""
        encoded = self.tokenizer(
            text, add_special_tokens=True, truncation=True, max_length=most or self.window
        )
        return list(encoded["input_ids"])

    def shuffled(
        self, words: str, found: Sequence[int], shuffle: Shuffle, number: int
    ) -> Sequence[int]:
        """Return a window's ids after shuffling.

        Words may become another number of tokens in another order: what is too much is cut off,
        what lacks is filled with the words behind the passage, as far as there are any.

        Args:
            words: the text that begins with the window's passage.
            found: its ids as it is.
            shuffle: what is shuffled.
            number: of the window, from 0.
        """
        if shuffle.unit == "tokens":
            ids = np.asarray(found, dtype=np.int64)
            tokens: list[int] = shuffle.tokens(ids, self.special, number).tolist()
            return tokens
        if shuffle.unit == "none":
            return found
        end = self._end_of_passage(words)
        return self.ids(shuffle.words(words[:end], number) + words[end:])

    def _end_of_passage(self, words: str) -> int:
        """Return behind which character the fewest words end that fill a window; of few, all."""
        ends = ends_of_words(words)
        fewest, most = 1, len(ends)
        while fewest < most:
            middle = (fewest + most) // 2
            # One token more shows that the last one of the window is whole.
            if len(self.ids(words[: ends[middle - 1]], self.window + 1)) >= self.window:
                most = middle
            else:
                fewest = middle + 1
        return ends[most - 1] if ends else 0


def _cutting_behind(tokenizer: Tokenizer) -> Tokenizer:
    """Return a tokenizer that keeps the beginning of a text that is too long.

    Some are set to keep the end, for prompts: of each window that would be a passage which depends
    on how much was read. The user's own stays as it is.
    """
    if getattr(tokenizer, "truncation_side", None) != "left":
        return tokenizer
    other = copy.copy(tokenizer)
    other.truncation_side = "right"  # type: ignore[attr-defined]
    return other
